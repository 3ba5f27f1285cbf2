/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/tracker.h"

#include "common/media/text.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum use
{
    KEEP,
    LEAVE_OUT
};

static const struct
{
    const char *scheme;
    enum use as[2]; /* by enum tracker_kind */
} schemes[] = {
    {"udp://", {KEEP, LEAVE_OUT}},      {"http://", {KEEP, KEEP}},
    {"https://", {KEEP, KEEP}},         {"ws://", {LEAVE_OUT, LEAVE_OUT}},
    {"wss://", {LEAVE_OUT, LEAVE_OUT}}, {"ftp://", {LEAVE_OUT, LEAVE_OUT}},
    {"dht://", {LEAVE_OUT, LEAVE_OUT}},
};

static const char *const kind_names[] = {"tracker", "web seed"};

static bool has_bad_character(const char *url, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)url[i] <= ' ' || url[i] == 0x7F)
            return true;
    return false;
}

/* A name before '@' in the part that names the host. */
static bool has_credentials(const char *url, size_t len)
{
    const char *host = memmem(url, len, "://", 3);
    if (host == NULL)
        return false;
    host += 3;
    for (const char *end = url + len; host < end && strchr("/?#\\", *host) == NULL; host++)
        if (*host == '@')
            return true;
    return false;
}

static enum err_code look_at(enum tracker_kind kind, const char *url, size_t len, enum use *use,
                             struct err *err)
{
    const char *name = kind_names[kind];
    if (len > TRACKER_MAX_LEN)
        return fail(err, E_REFUSED, "a %s address is longer than %d bytes", name, TRACKER_MAX_LEN);
    if (has_bad_character(url, len))
        return fail(err, E_REFUSED, "a %s address has a blank or a control character", name);
    if (has_credentials(url, len))
        return fail(err, E_REFUSED, "a %s address has a user name or a password in it", name);
    *use = LEAVE_OUT;
    if (memmem(url, len, ":", 1) == NULL)
        return E_OK;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
    {
        size_t scheme_len = strlen(schemes[i].scheme);
        if (len < scheme_len || strncasecmp(url, schemes[i].scheme, scheme_len) != 0)
            continue;
        *use = len > scheme_len ? schemes[i].as[kind] : LEAVE_OUT;
        return E_OK;
    }
    return fail(err, E_REFUSED, "a %s address is not udp, http or https", name);
}

static bool contains(const struct tracker_list *list, const char *url)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->urls[i], url) == 0)
            return true;
    return false;
}

enum err_code tracker_list_add(struct arena *arena, struct tracker_list *list, enum tracker_kind kind,
                               const char *url, size_t len, struct err *err)
{
    while (len > 0 && strchr(" \t\r\n", url[0]) != NULL && url[0] != '\0')
        url++, len--;
    while (len > 0 && strchr(" \t\r\n", url[len - 1]) != NULL && url[len - 1] != '\0')
        len--;
    enum use use = LEAVE_OUT;
    enum err_code code = look_at(kind, url, len, &use, err);
    if (code != E_OK || use == LEAVE_OUT)
        return code;
    char *copy = text_clean(arena, url, len);
    if (list->urls == NULL)
        list->urls = arena_array(arena, TRACKER_MAX_COUNT, sizeof *list->urls);
    if (copy == NULL || list->urls == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the addresses of trackers");
    if (contains(list, copy))
        return E_OK;
    if (list->count == TRACKER_MAX_COUNT)
        return fail(err, E_REFUSED, "more than %d addresses of the kind %s", TRACKER_MAX_COUNT,
                    kind_names[kind]);
    list->urls[list->count++] = copy;
    return E_OK;
}
