/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/logins.h"

#define SQL_ACCOUNT "encode(sha256(convert_to(lower($1), 'UTF8')), 'hex')"
#define SQL_NETWORK "network(set_masklen($2::inet, CASE family($2::inet) WHEN 6 THEN 64 ELSE 32 END))"
#define SQL_WINDOW "interval '15 minutes'"

/* The failure that has to fall out of the window first: the newest but so many. */
#define SQL_NEWEST_BUT(which, limit)                                                                         \
    "(SELECT at FROM login_failures WHERE network = " SQL_NETWORK " AND at > now() - " SQL_WINDOW which      \
    " ORDER BY at DESC OFFSET " limit "::bigint - 1 LIMIT 1)"

static const struct db_stmt check = {
    "login_check",
    "SELECT ceil(extract(epoch FROM greatest(" SQL_NEWEST_BUT(
        " AND account = " SQL_ACCOUNT, "$3") ", " SQL_NEWEST_BUT("", "$4") ") + " SQL_WINDOW
                                                                           " - now()))::bigint",
    4,
};
static const struct db_stmt note = {
    "login_note",
    "INSERT INTO login_failures (network, account) VALUES (" SQL_NETWORK ", " SQL_ACCOUNT ")",
    2,
};

enum err_code login_store_check(struct db *db, struct arena *arena, const struct login_try *login,
                                const struct login_limits *limits, struct err *err)
{
    const char *params[] = {login->account, login->address, db_param_int(arena, limits->per_account),
                            db_param_int(arena, limits->per_network)};
    struct db_rows *rows = NULL;
    if (db_run(db, &check, params, &rows, err) != E_OK)
        return err->code;
    const int64_t wait_s = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    if (wait_s <= 0)
        return E_OK;
    fail(err, E_TOO_MANY, "too many passwords were wrong");
    err->retry_after_s = (unsigned)wait_s;
    return err->code;
}

enum err_code login_store_note(struct db *db, const struct login_try *login, struct err *err)
{
    const char *params[] = {login->account, login->address};
    return db_run(db, &note, params, NULL, err);
}
