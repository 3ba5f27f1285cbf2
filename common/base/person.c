/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/person.h"

#include <ctype.h>
#include <string.h>

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
        if (c < 0x80 && !isalnum(c) && (c == '\0' || strchr(marks, c) == NULL))
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
        if (c < 0x80 && !isalnum(c) && c != '-')
            return false;
    }
    return true;
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
            return labels >= 2;
        label += len + 1;
    }
}

/* Names may be written in any script; '@' would make them look like an address at the login. */
bool person_name_ok(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || name[0] == ' ' || name[len - 1] == ' ')
        return false;
    for (size_t i = 0; i < len; i++)
    {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || c == '@')
            return false;
    }
    return true;
}
