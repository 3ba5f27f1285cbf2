/* SPDX-License-Identifier: Apache-2.0 */
#include "common/provider/prowlarr_link.h"

#include "common/base/buf.h"
#include "common/provider/provider.h"

#include <string.h>
#include <strings.h>

enum
{
    MAX_LINK_BYTES = 4 * PROVIDER_MAGNET_BYTES
};

bool link_is_magnet(const char *text)
{
    return strncasecmp(text, "magnet:?", 8) == 0;
}

bool link_is_web(const char *text)
{
    return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

static const char *replace(struct arena *arena, const char *text, const char *from, const char *to)
{
    struct buf out;
    buf_init(&out, MAX_LINK_BYTES);
    for (const char *at = strstr(text, from); at != NULL; at = strstr(text, from))
    {
        buf_add(&out, text, (size_t)(at - text));
        buf_add_text(&out, to);
        text = at + strlen(from);
    }
    buf_add_text(&out, text);
    const char *copy = out.failed ? NULL : arena_strdup(arena, out.data);
    buf_fini(&out);
    return copy;
}

const char *link_mask(struct arena *arena, const char *link, const char *key)
{
    return key == NULL || key[0] == '\0' ? link : replace(arena, link, key, LINK_MASK);
}

const char *link_unmask(struct arena *arena, const char *link, const char *key)
{
    return key == NULL ? link : replace(arena, link, LINK_MASK, key);
}
