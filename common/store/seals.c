/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/seals.h"

#include "common/base/id.h"

#include <stdio.h>

static const struct db_stmt run_stmt = {"seal_run", "SELECT logs_seal($1::bigint)", 1};
static const struct db_stmt uncopied = {"seal_uncopied",
                                        "SELECT seq, log_id, topic, body FROM logs_uncopied($1::bigint)", 1};
static const struct db_stmt copied = {"seal_copied", "SELECT logs_copied($1::bigint)", 1};

/* How far an entry's time may lie behind the youngest sealed one while its seal is still to come (logs_seal).
 */
#define LATE "interval '2 minutes'"
static const struct db_stmt totals = {
    "seal_totals",
    "SELECT (SELECT count(*) FROM log_seals), (SELECT count(*) FROM logs l WHERE NOT EXISTS"
    " (SELECT 1 FROM log_seals s WHERE s.log_id = l.id)), (SELECT encode(last_hash, 'hex') FROM log_chain)",
    0};
static const struct db_stmt first_problem = {
    "seal_first_problem",
    "WITH looked AS (SELECT s.seq, s.log_id, s.at, s.action, s.hash, s.row_hash, s AS seal, l AS entry,"
    "   l.id IS NOT NULL AS is_there, lag(s.seq) OVER w AS seq_before, c.first_seq,"
    "   coalesce(lag(s.hash) OVER w, c.first_before) AS before"
    "   FROM log_chain c CROSS JOIN (log_seals s LEFT JOIN logs l ON l.id = s.log_id AND l.at = s.at)"
    "   WHERE s.seq >= c.first_seq WINDOW w AS (ORDER BY s.seq)),"
    " problems AS (SELECT CASE"
    "   WHEN seq = seq_before THEN 'an entry is there twice'"
    "   WHEN seq <> coalesce(seq_before + 1, first_seq) THEN 'seals before this one are missing'"
    "   WHEN hash <> log_seal_hash(before, seal) THEN 'the seal was altered'"
    "   WHEN NOT is_there AND NOT log_is_old(at, action) THEN 'the entry is missing, or its time was altered'"
    "   WHEN is_there AND log_hash(entry) <> row_hash THEN 'the entry was altered'"
    "   END AS problem, seq, log_id, at, action FROM looked"
    " UNION ALL SELECT 'the end of the chain is missing', c.last_seq, NULL, 'infinity', NULL FROM log_chain c"
    "   LEFT JOIN log_seals s ON s.seq = (SELECT max(seq) FROM log_seals)"
    "   WHERE c.last_seq >= c.first_seq AND (s.seq, s.hash) IS DISTINCT FROM (c.last_seq, c.last_hash)"
    " UNION ALL SELECT 'the seal stands before the beginning of the chain', s.seq, s.log_id, s.at, s.action"
    "   FROM log_seals s, log_chain c WHERE s.seq < c.first_seq"
    " UNION ALL SELECT 'the chain is missing', 0, NULL, '-infinity', NULL WHERE NOT EXISTS"
    "   (SELECT 1 FROM log_chain)"
    " UNION ALL SELECT 'the entry was put in later', 0, l.id, l.at, l.action FROM logs l, log_chain c"
    "   WHERE NOT EXISTS (SELECT 1 FROM log_seals s WHERE s.log_id = l.id AND s.at = l.at)"
    "   AND (l.at <= c.newest - " LATE " OR l.at > clock_timestamp() + " LATE
    "     OR EXISTS (SELECT 1 FROM log_seals s WHERE s.log_id = l.id)))"
    " SELECT problem, seq, log_id, rfc3339(nullif(nullif(at, 'infinity'), '-infinity')), action FROM problems"
    " WHERE problem IS NOT NULL ORDER BY at, seq = 0, seq LIMIT 1",
    0};

static const struct db_stmt config_changed = {"audit_config_changed",
                                              "SELECT log_config_change($1::uuid, $2, $3)", 3};

enum err_code seal_store_run(struct db *db, int64_t most, int64_t *sealed, struct err *err)
{
    char number[24];
    const char *params[] = {number};
    struct db_rows *rows = NULL;
    snprintf(number, sizeof number, "%lld", (long long)most);
    enum err_code code = db_run(db, &run_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    *sealed = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return E_OK;
}

enum err_code seal_store_uncopied(struct db *db, struct arena *arena, int64_t most, struct seal_copy **copies,
                                  size_t *n, struct err *err)
{
    const char *params[] = {db_param_int(arena, most)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &uncopied, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    const int count = rows != NULL ? db_rows(rows) : 0;
    struct seal_copy *list = arena_array(arena, (size_t)count + 1, sizeof *list);
    if (rows == NULL || list == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (int i = 0; i < count; i++)
        list[i] = (struct seal_copy){.seq = db_int(rows, i, 0, 0),
                                     .id = db_text(rows, i, 1),
                                     .subject = db_text(rows, i, 2),
                                     .json = db_text(rows, i, 3)};
    *copies = list;
    *n = (size_t)count;
    return E_OK;
}

enum err_code seal_store_copied(struct db *db, struct arena *arena, int64_t seq, struct err *err)
{
    const char *params[] = {db_param_int(arena, seq)};
    return db_run(db, &copied, params, NULL, err);
}

/* The problem is found by one statement, hence in one snapshot: what is written meanwhile is none. */
enum err_code seal_store_verify(struct db *db, struct arena *arena, struct seal_verdict *verdict,
                                struct err *err)
{
    const struct db_call calls[] = {{&totals, NULL}, {&first_problem, NULL}};
    struct db_rows *rows[2] = {NULL, NULL};
    enum err_code code = db_run_all(db, calls, 2, rows, err);
    if (code != E_OK)
        return code;
    const struct db_rows *count = db_rows_keep(rows[0], arena);
    const struct db_rows *found = db_rows_keep(rows[1], arena);
    if (count == NULL || found == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    const bool any = db_rows(found) > 0;
    *verdict = (struct seal_verdict){.sealed = db_int(count, 0, 0, 0),
                                     .unsealed = db_int(count, 0, 1, 0),
                                     .end = db_text(count, 0, 2),
                                     .problem = any ? db_text(found, 0, 0) : NULL,
                                     .seq = any ? db_int(found, 0, 1, 0) : 0,
                                     .log_id = any ? db_text(found, 0, 2) : NULL,
                                     .at = any ? db_text(found, 0, 3) : NULL,
                                     .action = any ? db_text(found, 0, 4) : NULL};
    return E_OK;
}

enum err_code audit_store_config_changed(struct db *db, const char *service, const char *names,
                                         struct err *err)
{
    const struct id id = id_new();
    const char *params[] = {id.text, service, names};
    return db_run(db, &config_changed, params, NULL, err);
}
