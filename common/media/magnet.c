/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/magnet.h"

#include "common/base/parse.h"
#include "common/base/utf8.h"
#include "common/media/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum
{
    NO_TEXT = 0x7F /* for %00: a control character that a text of C can hold */
};

struct reader
{
    struct arena *arena;
    struct magnet *magnet;
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place.  A '%' without two digits stands for itself, as in "100% sure". */
static void decode_percent(char *text)
{
    char *to = text;
    for (const char *at = text; *at != '\0'; at++)
    {
        int high = *at == '%' ? hex_digit(at[1]) : -1;
        int low = high < 0 ? -1 : hex_digit(at[2]);
        char c = low < 0 ? *at : (char)(high << 4 | low);
        at += low < 0 ? 0 : 2;
        *to++ = c == '\0' ? NO_TEXT : c;
    }
    *to = '\0';
}

static bool is_blank_or_control(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7F;
}

/* What comes along when a link is copied from a page: no-break and zero-width blanks, a byte order mark. */
static const char *const marks[] = {"\xC2\xA0", "\xE2\x80\x8B", "\xEF\xBB\xBF"};

/* Bytes of the blank at the beginning of a text, 0 if there is none. */
static size_t blank_before(const char *text)
{
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (strncmp(text, marks[i], strlen(marks[i])) == 0)
            return strlen(marks[i]);
    return *text != '\0' && is_blank_or_control(*text) ? 1 : 0;
}

/* The same at its end. */
static size_t blank_behind(const char *text, size_t len)
{
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
    {
        size_t size = strlen(marks[i]);
        if (len >= size && memcmp(text + len - size, marks[i], size) == 0)
            return size;
    }
    return len > 0 && is_blank_or_control(text[len - 1]) ? 1 : 0;
}

static const char *skip_blanks(const char *text)
{
    for (size_t step = blank_before(text); step > 0; step = blank_before(text))
        text += step;
    return text;
}

static char *trim(char *text)
{
    size_t len = strlen(text);
    for (size_t step = blank_behind(text, len); step > 0; step = blank_behind(text, len))
        len -= step;
    text[len] = '\0';
    return text + (skip_blanks(text) - text);
}

static enum err_code merge_hash(struct infohash *into, const struct infohash *found, struct err *err)
{
    if ((found->v1[0] != '\0' && into->v1[0] != '\0' && strcmp(found->v1, into->v1) != 0) ||
        (found->v2[0] != '\0' && into->v2[0] != '\0' && strcmp(found->v2, into->v2) != 0))
        return fail(err, E_INVALID, "the magnet link names two different torrents");
    if (found->v1[0] != '\0')
        memcpy(into->v1, found->v1, sizeof into->v1);
    if (found->v2[0] != '\0')
        memcpy(into->v2, found->v2, sizeof into->v2);
    return E_OK;
}

static enum err_code read_topic(struct reader *reader, char *value, struct err *err)
{
    enum
    {
        URN_LEN = sizeof "urn:btih:" - 1
    };
    bool v1 = strncasecmp(value, "urn:btih:", URN_LEN) == 0;
    bool v2 = strncasecmp(value, "urn:btmh:", URN_LEN) == 0;
    if (!v1 && !v2)
        return E_OK;
    const char *digits = value + URN_LEN;
    size_t len = strlen(digits);
    struct infohash found = {0};
    if (v1 && ((len != 40 && len != 32) || !infohash_parse(digits, len, &found)))
        return fail(err, E_INVALID, "the hash of the magnet link is not 40 hexadecimal or 32 base32 digits");
    if (v2 && (len != 68 || !infohash_parse(digits, len, &found)))
        return fail(err, E_INVALID, "the hash of the magnet link is not 1220 and 64 hexadecimal digits");
    return merge_hash(&reader->magnet->hash, &found, err);
}

/* As it may be shown: no controls, nothing that turns the direction of writing. */
static void make_plain(char *text)
{
    char *to = text;
    const char *end = text + strlen(text);
    for (const char *at = text, *from = text; at < end; from = at)
    {
        uint32_t point = text_next(&at, end);
        if (text_is_control(point) || text_turns(point))
            continue;
        memmove(to, from, (size_t)(at - from));
        to += at - from;
    }
    *to = '\0';
}

static enum err_code read_name(struct reader *reader, char *value, struct err *err)
{
    if (reader->magnet->name[0] != '\0')
        return E_OK;
    for (char *c = value; *c != '\0'; c++)
        if (is_blank_or_control(*c))
            *c = ' ';
    char *name = text_clean(reader->arena, value, strlen(value));
    if (name == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the magnet link");
    make_plain(name);
    if (strlen(name) > MAGNET_MAX_NAME_LEN)
        name[utf8_cut(name, MAGNET_MAX_NAME_LEN)] = '\0';
    reader->magnet->name = trim(name);
    return E_OK;
}

static enum err_code read_size(struct reader *reader, char *value, struct err *err)
{
    int64_t size_bytes = 0;
    (void)err; /* a claim that is no number is no claim */
    if (parse_i64(value, &size_bytes) && size_bytes > 0)
        reader->magnet->size_bytes = size_bytes;
    return E_OK;
}

static enum err_code read_tracker(struct reader *reader, char *value, struct err *err)
{
    return tracker_list_add(reader->arena, &reader->magnet->trackers, TRACKER_ANNOUNCE, value, strlen(value),
                            err);
}

static enum err_code read_webseed(struct reader *reader, char *value, struct err *err)
{
    return tracker_list_add(reader->arena, &reader->magnet->webseeds, TRACKER_WEBSEED, value, strlen(value),
                            err);
}

static const struct
{
    const char *name; /* also as name.1, name.2, ... */
    enum err_code (*read)(struct reader *reader, char *value, struct err *err);
} params[] = {
    {"xt", read_topic}, {"dn", read_name}, {"xl", read_size}, {"tr", read_tracker}, {"ws", read_webseed},
};

/* Length of a parameter's name without ".1"; libtorrent takes a "." alone for that, too. */
static size_t name_len(const char *name)
{
    size_t len = strcspn(name, ".");
    size_t digits = name[len] == '.' ? strspn(name + len + 1, "0123456789") : 0;
    return name[len] == '.' && name[len + 1 + digits] == '\0' ? len : strlen(name);
}

static enum err_code read_pair(struct reader *reader, char *pair, struct err *err)
{
    char *value = strchr(pair, '=');
    if (value == NULL)
        return E_OK;
    *value++ = '\0';
    size_t len = name_len(pair);
    for (size_t i = 0; i < sizeof params / sizeof params[0]; i++)
    {
        if (strlen(params[i].name) != len || strncasecmp(params[i].name, pair, len) != 0)
            continue;
        if (params[i].read == read_name)
            for (char *plus = value; (plus = strchr(plus, '+')) != NULL;)
                *plus = ' ';
        decode_percent(value);
        return params[i].read(reader, trim(value), err);
    }
    return E_OK;
}

enum err_code magnet_parse(struct arena *arena, const char *text, struct magnet *magnet, struct err *err)
{
    enum
    {
        HEAD_LEN = sizeof "magnet:?" - 1
    };
    struct magnet found = {.name = ""};
    struct reader reader = {.arena = arena, .magnet = &found};
    text = skip_blanks(text);
    if (strncasecmp(text, "magnet:?", HEAD_LEN) != 0)
        return fail(err, E_INVALID, "this is not a magnet link: it does not begin with magnet:?");
    size_t len = strnlen(text, MAGNET_MAX_LEN + 1);
    if (len > MAGNET_MAX_LEN)
        return fail(err, E_INVALID, "the magnet link is longer than %d bytes", MAGNET_MAX_LEN);
    char *copy = arena_strndup(arena, text + HEAD_LEN, len - HEAD_LEN);
    if (copy == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the magnet link");
    for (char *next = copy, *pair = strsep(&next, "&"); pair != NULL; pair = strsep(&next, "&"))
    {
        if (strncmp(pair, "amp;", 4) == 0) /* pasted from the source of a web page */
            pair += 4;
        enum err_code code = read_pair(&reader, trim(pair), err);
        if (code != E_OK)
            return code;
    }
    if (found.hash.v1[0] == '\0' && found.hash.v2[0] == '\0')
        return fail(err, E_INVALID, "the magnet link has no BitTorrent hash (xt=urn:btih: or urn:btmh:)");
    *magnet = found;
    return E_OK;
}

static void add_encoded(struct buf *buf, const char *text)
{
    for (; *text != '\0'; text++)
    {
        unsigned char c = (unsigned char)*text;
        if (c < 0x80 && (isalnum(c) || strchr("-._~", c) != NULL))
            buf_add_char(buf, (char)c);
        else
            buf_addf(buf, "%%%02X", c);
    }
}

static void add_param(struct buf *buf, const char *name, const char *value)
{
    buf_add_text(buf, name);
    add_encoded(buf, value);
}

void magnet_write(struct buf *buf, const struct magnet *magnet)
{
    buf_add_text(buf, "magnet:?");
    if (magnet->hash.v1[0] != '\0')
        buf_addf(buf, "xt=urn:btih:%s", magnet->hash.v1);
    if (magnet->hash.v2[0] != '\0')
        buf_addf(buf, "%sxt=urn:btmh:1220%s", magnet->hash.v1[0] != '\0' ? "&" : "", magnet->hash.v2);
    if (magnet->name != NULL && magnet->name[0] != '\0')
        add_param(buf, "&dn=", magnet->name);
    if (magnet->size_bytes > 0)
        buf_addf(buf, "&xl=%lld", (long long)magnet->size_bytes);
    for (size_t i = 0; i < magnet->trackers.count; i++)
        add_param(buf, "&tr=", magnet->trackers.urls[i]);
    for (size_t i = 0; i < magnet->webseeds.count; i++)
        add_param(buf, "&ws=", magnet->webseeds.urls[i]);
}
