/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cache/address.h"

#include "common/base/parse.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum
{
    DEFAULT_PORT = 6379,
    MAX_DATABASE = 65535
};

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes [from, end); false when it does not fit, is broken or holds a NUL. */
static bool decode(const char *from, const char *end, char *out, size_t size)
{
    size_t len = 0;
    while (from < end)
    {
        int c = (unsigned char)*from++;
        if (c == '%')
        {
            if (end - from < 2 || hex_of(from[0]) < 0 || hex_of(from[1]) < 0)
                return false;
            c = hex_of(from[0]) * 16 + hex_of(from[1]);
            from += 2;
        }
        if (c == '\0' || len + 1 >= size)
            return false;
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return true;
}

static bool read_number(const char *from, const char *end, uint32_t most, int *out)
{
    char text[16];
    uint32_t value = 0;
    if ((size_t)(end - from) >= sizeof text)
        return false;
    memcpy(text, from, (size_t)(end - from));
    text[end - from] = '\0';
    if (!parse_u32(text, &value) || value > most)
        return false;
    *out = (int)value;
    return true;
}

static bool read_credentials(const char *from, const char *end, struct cache_address *address)
{
    const char *colon = memchr(from, ':', (size_t)(end - from));
    if (colon == NULL) /* redis://password@host, as some write it */
        return decode(from, end, address->password, sizeof address->password);
    return decode(from, colon, address->user, sizeof address->user) &&
           decode(colon + 1, end, address->password, sizeof address->password);
}

static bool read_host(const char *from, const char *end, struct cache_address *address)
{
    const char *colon = memchr(from, ':', (size_t)(end - from));
    const char *host_end = colon != NULL ? colon : end;
    if (from < end && *from == '[')
    {
        from++;
        host_end = memchr(from, ']', (size_t)(end - from));
        if (host_end == NULL)
            return false;
        colon = host_end + 1 < end ? host_end + 1 : NULL;
        if (colon != NULL && *colon != ':')
            return false;
    }
    if (host_end == from || !decode(from, host_end, address->host, sizeof address->host))
        return false;
    return colon == NULL || (read_number(colon + 1, end, 65535, &address->port) && address->port > 0);
}

enum err_code cache_address_parse(const char *url, struct cache_address *out, struct err *err)
{
    static const char scheme[] = "redis://";
    struct cache_address address = {.port = DEFAULT_PORT};
    if (url == NULL || strncasecmp(url, scheme, sizeof scheme - 1) != 0)
        return fail(err, E_CONFIG, "REDIS_URL must start with redis://");
    const char *from = url + sizeof scheme - 1;
    const char *end = from + strcspn(from, "/?#");
    const char *at = memrchr(from, '@', (size_t)(end - from));
    if (at != NULL && !read_credentials(from, at, &address))
        return fail(err, E_CONFIG, "REDIS_URL has a user or password that cannot be read");
    if (!read_host(at != NULL ? at + 1 : from, end, &address))
        return fail(err, E_CONFIG, "REDIS_URL has no valid host and port");
    if (*end == '/' && end[1] != '\0' &&
        !read_number(end + 1, end + strlen(end), MAX_DATABASE, &address.database))
        return fail(err, E_CONFIG, "REDIS_URL has no valid database number");
    if (*end == '?' || *end == '#')
        return fail(err, E_CONFIG, "REDIS_URL takes no parameters");
    *out = address;
    return E_OK;
}
