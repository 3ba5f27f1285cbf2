/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/mend.h"

#include "common/json/json.h"
#include "common/json/scan.h"

#include <stdbool.h>
#include <string.h>

struct mend
{
    char *text;
    size_t len;
    size_t at;
    int depth;
    size_t lost;
};

static bool passes(const char *text, size_t len)
{
    enum scan_numbers ignored;
    return scan_json(text, len, &ignored, NULL) == E_OK;
}

/* Overwrites [from, at).  One character has no room for an empty text. */
static void lose(struct mend *m, size_t from)
{
    size_t len = m->at - from;
    memset(m->text + from, ' ', len);
    memcpy(m->text + from, len > 1 ? "\"\"" : "0", len > 1 ? 2 : 1);
    m->lost++;
}

/* Past the closing quotation mark. */
static void skip_string(struct mend *m)
{
    for (m->at++; m->at < m->len; m->at++)
    {
        if (m->text[m->at] == '\\')
            m->at++;
        else if (m->text[m->at] == '"')
            break;
    }
    m->at = m->at < m->len ? m->at + 1 : m->len;
}

static void string(struct mend *m)
{
    size_t from = m->at;
    skip_string(m);
    if (m->depth > 0 && !passes(m->text + from, m->at - from))
        lose(m, from);
}

/* A number or a word: up to what can only stand between values. */
static void word(struct mend *m)
{
    size_t from = m->at;
    while (m->at < m->len && memchr(" \t\r\n,:[]{}\"", m->text[m->at], 11) == NULL)
        m->at++;
    if (m->depth > 0 && !passes(m->text + from, m->at - from))
        lose(m, from);
}

/* Past the bracket that closes the one at hand. */
static void skip_container(struct mend *m)
{
    int depth = 0;
    do
    {
        char c = m->text[m->at];
        if (c == '"')
        {
            skip_string(m);
            continue;
        }
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        m->at++;
    } while (m->at < m->len && depth > 0);
}

static void open_container(struct mend *m)
{
    size_t from = m->at;
    if (m->depth < JSON_MAX_DEPTH)
    {
        m->depth++;
        m->at++;
        return;
    }
    skip_container(m);
    lose(m, from);
}

/* RFC 8259, 8.1 lets a reader ignore it. */
static void drop_mark(char *text, size_t len)
{
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        memset(text, ' ', 3);
}

size_t mend_json(char *text, size_t len)
{
    struct mend m = {.text = text, .len = len};
    drop_mark(text, len);
    while (m.at < len)
    {
        char c = text[m.at];
        if (c == '"')
            string(&m);
        else if (c == '{' || c == '[')
            open_container(&m);
        else if (memchr(" \t\r\n,:]}", c, 8) == NULL)
            word(&m);
        else
        {
            m.depth -= c == ']' || c == '}';
            m.at++;
        }
    }
    return m.lost;
}
