/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: checks everything and tells what to do. */
#include "cli/doctor.h"
#include "cli/verb.h"
#include "common/json/write.h"

#include <stdarg.h>
#include <string.h>

typedef void check(struct doctor *doctor);

static check *const checks[] = {doctor_version,  doctor_programs, doctor_settings, doctor_env_file,
                                doctor_database, doctor_work,     doctor_nats,     doctor_redis,
                                doctor_folders,  doctor_providers};

static const char *const words[] = {[FINDING_OK] = "ok", [FINDING_NOTE] = "note", [FINDING_BAD] = "bad"};

void doctor_add(struct doctor *doctor, enum finding_state state, const char *name, const char *advice,
                const char *fmt, ...)
{
    if (doctor->count == DOCTOR_MAX_FINDINGS)
        return;
    struct finding *finding = &doctor->findings[doctor->count++];
    va_list args;
    va_start(args, fmt);
    *finding = (struct finding){.state = state, .name = name};
    vsnprintf(finding->detail, sizeof finding->detail, fmt, args);
    snprintf(finding->advice, sizeof finding->advice, "%s", state == FINDING_OK ? "" : advice);
    va_end(args);
}

void doctor_fail(struct doctor *doctor, const char *name, const char *advice, const struct err *err)
{
    const char *colon = strstr(err->text, ": ");
    if (colon == NULL)
        doctor_add(doctor, FINDING_BAD, name, advice, "%s", err->text);
    else
        doctor_add(doctor, FINDING_BAD, name, colon + 2, "%.*s", (int)(colon - err->text), err->text);
}

static void write_json(const struct doctor *doctor, bool good, struct buf *out)
{
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_put_bool(&w, "ok", good);
    json_begin_array(&w, "checks");
    for (size_t i = 0; i < doctor->count; i++)
    {
        const struct finding *finding = &doctor->findings[i];
        json_begin_object(&w, NULL);
        json_put_text(&w, "name", finding->name);
        json_put_text(&w, "status", words[finding->state]);
        json_put_text(&w, "detail", finding->detail);
        json_put_text(&w, "advice", finding->advice[0] != '\0' ? finding->advice : NULL);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
}

static void write_lines(const struct doctor *doctor, struct buf *out)
{
    for (size_t i = 0; i < doctor->count; i++)
    {
        const struct finding *finding = &doctor->findings[i];
        buf_addf(out, "%-4s  %-10s  %s%s%s\n", words[finding->state], finding->name, finding->detail,
                 finding->advice[0] != '\0' ? ": " : "", finding->advice);
    }
}

enum err_code verb_doctor(struct session *session, struct err *err)
{
    struct doctor doctor = {.session = session};
    struct buf out;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        checks[i](&doctor);
    for (size_t i = 0; i < doctor.count; i++)
        if (doctor.findings[i].state == FINDING_BAD)
            session->verdict = VERDICT_BAD;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    if (session_json(session))
        write_json(&doctor, session->verdict == VERDICT_GOOD, &out);
    else
        write_lines(&doctor, &out);
    enum err_code code = session_print(&out, err);
    buf_fini(&out);
    return code;
}
