/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines of one request, from the programs' logs as journald, docker or a file has them. */
#include "cli/trace.h"
#include "common/base/clock.h"
#include "common/json/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    STEPS_FIRST = 256
};

/* A list that grows. */
struct list
{
    struct trace_step *steps;
    size_t count;
    size_t size;
};

static enum err_code add(struct session *session, struct list *list, struct trace_step step, struct err *err)
{
    if (list->count == list->size)
    {
        size_t size = list->size == 0 ? STEPS_FIRST : list->size * 2;
        struct trace_step *grown = arena_array(session->arena, size, sizeof *grown);
        if (grown == NULL)
            return fail(err, E_TOO_LARGE, "the log has too much of that request");
        if (list->count > 0)
            memcpy(grown, list->steps, list->count * sizeof *grown);
        list->steps = grown;
        list->size = size;
    }
    list->steps[list->count++] = step;
    return E_OK;
}

static const char *member(const struct json *line, const char *name)
{
    const char *text = json_text(json_get(line, name), NULL);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* False: the line is not of a program's log, or is of another request and only mentions the id. */
static bool step_of(struct session *session, const char *text, const char *request_id,
                    struct trace_step *step)
{
    struct err ignored = ERR_INIT;
    const struct json *line = NULL;
    int64_t at_ms = 0;
    const char *brace = strchr(text, '{');
    if (brace == NULL || json_parse(session->arena, brace, strlen(brace), &line, &ignored) != E_OK)
        return false;
    const char *id = member(line, "request_id");
    const char *level = member(line, "level");
    if (id == NULL || strcmp(id, request_id) != 0 ||
        !clock_parse(json_text(json_get(line, "timestamp"), ""), &at_ms))
        return false;
    bool is_loud = level != NULL && (strcmp(level, "warn") == 0 || strcmp(level, "error") == 0);
    *step = (struct trace_step){.at_us = at_ms * 1000,
                                .job_id = member(line, "job_id"),
                                .step = json_text(json_get(line, "event"), "?"),
                                .worker = member(line, "service"),
                                .reason = is_loud ? level : NULL,
                                .detail = member(line, "message")};
    return true;
}

static enum err_code read_lines(struct session *session, FILE *in, const char *request_id,
                                struct trace_steps *lines, struct err *err)
{
    struct list list = {NULL, 0, 0};
    struct trace_step step;
    char *text = NULL;
    size_t room_bytes = 0;
    enum err_code code = E_OK;
    while (code == E_OK && getline(&text, &room_bytes, in) >= 0)
    {
        text[strcspn(text, "\r\n")] = '\0';
        if (strstr(text, request_id) == NULL || !step_of(session, text, request_id, &step))
            continue;
        lines->total++;
        if (list.count < TRACE_LOG_MAX)
            code = add(session, &list, step, err);
    }
    free(text);
    if (code == E_OK && ferror(in))
        code = fail(err, E_UNAVAILABLE, "reading the log failed: %s", strerror(errno));
    lines->list = list.steps;
    lines->count = list.count;
    return code;
}

enum err_code trace_log_read(struct session *session, const char *path, const char *request_id,
                             struct trace_steps *lines, struct err *err)
{
    *lines = (struct trace_steps){NULL, 0, 0};
    if (strcmp(path, "-") == 0)
        return read_lines(session, stdin, request_id, lines, err);
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return fail(err, E_UNAVAILABLE, "cannot open %.100s: %s", path, strerror(errno));
    enum err_code code = read_lines(session, in, request_id, lines, err);
    fclose(in);
    return code;
}
