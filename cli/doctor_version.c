/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: the version, and whether the programs in this folder find their libraries. */
#include "cli/doctor.h"
#include "cli/needed.h"
#include "common/http/http.h"
#include "common/probe/ground.h"

#include <dlfcn.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static const char *const programs[] = {"sokoul-api", "sokoul-scout", "sokoul-hunter"};

enum
{
    LIST_BYTES = 512
};

void doctor_version(struct doctor *doctor)
{
    struct err err = ERR_INIT;
    struct buf found;
    buf_init(&found, LIST_BYTES);
    doctor_add(doctor, FINDING_OK, "version", "", "sokoulctl %s", SOKOUL_VERSION);
    if (ground_libraries(http_library, &found, &err) == E_OK)
        doctor_add(doctor, FINDING_OK, "libraries", "", "%.*s", (int)found.len, found.data);
    else
        doctor_add(doctor, FINDING_BAD, "libraries", "install the library again, or build Sokoul anew", "%s",
                   err.text);
    buf_fini(&found);
}

/* The loader searches as it will when the program is started. False: a library is missing, and a finding
 * names it. */
static bool load(struct doctor *doctor, const char *program, const char *library)
{
    void *loaded = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (loaded != NULL)
    {
        dlclose(loaded);
        return true;
    }
    doctor_add(doctor, FINDING_BAD, "libraries",
               "install the package that has it (of a source tree: make setup)", "%s cannot start, %.250s",
               program, dlerror());
    return false;
}

static void check_program(struct doctor *doctor, const char *folder, const char *program)
{
    char path[PATH_MAX + 32];
    const char **names = NULL;
    size_t count = 0;
    struct err err = ERR_INIT;
    snprintf(path, sizeof path, "%s/%s", folder, program);
    enum err_code code = needed_read(path, doctor->session->arena, &names, &count, &err);
    if (code == E_NOT_FOUND)
        return; /* it may run on another machine */
    if (code != E_OK)
    {
        doctor_add(doctor, FINDING_BAD, "libraries", "install Sokoul again", "%s: %s", program, err.text);
        return;
    }
    bool all = true;
    for (size_t i = 0; i < count; i++)
        all = load(doctor, program, names[i]) && all;
    if (all)
        doctor_add(doctor, FINDING_OK, "libraries", "", "%s finds all %zu that it names", program, count);
}

void doctor_programs(struct doctor *doctor)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0)
        return;
    self[len] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        check_program(doctor, self, programs[i]);
}
