/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/person.h"

#include "common/base/utf8.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum
{
    EMAIL_LOCAL_MAX = 64,
    LABEL_MAX = 63
};

static bool local_ok(const char *local, size_t len)
{
    static const char marks[] = "!#$%&'*+/=?^_`{|}~.-";
    if (len == 0 || len > EMAIL_LOCAL_MAX || local[0] == '.' || local[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
    {
        unsigned char c = (unsigned char)local[i];
        if (c >= 0x80 || (!isalnum(c) && (c == '\0' || strchr(marks, c) == NULL)))
            return false;
        if (c == '.' && local[i + 1] == '.')
            return false;
    }
    return true;
}

static bool label_ok(const char *label, size_t len)
{
    if (len == 0 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
    {
        unsigned char c = (unsigned char)label[i];
        if (c >= 0x80 || (!isalnum(c) && c != '-'))
            return false;
    }
    return true;
}

/* Names that stand for no mail server anywhere (RFC 2606, 7686, 9476), and the last parts of numeric
 * addresses. */
static bool top_ok(const char *label)
{
    static const char *const none[] = {"invalid", "example", "onion", "alt"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (strcasecmp(label, none[i]) == 0)
            return false;
    return strlen(label) >= 2 && strspn(label, "0123456789") != strlen(label);
}

bool person_email_ok(const char *email)
{
    const char *at = strchr(email, '@');
    if (at == NULL || strlen(email) > PERSON_EMAIL_MAX || !local_ok(email, (size_t)(at - email)))
        return false;
    size_t labels = 0;
    const char *label = at + 1;
    for (;;)
    {
        size_t len = strcspn(label, ".");
        if (!label_ok(label, len))
            return false;
        labels++;
        if (label[len] == '\0')
            return top_ok(label) && (labels >= 2 || strcasecmp(label, "localhost") == 0);
        label += len + 1;
    }
}

/* Names may be written in any script; '@' would make them look like an address at the login. */
bool person_name_ok(const char *name)
{
    return name[0] != '\0' && strchr(name, '@') == NULL && utf8_is_plain(name) && utf8_is_trimmed(name);
}
