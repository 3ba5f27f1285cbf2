/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/hunt.h"

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/base/utf8.h"
#include "common/json/write.h"

#include <stdlib.h>
#include <string.h>

enum
{
    LIST_BYTES = 32 << 20,    /* of a file list in the database */
    RESULT_BYTES = 200 << 10, /* of the files in a result, which may have 256 KiB in all */
    ARENA_BYTES = 128 << 20,
    AGAIN_MS = 1000,
    NAME_BYTES = 200, /* of a name in a notice */
    NOTICE_BYTES = 4096
};

/* As many files as fit, none of them cut. */
static void write_files(struct buf *out, const struct engine_file_list *files, size_t max_bytes)
{
    struct json_writer w = json_writer(out);
    json_begin_array(&w, NULL);
    for (uint32_t i = 0; i < files->count && out->len < max_bytes; i++)
    {
        json_begin_object(&w, NULL);
        json_put_int(&w, "index", files->file[i].index);
        json_put_text(&w, "path", files->file[i].path);
        json_put_int(&w, "size", (int64_t)files->file[i].size_bytes);
        json_end_object(&w);
    }
    json_end_array(&w);
}

static const char *result_text(struct hunt *hunt, const struct swarm_view *view,
                               const struct engine_file_list *files)
{
    struct buf list;
    struct buf out;
    buf_init(&list, RESULT_BYTES + (64 << 10));
    buf_init(&out, 2 * RESULT_BYTES);
    write_files(&list, files, RESULT_BYTES);
    struct json_writer w = json_writer(&out);
    json_begin_object(&w, NULL);
    json_put_text(&w, "torrent_id", hunt->source.id);
    json_put_text(&w, "name", view->stat.name);
    json_put_int(&w, "bytes", (int64_t)view->stat.wanted_bytes);
    json_put_number(&w, "seconds", (double)(clock_mono_ms() - hunt->began_ms) / 1000);
    json_put_int(&w, "files_total", files->count);
    json_put_raw(&w, "files", list.data);
    json_end_object(&w);
    const char *text =
        list.failed || out.failed ? NULL : arena_strndup(job_arena(hunt->job), out.data, out.len);
    buf_fini(&list);
    buf_fini(&out);
    return text;
}

/* What the engine knows about a torrent. Freed by known_fini. */
struct known
{
    struct arena *arena;
    struct engine_file_list *files;
    unsigned char *metainfo;
    size_t metainfo_len;
    struct buf list;
};

