/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/value.h"

#include "common/base/parse.h"
#include "common/base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const schemes[CONF_TYPE_COUNT] = {
    [CONF_PG_URL] = "postgresql postgres", [CONF_REDIS_URL] = "redis",     [CONF_NATS_URL] = "nats tls",
    [CONF_HTTP_URL] = "http https",        [CONF_SMTP_URL] = "smtp smtps",
};

static enum err_code refuse_range(const struct conf_setting *setting, const char *what, struct err *err)
{
    return fail(err, E_CONFIG, "%s must be %s from %" PRId64 " to %" PRId64, setting->name, what,
                setting->min, setting->max);
}

static enum err_code read_text(const struct conf_setting *setting, const char *text, void *at,
                               struct err *err)
{
    size_t len = strlen(text);
    if (len > 0 && len < (size_t)setting->min)
        return fail(err, E_CONFIG, "%s must have at least %" PRId64 " bytes", setting->name, setting->min);
    if (setting->max > 0 && len > (size_t)setting->max)
        return fail(err, E_CONFIG, "%s must have at most %" PRId64 " bytes", setting->name, setting->max);
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20)
            return fail(err, E_CONFIG, "%s holds a control character", setting->name);
    if (setting->type == CONF_TEXT && !utf8_valid(text, len))
        return fail(err, E_CONFIG, "%s is not UTF-8", setting->name);
    memcpy(at, &text, sizeof text);
    return E_OK;
}

static enum err_code read_url(const struct conf_setting *setting, const char *text, void *at, struct err *err)
{
    if (text[0] != '\0' && !conf_url_valid(text, schemes[setting->type]))
        return fail(err, E_CONFIG, "%s is not a valid URL (scheme %s, a host, port 1 to 65535)",
                    setting->name, schemes[setting->type]);
    memcpy(at, &text, sizeof text);
    return E_OK;
}

/* A primary and its standbys: postgresql://a:5432,b:5432/sokoul?target_session_attrs=read-write */
static enum err_code read_hosts_url(const struct conf_setting *setting, const char *text, void *at,
                                    struct err *err)
{
    if (text[0] != '\0' && !conf_hosts_url_valid(text, schemes[setting->type]))
        return fail(err, E_CONFIG, "%s is not a valid URL (scheme %s, a host or more, port 1 to 65535)",
                    setting->name, schemes[setting->type]);
    memcpy(at, &text, sizeof text);
    return E_OK;
}

/* NATS takes several servers: nats://a:4222,nats://b:4222 */
static enum err_code read_urls(const struct conf_setting *setting, const char *text, void *at,
                               struct err *err)
{
    for (const char *from = text; *from != '\0';)
    {
        size_t len = strcspn(from, ",");
        char *one = strndup(from, len);
        bool valid = one != NULL && conf_url_valid(one, schemes[setting->type]);
        free(one);
        from += len;
        if (!valid || (*from == ',' && *++from == '\0'))
            return fail(err, E_CONFIG, "%s is not a valid URL (scheme %s, a host, port 1 to 65535)",
                        setting->name, schemes[setting->type]);
    }
    memcpy(at, &text, sizeof text);
    return E_OK;
}

static enum err_code read_u32(const struct conf_setting *setting, const char *text, void *at, struct err *err)
{
    uint32_t number = 0;
    if (text[0] != '\0' && !parse_u32(text, &number))
        return refuse_range(setting, "a whole number", err);
    if (number < setting->min || number > setting->max)
        return refuse_range(setting, "a whole number", err);
    memcpy(at, &number, sizeof number);
    return E_OK;
}

/* An even number of replicas is refused: half of them may be lost, and the other half cannot decide anything.
 */
static enum err_code read_odd(const struct conf_setting *setting, const char *text, void *at, struct err *err)
{
    uint32_t number = 0;
    if (!parse_u32(text, &number) || number % 2 == 0 || number < setting->min || number > setting->max)
        return refuse_range(setting, "an odd number", err);
    memcpy(at, &number, sizeof number);
    return E_OK;
}

static enum err_code read_number(const struct conf_setting *setting, const char *text, void *at,
                                 struct err *err)
{
    double number = 0;
    char *end = NULL;
    if (strspn(text, "0123456789.") != strlen(text))
        return refuse_range(setting, "a number", err);
    if (text[0] != '\0')
    {
        number = strtod(text, &end);
        if (*end != '\0')
            return refuse_range(setting, "a number", err);
    }
    if (!isfinite(number) || number < (double)setting->min || number > (double)setting->max)
        return refuse_range(setting, "a number", err);
    memcpy(at, &number, sizeof number);
    return E_OK;
}

