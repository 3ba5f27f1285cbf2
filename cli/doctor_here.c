/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: settings and folders. */
#include "cli/doctor.h"
#include "common/base/folder.h"

#include <string.h>
#include <sys/stat.h>

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

/* A file of a container in that folder is on the host in a folder that other users cannot enter. */
static bool is_container_secret(const char *path)
{
    static const char folder[] = "/run/secrets/";
    return strncmp(path, folder, sizeof folder - 1) == 0;
}

/* The env file has every password. Its group may read it, for a service that is not its owner. */
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
    double gib = folder_free_gib(dir);
    if (gib < 0)
        return;
    doctor_add(doctor, gib < low_space_gib ? FINDING_BAD : FINDING_OK, "folders", "make room",
               "%.1f GiB are free in %.200s", gib, dir);
}

void doctor_folders(struct doctor *doctor)
{
    static const struct
    {
        enum finding_state finding;
        const char *advice;
    } rows[] = {
        [FOLDER_FINE] = {FINDING_OK, ""},
        [FOLDER_MISSING] = {FINDING_NOTE, "make it, or name another in DOWNLOAD_DIR"},
        [FOLDER_CLOSED] = {FINDING_BAD, "give it to the user that runs sokoul-hunter"},
        [FOLDER_NONE] = {FINDING_BAD, "name another in DOWNLOAD_DIR"},
    };
    if (doctor->conf == NULL)
        return;
    const char *dir = doctor->conf->download_dir;
    const enum folder_state state = folder_look(dir);
    doctor_add(doctor, rows[state].finding, "folders", rows[state].advice, "%.200s %s", dir,
               folder_words(state));
    if (state == FOLDER_FINE)
        check_space(doctor, dir);
}
