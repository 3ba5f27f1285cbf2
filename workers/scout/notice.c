/* SPDX-License-Identifier: Apache-2.0 */
/* The templates of notices: each tells what is wrong, and what happens next. */
#include "workers/scout/notify.h"

#include <string.h>

enum
{
    TITLE_MAX = 300,
    DETAIL_MAX = 1000,
    WORD_MAX = 100
};

struct facts
{
    const char *id; /* of the job or the download */
    const char *kind;
    const char *reason;
    const char *detail;
    const char *title;
    bool last; /* the next ones within the hour are not sent */
};

/* A name from outside must not look like a line of ours. */
static const char *one_line(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *at = copy; at != NULL && *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = ' ';
    return copy;
}

/* ---- job_failed ----------------------------------------------------------------------------- */

static const struct json_field failed_fields[] = {
    {"job_id", JSON_ID, JSON_REQUIRED, offsetof(struct facts, id), 0, 0},
    {"kind", JSON_TEXT, JSON_REQUIRED, offsetof(struct facts, kind), 1, WORD_MAX},
    {"reason", JSON_TEXT, JSON_OPTIONAL, offsetof(struct facts, reason), 0, WORD_MAX},
    {"detail", JSON_TEXT, JSON_OPTIONAL, offsetof(struct facts, detail), 0, DETAIL_MAX},
    {"title", JSON_TEXT, JSON_OPTIONAL, offsetof(struct facts, title), 0, TITLE_MAX},
    {"last", JSON_BOOL, JSON_OPTIONAL, offsetof(struct facts, last), 0, 0},
};

static const struct
{
    const char *kind;
    const char *words;
} works[] = {
    {"search", "search for titles"},
    {"releases", "search for releases"},
    {"download", "download"},
    {"purge", "clean-up of a deleted download"},
    {"noop", "test job"},
};

static const struct
{
    const char *reason;
    const char *words;
} nexts[] = {
    {"exhausted", "It was tried several times and is not tried again by itself.\n"
                  "It is kept among the dead letters, where an administrator can\n"
                  "run it again."},
    {"poison", "It cannot be run as it is. It is kept among the dead letters,\n"
               "where an administrator can mend it and run it again."},
    {"disk_full", "It is not tried again by itself. Start it again when there is\n"
                  "room on the disk."},
    {"stalled", "It is not tried again by itself. Start it again later, or choose\n"
                "another release."},
};

static const char *work_of(struct arena *arena, const char *kind)
{
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++)
        if (strcmp(works[i].kind, kind) == 0)
            return works[i].words;
    return arena_printf(arena, "job \"%s\"", kind);
}

static const char *next_of(const char *reason)
{
    for (size_t i = 0; reason != NULL && i < sizeof nexts / sizeof nexts[0]; i++)
        if (strcmp(nexts[i].reason, reason) == 0)
            return nexts[i].words;
    return "It is not tried again by itself, because that would end the same\n"
           "way. Start it again when the cause is gone.";
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void write_failed(struct arena *arena, const struct facts *facts, struct notice *notice)
{
    const char *work = work_of(arena, facts->kind);
    const char *about = is_given(facts->title) ? arena_printf(arena, ": %s", facts->title) : "";
    const char *wrong = is_given(facts->detail)   ? facts->detail
                        : is_given(facts->reason) ? facts->reason
                                                  : "No cause was told";
    notice->subject = arena_printf(arena, "Your %s failed%s", work, about);
    notice->text =
        arena_printf(arena,
                     "Your %s failed%s\n\n"
                     "What is wrong:\n%s\n\n"
                     "What happens next:\n%s\n\n"
                     "%sJob: %s\n",
                     work, about, wrong, next_of(facts->reason),
                     facts->last ? "You have been told of many things within an hour. What else fails\n"
                                   "within it is not mailed: see the list of your jobs.\n\n"
                                 : "",
                     facts->id);
}

/* ---- download_done -------------------------------------------------------------------------- */

static const struct json_field done_fields[] = {
    {"download_id", JSON_ID, JSON_REQUIRED, offsetof(struct facts, id), 0, 0},
    {"name", JSON_TEXT, JSON_REQUIRED, offsetof(struct facts, title), 1, TITLE_MAX},
};

static void write_done(struct arena *arena, const struct facts *facts, struct notice *notice)
{
    notice->subject = arena_printf(arena, "Download complete: %s", facts->title);
    notice->text = arena_printf(arena,
                                "Your download is complete: %s\n\n"
                                "What happens next:\n"
                                "You can watch it now. It is shared with others for a while.\n\n"
                                "Download: %s\n",
                                facts->title, facts->id);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct
{
    const char *name;
    const struct json_field *fields;
    size_t fields_count;
    void (*write)(struct arena *arena, const struct facts *facts, struct notice *notice);
} templates[] = {
    {"job_failed", failed_fields, sizeof failed_fields / sizeof failed_fields[0], write_failed},
    {"download_done", done_fields, sizeof done_fields / sizeof done_fields[0], write_done},
};

enum err_code notice_write(struct arena *arena, const char *template_name, const struct json *payload,
                           struct notice *notice, struct err *err)
{
    struct facts facts = {0};
    struct notice made = {NULL, NULL};
    for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++)
    {
        if (strcmp(templates[i].name, template_name) != 0)
            continue;
        enum err_code code =
            json_read(arena, payload, templates[i].fields, templates[i].fields_count, &facts, NULL, err);
        if (code != E_OK)
            return code;
        facts.title = one_line(arena, facts.title);
        facts.detail = one_line(arena, facts.detail);
        templates[i].write(arena, &facts, &made);
        if (made.subject == NULL || made.text == NULL)
            return fail(err, E_NO_MEMORY, "out of memory");
        *notice = made;
        return E_OK;
    }
    return fail(err, E_INVALID, "template: there is none called %.40s", template_name);
}
