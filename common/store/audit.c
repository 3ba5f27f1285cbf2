/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/audit.h"

#include "common/base/id.h"
#include "common/store/sql.h"

static const struct db_stmt add = {
    "audit_add",
    "INSERT INTO logs (id, at, user_id, ip, action, subject, request_id, detail) "
    "VALUES ($1, clock_timestamp(), $2, $3, $4, $5, $6, coalesce($7::jsonb, '{}'))",
    7,
};
#define SQL_MATCHES                                                                                          \
    "($1::uuid IS NULL OR l.user_id = $1::uuid) AND ($2::text IS NULL OR l.action = $2::text) "              \
    "AND ($3::timestamptz IS NULL OR l.at >= $3::timestamptz) "
static const struct store_list list = {
    {"audit_list",
     "SELECT json_build_object('id', l.id, 'at', rfc3339(l.at), 'user_id', l.user_id, 'ip', l.ip, "
     "'action', l.action, 'subject', l.subject, 'request_id', l.request_id, 'detail', "
     "l.detail), micros(l.at), l.id FROM logs l WHERE " SQL_MATCHES
     "AND ($6::bigint IS NULL OR (l.at, l.id) < (at_micros($6), $7::uuid)) "
     "ORDER BY l.at DESC, l.id DESC LIMIT $4::bigint OFFSET $5::bigint",
     7},
    {"audit_count", "SELECT count(*) FROM (SELECT 1 FROM logs l WHERE " SQL_MATCHES "LIMIT 10001) c", 3},
};

enum err_code audit_store_add(struct db *db, const struct audit_entry *entry, struct err *err)
{
    struct id id = id_new();
    const char *params[] = {id.text,        entry->user_id,    entry->ip,    entry->action,
                            entry->subject, entry->request_id, entry->detail};
    return db_run(db, &add, params, NULL, err);
}

enum err_code audit_store_list(struct db *db, struct arena *arena, const struct audit_filter *filter,
                               const struct store_ask *ask, struct store_page *page, struct err *err)
{
    const char *filters[] = {filter->user_id, filter->action, filter->since};
    return store_list_read(db, arena, &list, filters, ask, page, err);
}
