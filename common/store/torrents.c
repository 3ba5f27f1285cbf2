/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/torrents.h"

#include "common/base/buf.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/media/magnet.h"
#include "common/media/torrent.h"
#include "common/store/page.h"

#include <string.h>

enum
{
    LINK_MAX_BYTES = 60000, /* the engine reads links of 64 KiB */
    PUT_TRIES = 5
};

static const struct db_stmt claim_row = {
    "torrent_claim_row",
    "INSERT INTO torrents (id, info_hash_v1, info_hash_v2) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    3,
};
static const struct db_stmt claimed_row = {
    "torrent_claimed_row",
    "SELECT id FROM torrents WHERE info_hash_v1 = $1 OR info_hash_v2 = $2",
    2,
};
static const struct db_stmt claim_words = {
    "torrent_claim",
    "INSERT INTO torrent_claims AS c (user_id, torrent_id, name, link) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (user_id, torrent_id) DO UPDATE SET name = coalesce(excluded.name, c.name), "
    "link = coalesce(excluded.link, c.link), claimed_at = now()",
    4,
};
/* A row that was made for another hash loses this one. */
static const struct db_stmt free_v2 = {
    "torrent_free_v2",
    "UPDATE torrents SET info_hash_v2 = NULL WHERE info_hash_v2 = $2 AND info_hash_v1 IS NOT NULL "
    "AND info_hash_v1 IS DISTINCT FROM $1",
    2,
};
/* Locked in the order of their ids, so that two transactions that prove the same torrent do not deadlock. */
static const struct db_stmt proven_rows = {
    "torrent_proven_rows",
    "SELECT id, metainfo IS NOT NULL, info_hash_v1 IS NOT NULL FROM torrents "
    "WHERE info_hash_v1 = $1 OR info_hash_v2 = $2 ORDER BY id FOR UPDATE",
    2,
};
/* bytea travels as hexadecimal text: "\x0123". */
static const struct db_stmt insert = {
    "torrent_insert",
    "INSERT INTO torrents (info_hash_v1, info_hash_v2, id, name, size, metainfo, files) "
    "VALUES ($1, $2, $3, $4, $5::bigint, $6::bytea, $7::jsonb)",
    7,
};
/* Stored metainfo of another torrent were never proven, and columns that were filled from them are void.
 * Metainfo with other trackers around the same info are of this torrent.  Hashes of pieces that were proven
 * before stay. */
static const struct db_stmt learn = {
    "torrent_learn",
    "UPDATE torrents t SET info_hash_v1 = $1, info_hash_v2 = $2, name = $4, size = $5::bigint, "
    "metainfo = s.metainfo, files = coalesce($7::jsonb, CASE WHEN is_same THEN t.files END), "
    "status = CASE WHEN t.metainfo IS NULL OR is_same THEN t.status ELSE 'Pending' END "
    "FROM (SELECT id AS same_id, position(substring($6::bytea from 8 for $8::int - 7) IN metainfo) > 0 "
    "AS is_same, CASE WHEN substring(metainfo for $8::int) = substring($6::bytea for $8::int) "
    "AND octet_length(metainfo) > octet_length($6::bytea) THEN metainfo ELSE $6::bytea END AS metainfo "
    "FROM torrents WHERE id = $3) s WHERE t.id = s.same_id "
    "AND (t.info_hash_v1, t.info_hash_v2, t.metainfo) IS DISTINCT FROM ($1, $2, s.metainfo)",
    8,
};
static const struct db_stmt move_downloads = {
    "torrent_move_downloads",
    "UPDATE downloads SET torrent_id = $2 WHERE torrent_id = $1",
    2,
};
static const struct db_stmt move_claims = {
    "torrent_move_claims",
    "UPDATE torrent_claims c SET torrent_id = $2 WHERE torrent_id = $1 "
    "AND NOT EXISTS (SELECT 1 FROM torrent_claims o WHERE o.torrent_id = $2 AND o.user_id = c.user_id)",
    2,
};
static const struct db_stmt point_to = {
    "torrent_point_to",
    "UPDATE torrents SET info_hash_v1 = NULL, info_hash_v2 = NULL, same_as = $2 WHERE id = $1",
    2,
};
#define TODAY "(SELECT coalesce(same_as, id) FROM torrents WHERE id = $1)"
static const struct db_stmt find = {
    "torrent_find",
    "SELECT id FROM torrents WHERE id = " TODAY,
    1,
};
static const struct db_stmt get_source = {
    "torrent_source",
    "SELECT t.id, t.info_hash_v1, t.info_hash_v2, (SELECT link FROM torrent_claims c "
    "WHERE c.torrent_id = t.id AND c.user_id = $2::uuid), encode(t.metainfo, 'hex') "
    "FROM torrents t WHERE t.id = " TODAY,
    2,
};