static enum err_code known_init(struct known *known, struct hunt *hunt, struct err *err)
{
    struct engine *engine = hunt->hunter->engine;
    *known = (struct known){.arena = arena_new(ARENA_BYTES)};
    buf_init(&known->list, LIST_BYTES);
    if (known->arena == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = engine_files(engine, hunt->source.id, &known->files, err);
    if (code == E_OK)
        code = engine_metainfo(engine, hunt->source.id, &known->metainfo, &known->metainfo_len, err);
    if (code == E_NOT_FOUND)
        return fail(err, E_UNAVAILABLE, "the torrent has just left the engine");
    if (code == E_OK)
        write_files(&known->list, known->files, LIST_BYTES);
    return code == E_OK && known->list.failed ? fail(err, E_TOO_LARGE, "the list of files is too long")
                                              : code;
}

static void known_fini(struct known *known)
{
    buf_fini(&known->list);
    free(known->metainfo);
    engine_files_free(known->files);
    arena_free(known->arena);
}

/* Somebody asked for the torrent by its other hash, and both turned out to be one. */
static enum err_code follow_row(struct hunt *hunt, const char *torrent_id, struct err *err)
{
    log_info("download_moves_on", "download %s: torrent %s is %s", hunt->guard.download_id, hunt->source.id,
             torrent_id);
    hunt->download.torrent_id = arena_strdup(job_arena(hunt->job), torrent_id);
    hunt->moved_on = true;
    return hunt->download.torrent_id != NULL ? E_OK : fail(err, E_NO_MEMORY, "no memory for a torrent");
}

static enum err_code tell(struct hunt *hunt, const struct swarm_view *view, const struct known *known,
                          struct err *err)
{
    const struct hunter_torrent torrent = {.torrent_id = hunt->source.id,
                                           .known = {.metainfo = known->metainfo,
                                                     .metainfo_len = known->metainfo_len,
                                                     .name = view->stat.name,
                                                     .size_bytes = (int64_t)view->stat.total_bytes,
                                                     .files = known->list.data},
                                           .node = hunt->hunter->conf->node_name,
                                           .done_bytes =
                                               view->is_complete ? (int64_t)view->stat.done_bytes : -1,
                                           .wanted_bytes = (int64_t)view->stat.wanted_bytes};
    struct db *db = NULL;
    const char *known_as = NULL;
    enum err_code code = job_db(hunt->job, &db, err);
    if (code == E_OK)
        code = hunter_store_describe(db, known->arena, &hunt->guard, &torrent, &known_as, err);
    db_put(db);
    if (code == E_OK && strcmp(known_as, hunt->source.id) != 0)
        code = follow_row(hunt, known_as, err);
    return code;
}

enum err_code hunt_describe(struct hunt *hunt, const struct swarm_view *view, struct err *err)
{
    struct known known;
    enum err_code code = known_init(&known, hunt, err);
    if (code == E_OK)
        code = tell(hunt, view, &known, err);
    known_fini(&known);
    return code;
}

static bool is_passing(enum err_code code)
{
    return err_job(code) == ERR_JOB_HAND_BACK || err_job(code) == ERR_JOB_RETRY;
}

enum err_code hunt_complete(struct hunt *hunt, const struct swarm_view *view, struct err *err)
{
    struct known known;
    enum err_code code = known_init(&known, hunt, err);
    while (code == E_OK)
    {
        code = tell(hunt, view, &known, err);
        if (!is_passing(code))
            break;
        log_warn("download_completed", "cannot write that it is complete, trying again: %s", err->text);
        arena_reset(known.arena);
        code = job_wait(hunt->job, AGAIN_MS, err);
    }
    const char *result = code == E_OK ? result_text(hunt, view, known.files) : NULL;
    known_fini(&known);
    if (code == E_OK && result == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the result");
    return code == E_OK ? hunt_keep(hunt, result, err) : code;
}

/* ---- notices ---------------------------------------------------------------------------- */

static const char *notice_text(struct hunt *hunt, const char *name)
{
    struct buf out;
    size_t len = utf8_cut(name, strnlen(name, NAME_BYTES));
    buf_init(&out, NOTICE_BYTES);
    struct json_writer w = json_writer(&out);
    json_begin_object(&w, NULL);
    json_put_text(&w, "channel", "email");
    json_put_text(&w, "template", "download_done");
    json_put_text(&w, "download_id", hunt->guard.download_id);
    json_put_text_n(&w, "name", name, len);
    json_end_object(&w);
    return buf_keep(&out, job_arena(hunt->job));
}

enum err_code hunt_keep(struct hunt *hunt, const char *result, struct err *err)
{
    struct job *job = hunt->job;
    const struct json *doc = NULL;
    struct id id = id_new();
    if (json_parse(job_arena(job), result, strlen(result), &doc, err) != E_OK)
        return err->code == E_NO_MEMORY ? err->code : fail(err, E_BUG, "the result is not JSON");
    job_set_result(job, result);
    if (strcmp(job_user(job), ID_SYSTEM_USER) == 0)
        return E_OK;
    const char *name = json_text(json_get(doc, "name"), "");
    const struct job_new notice = {.job_id = arena_strdup(job_arena(job), id.text),
                                   .kind = "notify",
                                   .payload = notice_text(hunt, name[0] != '\0' ? name : "a title"),
                                   .priority = JOB_NORMAL};
    if (notice.job_id == NULL || notice.payload == NULL || !job_follow(job, &notice))
        return fail(err, E_NO_MEMORY, "no memory for a notice");
    return E_OK;
}
