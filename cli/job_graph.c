/* SPDX-License-Identifier: Apache-2.0 */
/* job get --graph: a job with its ancestors and all their follow-ups. */
#include "cli/show.h"
#include "cli/verb.h"
#include "common/base/clock.h"
#include "common/json/write.h"
#include "common/store/jobs.h"

static void put_time(struct json_writer *w, const char *name, int64_t at_ms)
{
    if (at_ms == 0)
        json_put_null(w, name);
    else
        json_put_time(w, name, at_ms);
}

static void put_node(struct json_writer *w, const struct job_node *node)
{
    json_put_text(w, "id", node->job_id);
    json_put_text(w, "kind", node->kind);
    json_put_text(w, "status", node->status);
    json_put_text(w, "reason", node->reason);
    put_time(w, "created_at", node->created_ms);
    put_time(w, "finished_at", node->finished_ms);
}

/* Parents come first; the level of the next node tells how many nodes are closed before it. */
static void write_json(struct buf *out, const struct job_node *nodes, size_t count)
{
    struct json_writer w = json_writer(out);
    for (size_t i = 0; i < count; i++)
    {
        int next = i + 1 < count ? nodes[i + 1].level : 0;
        json_begin_object(&w, NULL);
        put_node(&w, &nodes[i]);
        if (next > nodes[i].level)
        {
            json_begin_array(&w, "children");
            continue;
        }
        json_put_raw(&w, "children", "[]");
        json_end_object(&w);
        for (int level = nodes[i].level; level > next; level--)
        {
            json_end_array(&w);
            json_end_object(&w);
        }
    }
}

static void write_tree(struct buf *out, const struct job_node *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++)
    {
        const struct job_node *node = &nodes[i];
        char created[CLOCK_TEXT_SIZE] = "-";
        char finished[CLOCK_TEXT_SIZE] = "-";
        clock_format(node->created_ms, created);
        if (node->finished_ms != 0)
            clock_format(node->finished_ms, finished);
        buf_addf(out, "%*s", 2 * node->level, "");
        show_clean(out, node->kind);
        buf_addf(out, "  %s  %s  %s to %s", node->status, node->job_id, created, finished);
        if (node->reason != NULL)
            buf_add_text(out, "  ");
        show_clean(out, node->reason != NULL ? node->reason : "");
        buf_add_char(out, '\n');
    }
}

enum err_code show_graph(struct session *session, struct db *db, const char *id, struct err *err)
{
    const struct job_node *nodes = NULL;
    size_t count = 0;
    struct buf out;
    enum err_code code = job_store_graph(db, session->arena, id, &nodes, &count, err);
    if (code != E_OK)
        return code;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    if (session_json(session))
        write_json(&out, nodes, count);
    else
        write_tree(&out, nodes, count);
    code = session_print(&out, err);
    buf_fini(&out);
    return code;
}
