/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/url.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_web(CURLU *url)
{
    char *scheme = NULL;
    bool good = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    return good;
}

static CURLU *parse(const char *text)
{
    CURLU *url = curl_url();
    if (url != NULL && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK && is_web(url))
        return url;
    curl_url_cleanup(url);
    return NULL;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *of_a = NULL;
    char *of_b = NULL;
    bool same = curl_url_get(a, part, &of_a, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(b, part, &of_b, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(of_a, of_b) == 0;
    curl_free(of_a);
    curl_free(of_b);
    return same;
}

bool url_same_origin(const char *a, const char *b)
{
    CURLU *of_a = parse(a);
    CURLU *of_b = parse(b);
    bool same = of_a != NULL && of_b != NULL && same_part(of_a, of_b, CURLUPART_SCHEME) &&
                same_part(of_a, of_b, CURLUPART_HOST) && same_part(of_a, of_b, CURLUPART_PORT);
    curl_url_cleanup(of_a);
    curl_url_cleanup(of_b);
    return same;
}

static bool names(const char *hosts, const char *host)
{
    size_t len = strlen(host);
    while (*hosts != '\0')
    {
        hosts += strspn(hosts, ", \t");
        size_t part = strcspn(hosts, ", \t");
        if (part == len && len > 0 && strncasecmp(hosts, host, len) == 0)
            return true;
        hosts += part;
    }
    return false;
}

bool url_is_on(const char *text, const char *hosts)
{
    char *host = NULL;
    CURLU *url = parse(text);
    bool is_on =
        url != NULL && curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && names(hosts, host);
    curl_free(host);
    curl_url_cleanup(url);
    return is_on;
}

/* What is below 1024 has a meaning of its own; above, these are known to read text that others send. */
static bool is_web_port(long port)
{
    static const long taken[] = {1433, 2049, 2375, 3306, 4045, 4222,  5060,  5432, 6000,
                                 6379, 6666, 6667, 9042, 9092, 10080, 11211, 27017};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (port == taken[i])
            return false;
    return port == 80 || port == 443 || port >= 1024;
}

bool url_is_web_port(const char *text)
{
    char *port = NULL;
    CURLU *url = parse(text);
    bool is_web = url != NULL && curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                  is_web_port(strtol(port, NULL, 10));
    curl_free(port);
    curl_url_cleanup(url);
    return is_web;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    return false;
}

/* RFC 3986, 5.3. To the library an empty reference, and a fragment alone, are no URL; some versions refuse
 * control characters and others escape them. */
static bool set_reference(CURLU *url, const char *reference)
{
    if (has_control(reference))
        return false;
    if (reference[0] != '\0' && reference[0] != '#')
        return curl_url_set(url, CURLUPART_URL, reference, 0) == CURLUE_OK;
    if (strchr(reference, ' ') != NULL)
        return false;
    const char *fragment = strlen(reference) > 1 ? reference + 1 : NULL; /* an empty one is refused */
    return curl_url_set(url, CURLUPART_FRAGMENT, fragment, 0) == CURLUE_OK;
}

const char *url_resolve(struct arena *arena, const char *base, const char *reference)
{
    char *text = NULL;
    const char *copy = NULL;
    CURLU *url = parse(base);
    if (url != NULL && set_reference(url, reference) && is_web(url) &&
        curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK)
        copy = arena_strdup(arena, text);
    curl_free(text);
    curl_url_cleanup(url);
    return copy;
}
