/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/net.h"

#include "common/base/parse.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Copies `len` bytes as a text; false when they do not fit. */
static bool cut(char *out, size_t size, const char *text, size_t len)
{
    if (len >= size)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

/* Any numeric address as sixteen bytes; `width` is 32 or 128. */
static bool address_parse(const char *text, uint8_t out[16], unsigned *width)
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, text, &four) == 1)
    {
        memcpy(out, mapped, sizeof mapped);
        memcpy(out + sizeof mapped, &four, sizeof four);
        *width = 32;
        return true;
    }
    if (inet_pton(AF_INET6, text, &six) != 1)
        return false;
    memcpy(out, &six, sizeof six);
    *width = 128;
    return true;
}

bool conf_listen_parse(const char *text, struct conf_listen *listen)
{
    struct conf_listen parsed;
    const char *colon = strrchr(text, ':');
    uint32_t port = 0;
    if (colon == NULL || !parse_u32(colon + 1, &port) || port > UINT16_MAX)
        return false;
    bool brackets = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    const char *host = brackets ? text + 1 : text;
    size_t len = (size_t)(colon - host) - (brackets ? 1 : 0);
    if (!cut(parsed.host, sizeof parsed.host, host, len))
        return false;
    if (strcmp(parsed.host, "localhost") == 0)
        snprintf(parsed.host, sizeof parsed.host, "127.0.0.1");
    uint8_t address[16];
    unsigned width = 0;
    if (!address_parse(parsed.host, address, &width) || (width == 128) != brackets)
        return false;
    parsed.port = (uint16_t)port;
    *listen = parsed;
    return true;
}

static bool cidr_parse(const char *text, struct conf_cidr *cidr)
{
    char host[64];
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    unsigned width = 0;
    if (!cut(host, sizeof host, text, len) || !address_parse(host, cidr->address, &width))
        return false;
    uint32_t bits = width;
    if (slash != NULL && (!parse_u32(slash + 1, &bits) || bits > width))
        return false;
    cidr->bits = (uint8_t)(bits + 128 - width);
    return true;
}

bool conf_cidrs_parse(const char *text, struct conf_cidrs *cidrs)
{
    static const char between[] = ", \t";
    struct conf_cidrs parsed = {.count = 0};
    for (const char *at = text + strspn(text, between); *at != '\0'; at += strspn(at, between))
    {
        char one[80];
        size_t len = strcspn(at, between);
        if (parsed.count == CONF_CIDRS_MAX || !cut(one, sizeof one, at, len) ||
            !cidr_parse(one, &parsed.list[parsed.count]))
            return false;
        parsed.count++;
        at += len;
    }
    *cidrs = parsed;
    return true;
}

static bool within(const struct conf_cidr *cidr, const uint8_t address[16])
{
    unsigned whole = cidr->bits / 8;
    unsigned rest = cidr->bits % 8;
    if (memcmp(cidr->address, address, whole) != 0)
        return false;
    return rest == 0 || ((cidr->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

bool conf_cidrs_contain(const struct conf_cidrs *cidrs, const struct sockaddr *address)
{
    uint8_t bytes[16];
    if (address->sa_family == AF_INET)
    {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof four);
        memcpy(bytes, mapped, sizeof mapped);
        memcpy(bytes + sizeof mapped, &four.sin_addr, sizeof four.sin_addr);
    }
    else if (address->sa_family == AF_INET6)
    {
        struct sockaddr_in6 six;
        memcpy(&six, address, sizeof six);
        memcpy(bytes, &six.sin6_addr, sizeof bytes);
    }
    else
        return false;
    for (size_t i = 0; i < cidrs->count; i++)
        if (within(&cidrs->list[i], bytes))
            return true;
    return false;
}

/* ---- URLs ---- */

static bool printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static bool scheme_listed(const char *scheme, size_t len, const char *schemes)
{
    for (const char *at = schemes; *at != '\0'; at += strspn(at, " "))
    {
        size_t word = strcspn(at, " ");
        if (word == len && memcmp(at, scheme, len) == 0)
            return true;
        at += word;
    }
    return false;
}

static bool host_valid(const char *host, size_t len)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    char text[256];
    if (len == 0 || !cut(text, sizeof text, host, len))
        return false;
    if (text[0] != '[')
        return strspn(text, allowed) == len;
    struct in6_addr six;
    if (text[len - 1] != ']')
        return false;
    text[len - 1] = '\0';
    return inet_pton(AF_INET6, text + 1, &six) == 1;
}

/* The part between "://" and the path. */
static const char *authority(const char *url, size_t *len)
{
    const char *at = strstr(url, "://");
    if (at == NULL)
        return NULL;
    *len = strcspn(at + 3, "/?#");
    return at + 3;
}

static const char *last_at(const char *text, size_t len)
{
    return memrchr(text, '@', len);
}

/* An endpoint: a host, or host:port. */
static bool endpoint_valid(const char *host, size_t len)
{
    const char *end = host + len;
    const char *bracket = memchr(host, ']', len);
    const char *from = bracket == NULL ? host : bracket;
    const char *colon = memchr(from, ':', (size_t)(end - from));
    if (!host_valid(host, (size_t)((colon == NULL ? end : colon) - host)))
        return false;
    char port[8];
    uint32_t number = 0;
    if (colon == NULL)
        return true;
    return cut(port, sizeof port, colon + 1, (size_t)(end - colon - 1)) && parse_u32(port, &number) &&
           number >= 1 && number <= UINT16_MAX;
}

/* The part between user:password@ and the path; NULL when the part before it is wrong. */
static const char *endpoints(const char *url, const char *schemes, size_t *len)
{
    const char *host = authority(url, len);
    if (host == NULL || !printable(url) || !scheme_listed(url, (size_t)(host - 3 - url), schemes))
        return NULL;
    const char *at = last_at(host, *len);
    if (at == NULL)
        return host;
    *len -= (size_t)(at + 1 - host);
    return at + 1;
}

bool conf_url_valid(const char *url, const char *schemes)
{
    size_t len = 0;
    const char *endpoint = endpoints(url, schemes, &len);
    return endpoint != NULL && endpoint_valid(endpoint, len);
}

bool conf_hosts_url_valid(const char *url, const char *schemes)
{
    size_t len = 0;
    const char *endpoint = endpoints(url, schemes, &len);
    if (endpoint == NULL)
        return false;
    for (const char *comma = NULL; (comma = memchr(endpoint, ',', len)) != NULL; endpoint = comma + 1)
    {
        if (!endpoint_valid(endpoint, (size_t)(comma - endpoint)))
            return false;
        len -= (size_t)(comma + 1 - endpoint);
    }
    return endpoint_valid(endpoint, len);
}

const char *conf_url_password(const char *url, size_t *len)
{
    size_t all = 0;
    *len = 0;
    const char *from = authority(url, &all);
    const char *at = from == NULL ? NULL : last_at(from, all);
    const char *colon = at == NULL ? NULL : memchr(from, ':', (size_t)(at - from));
    if (colon == NULL || colon + 1 == at)
        return NULL;
    *len = (size_t)(at - colon - 1);
    return colon + 1;
}
