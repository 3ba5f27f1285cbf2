/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: settings and folders. */
#include "cli/doctor.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const double low_space_gib = 1.0;

static const struct
{
    enum conf_program program;
    const char *name;
} programs[] = {
    {CONF_API, "sokoul-api"},
    {CONF_SCOUT, "sokoul-scout"},
    {CONF_HUNTER, "sokoul-hunter"},
};

void doctor_settings(struct doctor *doctor)
{
    static const char advice[] = "set it in the environment or the env file, see docs/CONFIG.md";
    const char *env_file = option_text(&doctor->session->options, OPTION_ENV_FILE, NULL);
    struct err err = ERR_INIT;
    if (session_load(doctor->session, &err) != E_OK)
    {
        doctor_add(doctor, FINDING_BAD, "settings", advice, "%s", err.text);
        return;
    }
    doctor->conf = doctor->session->conf;
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
    {
        struct conf *conf = NULL;
        enum err_code code = conf_load(programs[i].program, env_file, &conf, &err);
        if (code == E_OK)
            doctor_add(doctor, FINDING_OK, "settings", "", "%s has what it needs", programs[i].name);
        else
            doctor_add(doctor, FINDING_BAD, "settings", advice, "%s cannot start, %s", programs[i].name,
                       err.text);
        if (code == E_OK)
            conf_free(conf);
    }
}

/* What a container finds there lies on its host in a folder that keeps others away. */
static bool is_container_secret(const char *path)
{
    static const char folder[] = "/run/secrets/";
    return strncmp(path, folder, sizeof folder - 1) == 0;
}

/* It holds every password. Its group may read it, for a service that is not its owner. */
void doctor_env_file(struct doctor *doctor)
{
    const char *path = option_text(&doctor->session->options, OPTION_ENV_FILE, ".env");
    struct stat st;
    if (stat(path, &st) != 0)
        return;
    if ((st.st_mode & S_IRWXO) != 0 && !is_container_secret(path))
        doctor_add(doctor, FINDING_BAD, "settings", "chmod o= that file, and change what is secret in it",
                   "%.200s can be read by every user of this machine", path);
    else
        doctor_add(doctor, FINDING_OK, "settings", "", "%.200s is kept from other users", path);
}

static void check_space(struct doctor *doctor, const char *dir)
{
    struct statvfs fs;
    if (statvfs(dir, &fs) != 0)
        return;
    double gib = (double)fs.f_bavail * (double)fs.f_frsize / (1 << 30);
    doctor_add(doctor, gib < low_space_gib ? FINDING_BAD : FINDING_OK, "folders", "make room",
               "%.1f GiB are free in %.200s", gib, dir);
}

void doctor_folders(struct doctor *doctor)
{
    struct stat st;
    if (doctor->conf == NULL)
        return;
    const char *dir = doctor->conf->download_dir;
    if (stat(dir, &st) != 0)
        doctor_add(doctor, errno == ENOENT ? FINDING_NOTE : FINDING_BAD, "folders",
                   "make it, or name another in DOWNLOAD_DIR", "%.200s: %s", dir, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        doctor_add(doctor, FINDING_BAD, "folders", "name another in DOWNLOAD_DIR", "%.200s is no folder",
                   dir);
    else if (access(dir, R_OK | W_OK | X_OK) != 0)
        doctor_add(doctor, FINDING_BAD, "folders", "give it to the user that runs sokoul-hunter",
                   "%.200s cannot be written by this user", dir);
    else
    {
        doctor_add(doctor, FINDING_OK, "folders", "", "%.200s can be read and written", dir);
        check_space(doctor, dir);
    }
}
