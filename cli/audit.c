/* SPDX-License-Identifier: Apache-2.0 */
/* audit verify */
#include "cli/show.h"
#include "cli/verb.h"
#include "common/json/write.h"
#include "common/store/seals.h"

#include <inttypes.h>

static void put_verdict(struct buf *out, const struct seal_verdict *verdict)
{
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_put_bool(&w, "intact", verdict->problem == NULL);
    json_put_int(&w, "sealed", verdict->sealed);
    json_put_int(&w, "unsealed", verdict->unsealed);
    json_put_text(&w, "end", verdict->end);
    if (verdict->problem != NULL)
    {
        json_put_text(&w, "problem", verdict->problem);
        json_put_int(&w, "seq", verdict->seq);
        json_put_text(&w, "log_id", verdict->log_id);
        json_put_text(&w, "at", verdict->at);
        json_put_text(&w, "action", verdict->action);
    }
    json_end_object(&w);
}

static const char *or_none(const char *text)
{
    return text != NULL ? text : "-";
}

static void say_verdict(struct buf *out, const struct seal_verdict *verdict)
{
    if (verdict->problem == NULL)
    {
        buf_addf(out,
                 "intact: %" PRId64 " entries are as they were sealed, %" PRId64 " wait for their seal\n",
                 verdict->sealed, verdict->unsealed);
        buf_addf(out, "end: %s\n", or_none(verdict->end));
        return;
    }
    buf_addf(out, "BROKEN: %s\nseal %" PRId64 "  entry %s  at %s  action ", verdict->problem, verdict->seq,
             or_none(verdict->log_id), or_none(verdict->at));
    show_clean(out, or_none(verdict->action));
    buf_add_char(out, '\n');
}

enum err_code verb_audit_verify(struct session *session, struct err *err)
{
    struct db *db = NULL;
    struct seal_verdict verdict = {0};
    struct buf out;
    enum err_code code = session_db(session, &db, err);
    if (code == E_OK)
        code = seal_store_verify(db, session->arena, &verdict, err);
    if (code != E_OK)
        return code;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    if (session_json(session))
        put_verdict(&out, &verdict);
    else
        say_verdict(&out, &verdict);
    if (verdict.problem != NULL)
        session->verdict = VERDICT_BAD;
    code = session_print(&out, err);
    buf_fini(&out);
    return code;
}