static const char *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static const char *param_bytes(struct arena *arena, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    char *text = bytes == NULL ? NULL : arena_alloc(arena, 2 * len + sizeof "\\x");
    if (text == NULL)
        return NULL;
    text[0] = '\\';
    text[1] = 'x';
    for (size_t i = 0; i < len; i++)
    {
        text[2 + 2 * i] = digits[from[i] >> 4];
        text[3 + 2 * i] = digits[from[i] & 15];
    }
    return text;
}

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static const void *bytes_of_hex(struct arena *arena, const char *hex, size_t len)
{
    unsigned char *bytes = arena_alloc(arena, len / 2 + 1);
    for (size_t i = 0; bytes != NULL && i < len / 2; i++)
        bytes[i] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return bytes;
}

/* ---- claims ---------------------------------------------------------------------------------- */

/* As many of the addresses as a link may have. NULL: there are none, or no memory. */
static const char *link_of(struct arena *arena, const struct torrent_claim *claim)
{
    struct magnet link = {.hash = *claim->hash, .name = ""};
    if (claim->trackers != NULL)
        link.trackers = *claim->trackers;
    if (claim->webseeds != NULL)
        link.webseeds = *claim->webseeds;
    while (link.trackers.count + link.webseeds.count > 0)
    {
        struct buf buf;
        buf_init(&buf, LINK_MAX_BYTES);
        magnet_write(&buf, &link);
        const char *text = buf_keep(&buf, arena);
        if (text != NULL || arena_failed(arena))
            return text;
        link.trackers.count -= link.webseeds.count == 0;
        link.webseeds.count -= link.webseeds.count > 0;
    }
    return NULL;
}

static enum err_code keep_words(struct db *db, struct arena *arena, const struct torrent_claim *claim,
                                const char *torrent_id, struct err *err)
{
    const char *params[] = {claim->user_id, torrent_id, text_or_null(claim->name), link_of(arena, claim)};
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "no memory for a torrent");
    if (params[2] == NULL && params[3] == NULL)
        return E_OK;
    return db_run(db, &claim_words, params, NULL, err);
}

enum err_code torrent_store_claim(struct db *db, struct arena *arena, const struct torrent_claim *claim,
                                  const char **torrent_id, struct err *err)
{
    struct id id = id_new();
    const char *v1 = text_or_null(claim->hash->v1);
    const char *params[] = {id.text, v1, v1 != NULL ? NULL : text_or_null(claim->hash->v2)};
    const char *found = NULL;
    enum err_code code = db_run(db, &claim_row, params, NULL, err);
    if (code == E_OK)
        code = store_read_one(db, arena, &(struct db_call){&claimed_row, params + 1}, "the torrent went away",
                              &found, err);
    if (code == E_OK)
        code = keep_words(db, arena, claim, found, err);
    if (code == E_OK)
        *torrent_id = found;
    return code;
}

/* ---- proofs ---------------------------------------------------------------------------------- */

/* Downloads and claims are moved to the row that stays. */
static enum err_code point(struct db *db, const char *from, const char *to, struct err *err)
{
    const struct db_stmt *const steps[] = {&move_downloads, &move_claims, &point_to};
    const char *params[] = {from, to};
    enum err_code code = E_OK;
    for (size_t i = 0; code == E_OK && i < sizeof steps / sizeof steps[0]; i++)
        code = db_run(db, steps[i], params, NULL, err);
    return code;
}

/* Which of the one or two rows for these hashes stays. Two rows that both have metainfo, and so perhaps
 * files, stay two; then the one of version 1 is answered, and the other one keeps its hash. */
static enum err_code settle_rows(struct db *db, const struct db_rows *rows, const char **params,
                                 struct err *err)
{
    int on = 0;
    for (int i = 1; i < db_rows(rows); i++)
        if (db_bool(rows, i, 1) > db_bool(rows, on, 1) ||
            (db_bool(rows, i, 1) == db_bool(rows, on, 1) && db_bool(rows, i, 2)))
            on = i;
    params[2] = db_text(rows, on, 0);
    if (db_rows(rows) < 2)
        return E_OK;
    if (!db_bool(rows, 1 - on, 1))
        return point(db, db_text(rows, 1 - on, 0), params[2], err);
    params[1] = NULL;
    return E_OK;
}

