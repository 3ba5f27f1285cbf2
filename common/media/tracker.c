/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/tracker.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum use
{
    LEAVE_OUT,
    KEEP
};

static const struct
{
    const char *scheme;
    enum use as[2]; /* by enum tracker_kind */
} schemes[] = {
    {"udp://", {KEEP, LEAVE_OUT}},
    {"http://", {KEEP, KEEP}},
    {"https://", {KEEP, KEEP}},
};

static bool is_blank_or_control(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7F;
}

static bool has_control(const char *url, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (is_blank_or_control(url[i]) && url[i] != ' ')
            return true;
    return false;
}

/* A host, and no name before an '@' in the part that names it. */
static bool has_plain_host(const char *host, const char *end)
{
    const char *at = host;
    for (; at < end && memchr("/?#", *at, 3) == NULL; at++)
        if (*at == '@')
            return false;
    return at > host;
}

static bool is_usable(enum tracker_kind kind, const char *url, size_t len)
{
    if (len > TRACKER_MAX_LEN || has_control(url, len))
        return false;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
    {
        size_t scheme_len = strlen(schemes[i].scheme);
        if (len > scheme_len && strncasecmp(url, schemes[i].scheme, scheme_len) == 0)
            return schemes[i].as[kind] == KEEP && has_plain_host(url + scheme_len, url + len);
    }
    return false;
}

static bool contains(const struct tracker_list *list, const char *url)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->urls[i], url) == 0)
            return true;
    return false;
}

/* The address as it will be asked: nothing but ASCII, its scheme in lower case, no blanks. */
static char *write_out(struct arena *arena, const char *url, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(arena, 3 * len + 1);
    char *to = text;
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++)
    {
        unsigned char c = (unsigned char)url[i];
        bool plain = c != ' ' && c < 0x80;
        *to++ = plain ? url[i] : '%';
        if (!plain)
        {
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    *to = '\0';
    for (char *c = text; *c != '\0' && *c != ':'; c++)
        *c = (char)tolower((unsigned char)*c);
    return text;
}

enum err_code tracker_list_add(struct arena *arena, struct tracker_list *list, enum tracker_kind kind,
                               const char *url, size_t len, struct err *err)
{
    while (len > 0 && is_blank_or_control(url[0]))
        url++, len--;
    while (len > 0 && is_blank_or_control(url[len - 1]))
        len--;
    if (list->count == TRACKER_MAX_COUNT || !is_usable(kind, url, len))
        return E_OK;
    char *copy = write_out(arena, url, len);
    if (list->urls == NULL)
        list->urls = arena_array(arena, TRACKER_MAX_COUNT, sizeof *list->urls);
    if (copy == NULL || list->urls == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the addresses of trackers");
    if (strlen(copy) <= TRACKER_MAX_LEN && !contains(list, copy))
        list->urls[list->count++] = copy;
    return E_OK;
}