static enum err_code read_bool(const struct conf_setting *setting, const char *text, void *at,
                               struct err *err)
{
    bool yes = false;
    if (text[0] != '\0' && !parse_bool(text, &yes))
        return fail(err, E_CONFIG, "%s must be true or false", setting->name);
    memcpy(at, &yes, sizeof yes);
    return E_OK;
}

static enum err_code read_listen(const struct conf_setting *setting, const char *text, void *at,
                                 struct err *err)
{
    struct conf_listen listen = {.port = 0};
    if (text[0] != '\0' && !conf_listen_parse(text, &listen))
        return fail(err, E_CONFIG,
                    "%s must be a numeric address and a port, as in 127.0.0.1:3000 or [::1]:3000",
                    setting->name);
    memcpy(at, &listen, sizeof listen);
    return E_OK;
}

static enum err_code read_cidrs(const struct conf_setting *setting, const char *text, void *at,
                                struct err *err)
{
    struct conf_cidrs cidrs;
    if (!conf_cidrs_parse(text, &cidrs))
        return fail(err, E_CONFIG, "%s must list at most %d addresses or ranges, as in 10.0.0.0/8,::1",
                    setting->name, CONF_CIDRS_MAX);
    memcpy(at, &cidrs, sizeof cidrs);
    return E_OK;
}

static enum err_code read_level(const struct conf_setting *setting, const char *text, void *at,
                                struct err *err)
{
    enum log_level level = LOG_INFO;
    if (!log_level_parse(text, &level))
        return fail(err, E_CONFIG, "%s must be trace, debug, info, warn or error", setting->name);
    memcpy(at, &level, sizeof level);
    return E_OK;
}

static enum err_code read_entry(const struct conf_setting *setting, const char *text, void *at,
                                struct err *err)
{
    static const char *const words[] = {[CONF_REGISTRATION_UNSET] = "",
                                        [CONF_REGISTRATION_OPEN] = "open",
                                        [CONF_REGISTRATION_INVITE] = "invite",
                                        [CONF_REGISTRATION_CLOSED] = "closed"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], text) == 0)
        {
            const enum conf_registration entry = (enum conf_registration)i;
            memcpy(at, &entry, sizeof entry);
            return E_OK;
        }
    return fail(err, E_CONFIG, "%s must be open, invite or closed", setting->name);
}

static enum err_code (*const readers[CONF_TYPE_COUNT])(const struct conf_setting *setting, const char *text,
                                                       void *at, struct err *err) = {
    [CONF_TEXT] = read_text,     [CONF_SECRET] = read_text,   [CONF_PG_URL] = read_hosts_url,
    [CONF_REDIS_URL] = read_url, [CONF_NATS_URL] = read_urls, [CONF_HTTP_URL] = read_url,
    [CONF_SMTP_URL] = read_url,  [CONF_U32] = read_u32,       [CONF_NUMBER] = read_number,
    [CONF_BOOL] = read_bool,     [CONF_LISTEN] = read_listen, [CONF_CIDRS] = read_cidrs,
    [CONF_LEVEL] = read_level,   [CONF_ODD] = read_odd,       [CONF_ENTRY] = read_entry,
};

enum err_code value_read(const struct conf_setting *setting, const char *text, struct conf *conf,
                         struct err *err)
{
    return readers[setting->type](setting, text, (char *)conf + setting->at, err);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* A program uses the password in its decoded form, so that form must not show in the log either. */
static void mask_password(const char *password, size_t len)
{
    char *raw = strndup(password, len);
    char *decoded = strndup(password, len);
    if (raw != NULL && decoded != NULL)
    {
        char *to = decoded;
        for (const char *from = raw; *from != '\0'; from++)
        {
            bool coded = from[0] == '%' && hex_digit(from[1]) >= 0 && hex_digit(from[2]) >= 0;
            *to++ = coded ? (char)(hex_digit(from[1]) * 16 + hex_digit(from[2])) : *from;
            from += coded ? 2 : 0;
        }
        *to = '\0';
        log_mask(raw);
        log_mask(decoded);
    }
    free(raw);
    free(decoded);
}

void value_mask(const struct conf_setting *setting, const char *text)
{
    if (setting->type == CONF_SECRET)
        log_mask(text);
    if (schemes[setting->type] == NULL)
        return;
    for (const char *from = text; *from != '\0'; from += *from == ',')
    {
        size_t len = 0;
        const char *password = conf_url_password(from, &len);
        if (password != NULL)
            mask_password(password, len);
        from += strcspn(from, ",");
    }
}
