/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/filename.h"

#include "common/base/utf8.h"
#include "common/media/text.h"

#include <string.h>
#include <strings.h>

static const char *const dangerous[] = {
    "apk", "app", "appimage", "bat", "cmd", "com", "cpl", "deb", "desktop", "dll", "dmg", "exe",  "gadget",
    "hta", "inf", "jar",      "js",  "jse", "lnk", "msc", "msi", "msp",     "pif", "ps1", "psm1", "reg",
    "rpm", "run", "scf",      "scr", "sh",  "sys", "url", "vb",  "vbe",     "vbs", "ws",  "wsf",  "wsh",
};

static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0);
}

/* Marks that turn the direction of writing: "gpj.exe" can be made to look like "exe.jpg". */
static bool turns_direction(uint32_t point)
{
    return (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069) || point == 0x200E ||
           point == 0x200F;
}

enum err_code filename_check(const char *name, size_t len, struct err *err)
{
    if (len == 0)
        return fail(err, E_REFUSED, "an empty file name");
    if (len > FILENAME_MAX_LEN)
        return fail(err, E_REFUSED, "a file name longer than %d bytes", FILENAME_MAX_LEN);
    if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
        return fail(err, E_REFUSED, "a file name that leads out of its folder");
    for (const char *at = name, *end = name + len; at < end;)
    {
        uint32_t point = text_next(&at, end);
        if (point == '/' || point == '\\')
            return fail(err, E_REFUSED, "a file name with a slash in it");
        if (is_control(point) || turns_direction(point))
            return fail(err, E_REFUSED, "a file name with a control character in it");
    }
    return E_OK;
}

bool filename_is_dangerous(const char *name)
{
    size_t len = strlen(name);
    while (len > 0 && (name[len - 1] == '.' || name[len - 1] == ' ')) /* Windows drops them */
        len--;
    const char *dot = memrchr(name, '.', len);
    if (dot == NULL)
        return false;
    size_t ext_len = len - (size_t)(dot + 1 - name);
    for (size_t i = 0; i < sizeof dangerous / sizeof dangerous[0]; i++)
        if (strlen(dangerous[i]) == ext_len && strncasecmp(dot + 1, dangerous[i], ext_len) == 0)
            return true;
    return false;
}

/* Copies what may stay of [at, end) and returns its length. */
static size_t keep(const char *at, const char *end, char *to, size_t size)
{
    size_t len = 0;
    while (at < end)
    {
        const char *from = at;
        uint32_t point = text_next(&at, end);
        size_t count = (size_t)(at - from);
        bool drop = is_control(point) || turns_direction(point) || point == TEXT_BROKEN;
        if (drop || (len == 0 && (point == '.' || point == ' ')))
            continue;
        if (len + count > size)
            break;
        memcpy(to + len, point < 0x80 && strchr("<>:\"|?*", (int)point) != NULL ? "_" : from, count);
        len += count;
    }
    while (len > 0 && (to[len - 1] == '.' || to[len - 1] == ' '))
        len--;
    return len;
}

void filename_clean(const char *name, char clean[FILENAME_SIZE])
{
    const char *base = name;
    for (const char *at = name; *at != '\0'; at++)
        if (*at == '/' || *at == '\\')
            base = at + 1;
    size_t len = keep(base, base + strlen(base), clean, FILENAME_MAX_LEN - 1);
    clean[len] = '\0';
    if (len == 0)
        strcpy(clean, "file");
    else if (filename_is_dangerous(clean))
        strcpy(clean + len, "_");
}
