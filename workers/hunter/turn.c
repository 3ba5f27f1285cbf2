/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/turn.h"

#include "workers/hunter/progress.h"

#include <stdio.h>
#include <string.h>

enum
{
    FIRST_S = 5,
    LONGER_TURNS = 4, /* each twice as long as the one before */
    NOTE_BYTES = 100
};

struct turn_note
{
    int64_t quiet_ms;
    int64_t turns;
};

static const struct json_field fields[] = {
    {.name = "quiet_ms", .type = JSON_INT, .at = offsetof(struct turn_note, quiet_ms), .max = INT64_MAX},
    {.name = "turns", .type = JSON_INT, .at = offsetof(struct turn_note, turns), .max = INT64_MAX},
};

/* A checkpoint that cannot be read is as good as none. */
void turn_begin(struct hunt *hunt)
{
    const char *text = job_checkpoint(hunt->job);
    const struct json *doc = NULL;
    struct turn_note note = {0};
    struct err ignored = ERR_INIT;
    if (text == NULL || json_parse(job_arena(hunt->job), text, strlen(text), &doc, &ignored) != E_OK ||
        json_read(job_arena(hunt->job), doc, fields, sizeof fields / sizeof fields[0], &note, NULL,
                  &ignored) != E_OK)
        return;
    hunt->quiet_before_ms = note.quiet_ms;
    hunt->turns = note.turns;
}

static int64_t patience_s(const struct hunt *hunt)
{
    return (int64_t)FIRST_S << (hunt->turns < LONGER_TURNS ? hunt->turns : LONGER_TURNS);
}

int64_t turn_patience_ms(const struct hunt *hunt)
{
    return patience_s(hunt) * 1000;
}

int64_t turn_quiet_ms(struct hunt *hunt, const struct swarm_view *view)
{
    if (view->stat.fetched_bytes > 0)
    {
        hunt->quiet_before_ms = 0;
        hunt->turns = 0;
    }
    return hunt->quiet_before_ms + view->quiet_ms;
}

enum err_code turn_over(struct hunt *hunt, const struct swarm_view *view, struct err *err)
{
    char note[NOTE_BYTES];
    if (view->wish == ORDER_PAUSE)
        return fail(err, E_PAUSED, "Paused");
    int64_t quiet_ms = turn_quiet_ms(hunt, view);
    snprintf(note, sizeof note, "{\"quiet_ms\":%lld,\"turns\":%lld}", (long long)quiet_ms,
             (long long)hunt->turns + 1);
    job_set_progress(hunt->job, NULL, note);
    enum err_code code =
        fail(err, E_WAITING, "%s; others go first for a while", progress_words(&view->stat, view->quiet_ms));
    err->retry_after_s = (unsigned)(2 * patience_s(hunt));
    return code;
}
