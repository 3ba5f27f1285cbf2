/* SPDX-License-Identifier: Apache-2.0 */
#include "api/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

void address_text(const struct sockaddr *peer, char out[REQUEST_CLIENT_SIZE])
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    out[0] = '\0';
    if (peer->sa_family == AF_INET)
    {
        memcpy(&four, peer, sizeof four);
        inet_ntop(AF_INET, &four.sin_addr, out, REQUEST_CLIENT_SIZE);
    }
    else if (peer->sa_family == AF_INET6)
    {
        memcpy(&six, peer, sizeof six);
        if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr))
            inet_ntop(AF_INET, &six.sin6_addr.s6_addr[12], out, REQUEST_CLIENT_SIZE);
        else
            inet_ntop(AF_INET6, &six.sin6_addr, out, REQUEST_CLIENT_SIZE);
    }
}

bool address_in(const struct conf_cidrs *cidrs, const char *text)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
        memcpy(&address, &four, sizeof four);
    else if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1)
        memcpy(&address, &six, sizeof six);
    else
        return false;
    return conf_cidrs_contain(cidrs, (const struct sockaddr *)&address);
}

void address_block(const char *text, char out[REQUEST_CLIENT_SIZE])
{
    struct in6_addr six;
    snprintf(out, REQUEST_CLIENT_SIZE, "%s", text);
    if (inet_pton(AF_INET6, text, &six) != 1 || IN6_IS_ADDR_V4MAPPED(&six))
        return;
    memset(six.s6_addr + 8, 0, 8);
    inet_ntop(AF_INET6, &six, out, REQUEST_CLIENT_SIZE - (socklen_t)strlen("/64"));
    memcpy(out + strlen(out), "/64", sizeof "/64");
}

/* One element of the list, without blanks, brackets and port; false when it is no address. */
static bool element(const char *text, size_t len, char out[REQUEST_CLIENT_SIZE])
{
    while (len > 0 && (*text == ' ' || *text == '\t'))
        text++, len--;
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    if (len > 0 && *text == '[')
    {
        const char *end = memchr(text, ']', len);
        if (end == NULL)
            return false;
        text++;
        len = (size_t)(end - text);
    }
    else if (memchr(text, '.', len) != NULL && memchr(text, ':', len) != NULL &&
             memchr(text, ':', len) > memchr(text, '.', len))
        len = (size_t)((const char *)memchr(text, ':', len) - text); /* 192.0.2.7:4711 */
    if (len == 0 || len >= REQUEST_CLIENT_SIZE)
        return false;
    char copy[REQUEST_CLIENT_SIZE];
    memcpy(copy, text, len);
    copy[len] = '\0';
    unsigned char bytes[16];
    if (inet_pton(AF_INET, copy, bytes) != 1 && inet_pton(AF_INET6, copy, bytes) != 1)
        return false;
    memcpy(out, copy, len + 1);
    return true;
}

void address_client(const struct conf_cidrs *trusted, const char *peer, const char *forwarded,
                    char out[REQUEST_CLIENT_SIZE])
{
    snprintf(out, REQUEST_CLIENT_SIZE, "%s", peer);
    if (forwarded == NULL)
        return;
    size_t end = strlen(forwarded);
    while (end > 0 && address_in(trusted, out))
    {
        size_t start = end;
        while (start > 0 && forwarded[start - 1] != ',')
            start--;
        if (!element(forwarded + start, end - start, out))
            return;
        end = start > 0 ? start - 1 : 0;
    }
}
