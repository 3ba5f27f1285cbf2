/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/selection.h"

#include <stdlib.h>
#include <string.h>

static bool want_all(struct selection *selection)
{
    bool more = !selection->all;
    selection_fini(selection);
    selection->all = true;
    return more;
}

static bool want(struct selection *selection, unsigned long index)
{
    bool more = index < SELECTION_FILES && selection->priority[index] == 0;
    if (more)
        selection->priority[index] = SELECTION_NORMAL;
    return more;
}

/* The engine gets the whole list, since by default it wants files past the end of a list. */
bool selection_add(struct selection *selection, const char *files)
{
    bool more = false;
    if (selection->all)
        return false;
    if (files == NULL || files[0] == '\0')
        return want_all(selection);
    if (selection->priority == NULL)
        selection->priority = calloc(SELECTION_FILES, 1);
    if (selection->priority == NULL)
        return want_all(selection);
    selection->count = SELECTION_FILES;
    for (char *end = NULL; *files != '\0'; files = *end == ',' ? end + 1 : end)
    {
        unsigned long index = strtoul(files, &end, 10);
        if (end == files)
            break;
        more = want(selection, index) || more;
    }
    return more;
}

struct selection selection_copy(const struct selection *selection)
{
    struct selection copy = *selection;
    if (selection->priority == NULL)
        return copy;
    copy.priority = malloc(selection->count);
    if (copy.priority == NULL)
        return (struct selection){.all = true};
    memcpy(copy.priority, selection->priority, selection->count);
    return copy;
}

void selection_fini(struct selection *selection)
{
    free(selection->priority);
    *selection = (struct selection){0};
}