static enum err_code write_proof(struct db *db, struct arena *arena, const char **params,
                                 const char **torrent_id, struct err *err)
{
    struct db_rows *rows = NULL;
    if ((params[1] != NULL && db_run(db, &free_v2, params, NULL, err) != E_OK) ||
        db_run(db, &proven_rows, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a torrent");
    bool is_new = db_rows(rows) == 0;
    if ((!is_new && settle_rows(db, rows, params, err) != E_OK) ||
        db_run(db, is_new ? &insert : &learn, params, NULL, err) != E_OK)
        return err->code;
    *torrent_id = params[2];
    return E_OK;
}

enum err_code torrent_store_prove(struct db *db, struct arena *arena, const struct torrent_known *known,
                                  const char **torrent_id, struct err *err)
{
    struct id id = id_new();
    struct torrent_proof proof;
    enum err_code code = torrent_prove(arena, known->metainfo, known->metainfo_len, &proof, err);
    if (code != E_OK)
        return code;
    const char *params[] = {
        arena_strdup(arena, text_or_null(proof.hash.v1)),
        arena_strdup(arena, text_or_null(proof.hash.v2)),
        arena_strdup(arena, id.text),
        text_or_null(known->name),
        known->size_bytes > 0 ? db_param_int(arena, known->size_bytes) : NULL,
        param_bytes(arena, proof.metainfo, proof.metainfo_len),
        known->files,
        db_param_int(arena, (int64_t)proof.bare_len),
    };
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "no memory for a torrent");
    return write_proof(db, arena, params, torrent_id, err);
}

static enum err_code prove_and_claim(struct db *db, struct arena *arena, const struct torrent_known *known,
                                     const struct torrent_claim *claim, const char **torrent_id,
                                     struct err *err)
{
    enum err_code code = db_begin(db, err);
    if (code == E_OK)
        code = torrent_store_prove(db, arena, known, torrent_id, err);
    if (code == E_OK)
        code = keep_words(db, arena, claim, *torrent_id, err);
    if (code == E_OK)
        return db_commit(db, err);
    db_rollback(db);
    return code;
}

enum err_code torrent_store_put(struct db *db, struct arena *arena, const struct torrent_known *known,
                                const struct torrent_claim *claim, const char **torrent_id, struct err *err)
{
    enum err_code code = prove_and_claim(db, arena, known, claim, torrent_id, err);
    for (int i = 1; i < PUT_TRIES && code == E_CONFLICT; i++)
        code = prove_and_claim(db, arena, known, claim, torrent_id, err);
    return code;
}

/* ---- reading --------------------------------------------------------------------------------- */

enum err_code torrent_store_find(struct db *db, struct arena *arena, const char *torrent_id,
                                 const char **found, struct err *err)
{
    const char *params[] = {torrent_id};
    return store_read_one(db, arena, &(struct db_call){&find, params}, "no such torrent", found, err);
}

static bool is_hash(const char *asked, const char *proven)
{
    return asked == NULL || strcmp(asked, proven) == 0;
}

/* Metainfo that do not fit the row's hashes are dropped. */
static void check_source(struct arena *arena, struct torrent_source *source)
{
    struct torrent_proof proof = {.metainfo = NULL};
    struct err err = ERR_INIT;
    if (source->metainfo == NULL)
        return;
    bool is_right = torrent_prove(arena, source->metainfo, source->metainfo_len, &proof, &err) == E_OK &&
                    is_hash(source->info_hash_v1, proof.hash.v1) &&
                    is_hash(source->info_hash_v2, proof.hash.v2);
    if (!is_right)
        log_error("torrent_metainfo", "torrent %s: its metainfo are not those of its hash", source->id);
    source->metainfo = is_right ? proof.metainfo : NULL;
    source->metainfo_len = is_right ? proof.metainfo_len : 0;
}

enum err_code torrent_store_source(struct db *db, struct arena *arena, const char *torrent_id,
                                   const char *user_id, struct torrent_source *source, struct err *err)
{
    const char *params[] = {torrent_id, user_id};
    struct db_rows *rows = NULL;
    if (db_run(db, &get_source, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a torrent");
    if (db_rows(rows) == 0)
        return fail(err, E_NOT_FOUND, "no such torrent");
    const char *hex = db_text(rows, 0, 4);
    size_t hex_len = hex == NULL ? 0 : strlen(hex);
    *source = (struct torrent_source){
        .id = db_text(rows, 0, 0),
        .info_hash_v1 = db_text(rows, 0, 1),
        .info_hash_v2 = db_text(rows, 0, 2),
        .links = db_text(rows, 0, 3),
        .metainfo = hex == NULL ? NULL : bytes_of_hex(arena, hex, hex_len),
        .metainfo_len = hex_len / 2,
    };
    check_source(arena, source);
    return arena_failed(arena) ? fail(err, E_NO_MEMORY, "no memory for a torrent") : E_OK;
}
