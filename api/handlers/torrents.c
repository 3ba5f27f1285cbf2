/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/torrents.h"

#include "api/dto/work.h"
#include "api/handlers/answer.h"
#include "common/conf/conf.h"
#include "common/media/magnet.h"
#include "common/media/size.h"
#include "common/media/torrent.h"
#include "common/store/inspections.h"
#include "common/store/torrents.h"

#include <string.h>

enum
{
    KEEP_TRIES = 3,
    FILES_MAX_BYTES = 12 << 20, /* of the list as JSON; leaves room in a reply */
    /* What parsing takes, the bytes again in hexadecimal for the database, and the list. */
    INSPECT_ARENA_BYTES = TORRENT_ARENA_BYTES + 2 * TORRENT_MAX_BYTES + 2 * FILES_MAX_BYTES
};

struct inspected
{
    const char *torrent_id;
    const struct infohash *hash;
    const char *name;
    int64_t size_bytes; /* 0: unknown */
    const char *files;  /* JSON array */
    const struct tracker_list *trackers;
};

static void free_arena(void *arena)
{
    arena_free(arena);
}

static const char *known(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static void put_size(struct json_writer *w, int64_t size_bytes)
{
    char text[SIZE_TEXT_SIZE];
    if (size_bytes <= 0)
    {
        json_put_null(w, "size");
        json_put_null(w, "size_text");
        return;
    }
    size_format((uint64_t)size_bytes, text);
    json_put_int(w, "size", size_bytes);
    json_put_text(w, "size_text", text);
}

static enum err_code reply_inspected(struct request *req, const struct inspected *torrent, struct err *err)
{
    const struct infohash *hash = torrent->hash;
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_put_text(&w, "torrent_id", torrent->torrent_id);
    json_put_text(&w, "info_hash", hash->v1[0] != '\0' ? hash->v1 : hash->v2);
    json_put_text(&w, "info_hash_v2", known(hash->v2));
    json_put_text(&w, "name", known(torrent->name));
    put_size(&w, torrent->size_bytes);
    json_put_raw(&w, "files", torrent->files);
    json_begin_array(&w, "trackers");
    for (size_t i = 0; i < torrent->trackers->count; i++)
        json_put_text(&w, NULL, torrent->trackers->urls[i]);
    json_end_array(&w);
    json_end_object(&w);
    return reply_json(req, REPLY_OK, err);
}

static enum err_code files_json(struct arena *arena, const struct torrent *torrent, const char **json,
                                struct err *err)
{
    struct buf buf;
    buf_init(&buf, FILES_MAX_BYTES);
    struct json_writer w = json_writer(&buf);
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < torrent->file_count; i++)
    {
        json_begin_object(&w, NULL);
        json_put_int(&w, "index", (int64_t)torrent->files[i].index);
        json_put_text(&w, "path", torrent->files[i].path);
        json_put_int(&w, "size", torrent->files[i].size_bytes);
        json_end_object(&w);
    }
    json_end_array(&w);
    *json = buf_keep(&buf, arena);
    return *json != NULL ? E_OK : fail(err, E_TOO_LARGE, "the torrent's list of files is too long");
}

/* Stores it, within the bounds of what is kept for those who only look.  `known` is NULL for a link. */
static enum err_code keep_in(struct request *req, struct db *db, struct arena *arena,
                             const struct torrent_known *known, const struct torrent_claim *claim,
                             const char **torrent_id, struct err *err)
{
    const struct conf *conf = req->app->conf;
    enum err_code code = known != NULL ? torrent_store_prove(db, arena, known, torrent_id, err) : E_OK;
    if (code == E_OK)
        code = torrent_store_claim(db, arena, claim, torrent_id, err);
    if (code != E_OK)
        return code;
    const size_t bytes = known != NULL ? known->metainfo_len + strlen(known->files) : 0;
    const struct inspection inspection = {.user_id = req->user.id.text,
                                          .torrent_id = *torrent_id,
                                          .bytes = (int64_t)bytes,
                                          .max_user_bytes = (int64_t)conf->inspected_max_mb_per_user << 20,
                                          .max_bytes = (int64_t)conf->inspected_max_mb << 20};
    return inspection_store_add(db, arena, &inspection, err);
}

/* In one transaction, tried again when somebody made a row of the same hash just now. */
static enum err_code keep(struct request *req, struct arena *arena, const struct torrent_known *known,
                          const struct torrent_claim *claim, const char **torrent_id, struct err *err)
{
    struct db *db;
    enum err_code code = request_db(req, &db, err);
    if (code != E_OK)
        return code;
    code = E_CONFLICT;
    for (int i = 0; i < KEEP_TRIES && code == E_CONFLICT; i++)
    {
        code = db_begin(db, err);
        if (code == E_OK)
            code = keep_in(req, db, arena, known, claim, torrent_id, err);
        if (code == E_OK)
            return db_commit(db, err);
        db_rollback(db);
    }
    return code;
}

static enum err_code inspect_file(struct request *req, struct err *err)
{
    struct torrent torrent;
    struct inspected inspected = {.size_bytes = 0};
    struct arena *arena = arena_new(INSPECT_ARENA_BYTES);
    if (arena == NULL || !arena_defer(req->arena, free_arena, arena))
        return fail(err, E_NO_MEMORY, "no memory for a torrent");
    if (torrent_parse(arena, req->body, req->body_len, &torrent, err) != E_OK ||
        files_json(arena, &torrent, &inspected.files, err) != E_OK)
        return err->code;
    const struct torrent_known known = {
        .metainfo = req->body,
        .metainfo_len = req->body_len,
        .name = torrent.name,
        .size_bytes = torrent.total_bytes,
        .files = inspected.files,
    };
    const struct torrent_claim claim = {.user_id = req->user.id.text,
                                        .hash = &torrent.hash,
                                        .trackers = &torrent.trackers,
                                        .webseeds = &torrent.webseeds};
    if (keep(req, arena, &known, &claim, &inspected.torrent_id, err) != E_OK)
        return err->code;
    inspected.hash = &torrent.hash;
    inspected.name = torrent.name;
    inspected.size_bytes = torrent.total_bytes;
    inspected.trackers = &torrent.trackers;
    return reply_inspected(req, &inspected, err);
}

static enum err_code inspect_magnet(struct request *req, struct err *err)
{
    const char *link = NULL;
    struct magnet magnet;
    struct inspected inspected = {.files = "[]"};
    if (work_magnet_read(req, &link, err) != E_OK)
        return err->code;
    if (magnet_parse(req->arena, link, &magnet, err) != E_OK)
        return err->code == E_INVALID ? request_complain(req, err, "magnet", "is no magnet link of a torrent")
                                      : err->code;
    const struct torrent_claim claim = {req->user.id.text, &magnet.hash, magnet.name, &magnet.trackers,
                                        &magnet.webseeds};
    if (keep(req, req->arena, NULL, &claim, &inspected.torrent_id, err) != E_OK)
        return err->code;
    inspected.hash = &magnet.hash;
    inspected.name = magnet.name;
    inspected.size_bytes = magnet.size_bytes;
    inspected.trackers = &magnet.trackers;
    return reply_inspected(req, &inspected, err);
}

enum err_code torrents_inspect(struct request *req, struct err *err)
{
    if (request_is_type(req, "application/json"))
        return inspect_magnet(req, err);
    if (request_is_type(req, "application/x-bittorrent") || request_is_type(req, "application/octet-stream"))
        return inspect_file(req, err);
    return fail(err, E_MEDIA_TYPE, "send application/x-bittorrent, or application/json with a magnet link");
}
