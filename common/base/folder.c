/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/folder.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum folder_state folder_look(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno == ENOENT ? FOLDER_MISSING : errno == ENOTDIR ? FOLDER_NONE : FOLDER_CLOSED;
    if (!S_ISDIR(st.st_mode))
        return FOLDER_NONE;
    return access(path, R_OK | W_OK | X_OK) == 0 ? FOLDER_FINE : FOLDER_CLOSED;
}

const char *folder_words(enum folder_state state)
{
    static const char *const words[] = {
        [FOLDER_FINE] = "can be read and written",
        [FOLDER_MISSING] = "is not there",
        [FOLDER_CLOSED] = "cannot be read and written by this user",
        [FOLDER_NONE] = "is no folder",
    };
    return words[state];
}

double folder_free_gib(const char *path)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0)
        return -1;
    return (double)fs.f_bavail * (double)fs.f_frsize / (1 << 30);
}
