/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/filename.h"

#include "common/base/utf8.h"
#include "common/media/text.h"

#include <string.h>
#include <strings.h>

enum
{
    CUT_LEN = 240, /* libtorrent's: what is longer loses its middle, a short extension stays */
    EXTENSION_LEN = 10
};

static const char *const dangerous[] = {
    "apk", "app", "appimage", "bat", "cmd", "com", "cpl", "deb", "desktop", "dll", "dmg", "exe",  "gadget",
    "hta", "inf", "jar",      "js",  "jse", "lnk", "msc", "msi", "msp",     "pif", "ps1", "psm1", "reg",
    "rpm", "run", "scf",      "scr", "sh",  "sys", "url", "vb",  "vbe",     "vbs", "ws",  "wsf",  "wsh",
};

/* Marks that libtorrent leaves out, and those that it keeps though they hide something. */
static bool is_left_out(uint32_t point)
{
    return point == '\\' || point == 0x200E || point == 0x200F || (point >= 0x202A && point <= 0x202E);
}

static bool hides(uint32_t point)
{
    return (point >= 0x7F && point < 0xA0) || (point >= 0x2066 && point <= 0x2069);
}

/* How many bytes libtorrent takes for one character: by its first byte, be the rest right or not. */
static size_t step_of(const char *at, const char *end)
{
    unsigned char c = (unsigned char)*at;
    size_t step = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : c >> 2 == 62 ? 5 : 1;
    return step < (size_t)(end - at) ? step : (size_t)(end - at);
}

/* The dot of a short extension behind `at`; NULL: none. */
static const char *extension(const char *name, const char *at, const char *end)
{
    const char *from = end - name > EXTENSION_LEN ? end - EXTENSION_LEN : name;
    from = from > at ? from : at;
    return from + 1 < end ? memrchr(from + 1, '.', (size_t)(end - from - 1)) : NULL;
}

static enum err_code check_raw(const char *name, size_t len, struct err *err)
{
    if (len == 0)
        return fail(err, E_REFUSED, "an empty file name");
    if (memchr(name, '/', len) != NULL)
        return fail(err, E_REFUSED, "a file name with a slash in it");
    if (memchr(name, '\0', len) != NULL)
        return fail(err, E_REFUSED, "a file name with a control character in it");
    for (const char *at = name, *end = name + len; at < end;)
        if (hides(text_next(&at, end)))
            return fail(err, E_REFUSED, "a file name with a control character in it");
    return E_OK;
}

/* As libtorrent's sanitize_append_path_element, which bounds no row of '_': FILENAME_SIZE for too long. */
static size_t mend(const char *name, const char *end, char *to)
{
    size_t len = 0;
    bool is_cut = false;
    for (const char *at = name; at < end;)
    {
        size_t step = step_of(at, end);
        const char *next = at;
        uint32_t point = text_next(&next, end);
        if (len + step > FILENAME_MAX_LEN)
            return FILENAME_SIZE;
        bool is_right = point != TEXT_BROKEN && point >= ' ';
        if (point == TEXT_BROKEN || !is_left_out(point))
        {
            memcpy(to + len, is_right ? at : "_", is_right ? step : 1);
            len += is_right ? step : 1;
        }
        if (is_right && len >= CUT_LEN && !is_cut && !is_left_out(point))
        {
            at = extension(name, at, end);
            if (at == NULL)
                break;
            is_cut = true;
            continue;
        }
        at += step;
    }
    return len;
}

enum err_code filename_mend(const char *name, size_t len, char mended[FILENAME_SIZE], struct err *err)
{
    char text[FILENAME_SIZE];
    enum err_code code = check_raw(name, len, err);
    if (code != E_OK)
        return code;
    size_t count = mend(name, name + len, text);
    if (count > FILENAME_MAX_LEN)
        return fail(err, E_REFUSED, "a file name longer than %d bytes", FILENAME_MAX_LEN);
    text[count] = '\0';
    if (count == 0)
        return fail(err, E_REFUSED, "an empty file name");
    if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return fail(err, E_REFUSED, "a file name that leads out of its folder");
    memcpy(mended, text, count + 1);
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
        bool drop = text_is_control(point) || text_turns(point) || point == TEXT_BROKEN;
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
