/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/mask.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct secret
{
    const struct secret *before; /* that gave way to this one */
    size_t len;
    char text[];
};

static struct
{
    pthread_mutex_t lock; /* of writers; guards `last` and `clock` */
    const struct secret *_Atomic list[MASK_SECRETS];
    uint64_t last[MASK_SECRETS]; /* when each was given last, by `clock` */
    uint64_t clock;
    atomic_size_t count;
    atomic_size_t longest;
    atomic_bool starts[256]; /* some secret starts with this byte */
} secrets = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t place_of(const char *secret, size_t count)
{
    size_t place = 0;
    while (place < count && strcmp(secrets.list[place]->text, secret) != 0)
        place++;
    return place;
}

/* Settings that are read again give all their secrets once more: what was given least recently is one that
 * was replaced long ago. */
static size_t oldest(void)
{
    size_t oldest = 0;
    for (size_t i = 1; i < MASK_SECRETS; i++)
        if (secrets.last[i] < secrets.last[oldest])
            oldest = i;
    return oldest;
}

/* What gives way is never freed: somebody may be comparing with it. */
static void keep(const char *text, size_t len, size_t place)
{
    struct secret *secret = malloc(sizeof *secret + len + 1);
    if (secret == NULL)
        return;
    secret->len = len;
    memcpy(secret->text, text, len + 1);
    secret->before = place < secrets.count ? secrets.list[place] : NULL;
    atomic_store(&secrets.list[place], secret);
    atomic_store(&secrets.starts[(unsigned char)text[0]], true);
    if (len > atomic_load(&secrets.longest))
        atomic_store(&secrets.longest, len);
    if (place >= atomic_load(&secrets.count))
        atomic_store(&secrets.count, place + 1);
}

void mask_secret(const char *secret)
{
    size_t len = secret == NULL ? 0 : strlen(secret);
    if (len < MASK_MIN_LEN)
        return;
    pthread_mutex_lock(&secrets.lock);
    const size_t count = atomic_load(&secrets.count);
    size_t place = place_of(secret, count);
    const bool is_new = place == count;
    if (place == MASK_SECRETS)
        place = oldest();
    if (is_new)
        keep(secret, len, place);
    secrets.last[place] = ++secrets.clock;
    pthread_mutex_unlock(&secrets.lock);
}

size_t mask_longest(void)
{
    return atomic_load(&secrets.longest);
}

/* What a rule found at a place: show `keep` bytes of the text, then `instead`, skip `skip` bytes in all. */
struct find
{
    size_t keep;
    size_t skip;
    const char *instead;
};

static bool token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

static bool starts_word(const char *text, const char *at)
{
    return at == text || !token_char(at[-1]);
}

static size_t token_len(const char *at)
{
    size_t len = 0;
    while (token_char(at[len]) || at[len] == '.')
        len++;
    return len;
}

static bool find_secret(const char *text, const char *at, struct find *find)
{
    (void)text;
    if (!atomic_load_explicit(&secrets.starts[(unsigned char)*at], memory_order_relaxed))
        return false;
    size_t longest = 0;
    size_t count = atomic_load(&secrets.count);
    for (size_t i = 0; i < count; i++)
    {
        const struct secret *secret = secrets.list[i];
        if (secret->len > longest && strncmp(at, secret->text, secret->len) == 0)
            longest = secret->len;
    }
    *find = (struct find){.skip = longest, .instead = "***"};
    return longest > 0;
}

static bool find_jwt(const char *text, const char *at, struct find *find)
{
    enum
    {
        SHOWN = 10,
        SHORTEST = 20
    };
    if (strncmp(at, "eyJ", 3) != 0 || !starts_word(text, at))
        return false;
    size_t len = token_len(at);
    *find = (struct find){.keep = SHOWN, .skip = len, .instead = "***"};
    return len >= SHORTEST;
}

static bool find_api_key(const char *text, const char *at, struct find *find)
{
    if (strncmp(at, "sk_", 3) != 0 || !starts_word(text, at))
        return false;
    size_t len = token_len(at);
    *find = (struct find){.keep = 3, .skip = len, .instead = "...***"};
    return len >= 3 + MASK_MIN_LEN;
}

/* "://user:password@": the last '@' before the path ends the password. */
static bool find_url_password(const char *text, const char *at, struct find *find)
{
    (void)text;
    if (strncmp(at, "://", 3) != 0)
        return false;
    size_t len = 3 + strcspn(at + 3, "/?# \t\r\n\"'<>");
    size_t end = len;
    while (end > 3 && at[end - 1] != '@')
        end--;
    const char *colon = memchr(at + 3, ':', len - 3);
    if (end == 3 || colon == NULL || colon + 1 >= at + end)
        return false;
    *find = (struct find){.keep = (size_t)(colon + 1 - at), .skip = end - 1, .instead = "***"};
    return true;
}

