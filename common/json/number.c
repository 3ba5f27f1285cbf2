/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/number.h"

#include <stdlib.h>
#include <string.h>

enum
{
    SMALL_DIGITS = 15 /* a double holds every integer of so many */
};

bool number_is_small(const char *text, size_t len)
{
    size_t sign = len > 0 && text[0] == '-' ? 1 : 0;
    for (size_t i = sign; i < len; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    bool minus_zero = sign == 1 && text[1] == '0';
    return len - sign <= SMALL_DIGITS && !minus_zero;
}

const char *number_text(const cJSON *item)
{
    return cJSON_IsNumber(item) ? item->valuestring : NULL;
}

struct walk
{
    const char *text;
    size_t len;
    size_t at;   /* behind the latest number */
    size_t from; /* its first character */
};

static void skip_string(struct walk *walk)
{
    for (walk->at++; walk->at < walk->len && walk->text[walk->at] != '"'; walk->at++)
        if (walk->text[walk->at] == '\\')
            walk->at++;
    walk->at++;
}

/* Outside of strings only numbers have digits, or a minus that begins them. */
static bool next_number(struct walk *walk)
{
    static const char begins[] = "-0123456789";
    static const char goes_on[] = "+-.eE0123456789";
    while (walk->at < walk->len && memchr(begins, walk->text[walk->at], sizeof begins - 1) == NULL)
    {
        if (walk->text[walk->at] == '"')
            skip_string(walk);
        else
            walk->at++;
    }
    if (walk->at >= walk->len)
        return false;
    walk->from = walk->at;
    while (walk->at < walk->len && memchr(goes_on, walk->text[walk->at], sizeof goes_on - 1) != NULL)
        walk->at++;
    return true;
}

static bool is_small(const struct walk *walk)
{
    return number_is_small(walk->text + walk->from, walk->at - walk->from);
}

/* The same text with 0 for every number that is not small. */
static char *simplify(const char *text, size_t len)
{
    struct walk walk = {.text = text, .len = len};
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    while (next_number(&walk))
    {
        if (is_small(&walk))
            continue;
        memset(copy + walk.from, ' ', walk.at - walk.from);
        copy[walk.from] = '0';
    }
    return copy;
}

static bool give_text(cJSON *item, const struct walk *walk)
{
    size_t len = walk->at - walk->from;
    char *text = cJSON_malloc(len + 1);
    if (text == NULL)
        return false;
    memcpy(text, walk->text + walk->from, len);
    text[len] = '\0';
    item->valuestring = text;
    cJSON_SetNumberHelper(item, strtod(text, NULL));
    return true;
}

/* Numbers come in the tree in the order in which they come in the text; the depth is bounded by the scan. */
static bool give_back(cJSON *item, struct walk *walk)
{
    if (cJSON_IsNumber(item) && next_number(walk) && !is_small(walk) && !give_text(item, walk))
        return false;
    for (cJSON *at = item->child; at != NULL; at = at->next)
        if (!give_back(at, walk))
            return false;
    return true;
}

cJSON *number_parse(const char *text, size_t len)
{
    struct walk walk = {.text = text, .len = len};
    char *copy = simplify(text, len);
    if (copy == NULL)
        return NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts(copy, len, NULL, 0);
    free(copy);
    if (tree == NULL || give_back(tree, &walk))
        return tree;
    cJSON_Delete(tree);
    return NULL;
}