/* Names whose value is hidden; longer names that end in one of them are hidden too. */
static const char *const names[] = {"password", "passwd",  "passphrase", "pwd",    "secret", "token",
                                    "apikey",   "api_key", "api-key",    "bearer", "cookie", "authorization"};

static size_t name_len(const char *at)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((at[0] | 32) == names[i][0] && (at[1] | 32) == names[i][1] &&
            strncasecmp(at, names[i], strlen(names[i])) == 0)
            return strlen(names[i]);
    return 0;
}

static size_t blanks(const char *at)
{
    return strspn(at, " \t");
}

static size_t quoted_len(const char *at, char quote)
{
    size_t len = 0;
    while (at[len] != '\0' && at[len] != quote)
        len += at[len] == '\\' && at[len + 1] != '\0' ? 2 : 1;
    return len;
}

static size_t scheme_len(const char *at)
{
    if (strncasecmp(at, "Bearer ", 7) == 0)
        return 7;
    return strncasecmp(at, "Basic ", 6) == 0 ? 6 : 0;
}

/* name = value, name: value, "name": "value", Authorization: Bearer value, Bearer value. */
static bool find_named(const char *text, const char *at, struct find *find)
{
    (void)text;
    size_t keep = name_len(at);
    if (keep == 0)
        return false;
    bool bearer = strncasecmp(at, "Bearer ", 7) == 0;
    if (at[keep] == '"' || at[keep] == '\'')
        keep++;
    keep += blanks(at + keep);
    if (!bearer && at[keep] != '=' && at[keep] != ':')
        return false;
    keep += bearer ? 0 : 1;
    keep += blanks(at + keep);
    keep += scheme_len(at + keep);
    char quote = at[keep];
    bool quoted = quote == '"' || quote == '\'';
    keep += quoted ? 1 : 0;
    size_t len = quoted ? quoted_len(at + keep, quote) : strcspn(at + keep, " \t\r\n&,;\"')}]");
    const char *value = at + keep;
    if (strncmp(value, "eyJ", 3) == 0 && len >= 20)
        *find = (struct find){.keep = keep + 10, .skip = keep + len, .instead = "***"};
    else if (strncmp(value, "sk_", 3) == 0)
        *find = (struct find){.keep = keep + 3, .skip = keep + len, .instead = "...***"};
    else
        *find = (struct find){.keep = keep, .skip = keep + len, .instead = "***"};
    return len > 0;
}

static bool (*const rules[])(const char *text, const char *at, struct find *find) = {
    find_secret, find_jwt, find_api_key, find_url_password, find_named,
};

/* Whether a rule can begin with this byte: nearly all bytes of a line are passed by on this alone. */
static bool may_begin(char c)
{
    static const bool begins[256] = {
        [':'] = true, ['a'] = true, ['b'] = true, ['c'] = true, ['e'] = true, ['p'] = true, ['s'] = true,
        ['t'] = true, ['A'] = true, ['B'] = true, ['C'] = true, ['P'] = true, ['S'] = true, ['T'] = true,
    };
    unsigned char u = (unsigned char)c;
    return begins[u] || atomic_load_explicit(&secrets.starts[u], memory_order_relaxed);
}

static bool look(const char *text, const char *at, struct find *find)
{
    if (!may_begin(*at))
        return false;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i](text, at, find))
            return true;
    return false;
}

struct sink
{
    char *out;
    size_t room;
    size_t len;
};

static void add(struct sink *sink, const char *bytes, size_t len)
{
    if (len > sink->room - sink->len)
        len = sink->room - sink->len;
    memcpy(sink->out + sink->len, bytes, len);
    sink->len += len;
}

/* What a rule lets be seen, such as the user of a URL, may be a secret all the same. */
static void show(struct sink *sink, const char *text, const char *at, size_t len)
{
    for (const char *end = at + len; at < end;)
    {
        struct find find;
        const bool secret = find_secret(text, at, &find);
        add(sink, secret ? find.instead : at, secret ? strlen(find.instead) : 1);
        at += secret ? find.skip : 1;
    }
}

size_t mask_text(const char *text, char *out, size_t size)
{
    struct sink sink = {.out = out, .room = size - 1};
    const char *at = text;
    while (*at != '\0' && sink.len < sink.room)
    {
        struct find find;
        if (!look(text, at, &find))
        {
            out[sink.len++] = *at++;
            continue;
        }
        show(&sink, text, at, find.keep);
        add(&sink, find.instead, strlen(find.instead));
        at += find.skip;
    }
    out[sink.len] = '\0';
    return sink.len;
}
