/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/downloads.h"

#include "api/dto/work.h"
#include "api/handlers/accept.h"
#include "api/handlers/answer.h"
#include "api/handlers/disk.h"
#include "api/handlers/purge.h"
#include "common/base/parse.h"
#include "common/conf/conf.h"
#include "common/media/magnet.h"
#include "common/store/downloads.h"
#include "common/store/media.h"
#include "common/store/releases.h"
#include "common/store/torrents.h"

/* Where a download's bytes come from: a magnet link, a torrent that is known, or a release to be resolved. */
struct source
{
    const char *magnet;
    const char *torrent_id;
    struct release_source release; /* id NULL: none */
};

static enum err_code source_of_magnet(struct request *req, struct db *db, struct source *source,
                                      struct err *err)
{
    struct magnet magnet;
    if (magnet_parse(req->arena, source->magnet, &magnet, err) != E_OK)
        return err->code == E_INVALID ? request_complain(req, err, "magnet", "is no magnet link of a torrent")
                                      : err->code;
    const struct torrent_claim claim = {req->user.id.text, &magnet.hash, magnet.name, &magnet.trackers,
                                        &magnet.webseeds};
    return torrent_store_claim(db, req->arena, &claim, &source->torrent_id, err);
}

/* A release's own magnet link, or one made of its hash; with neither the hunter follows its address. */
static enum err_code source_of_release(struct request *req, struct db *db, struct source *source,
                                       struct err *err)
{
    const struct release_source *release = &source->release;
    source->magnet = release->magnet;
    if (source->magnet == NULL && release->info_hash != NULL)
        source->magnet =
            arena_printf(req->arena, "magnet:?xt=urn:%s%s",
                         release->info_hash[40] == '\0' ? "btih:" : "btmh:1220", release->info_hash);
    if (source->magnet != NULL)
        return source_of_magnet(req, db, source, err);
    if (release->download_url == NULL)
        return fail(err, E_UNPROCESSABLE, "this release cannot be downloaded: it has no address");
    return E_OK;
}

static enum err_code find_source(struct request *req, struct db *db, const struct work_download *wanted,
                                 struct source *source, struct err *err)
{
    if (wanted->magnet != NULL)
    {
        source->magnet = wanted->magnet;
        return source_of_magnet(req, db, source, err);
    }
    if (wanted->torrent_id != NULL)
        return torrent_store_find(db, req->arena, wanted->torrent_id, &source->torrent_id, err);
    enum err_code code = wanted->release_id != NULL
                             ? release_store_source(db, req->arena, wanted->release_id, wanted->media_id,
                                                    &source->release, err)
                             : release_store_best(db, req->arena, wanted->media_id, &source->release, err);
    return code == E_OK ? source_of_release(req, db, source, err) : code;
}

static const char *download_payload(struct request *req, const char *download_id,
                                    const struct work_download *wanted, const struct source *source)
{
    struct buf buf;
    buf_init(&buf, WORK_MAX_PAYLOAD_BYTES);
    struct json_writer w = json_writer(&buf);
    json_begin_object(&w, NULL);
    json_put_text(&w, "download_id", download_id);
    json_put_text(&w, "media_id", wanted->media_id);
    if (source->magnet != NULL)
        json_put_text(&w, "magnet", source->magnet);
    else if (source->torrent_id != NULL)
        json_put_text(&w, "torrent_id", source->torrent_id);
    if (source->release.id != NULL)
        json_put_text(&w, "release_id", source->release.id);
    json_end_object(&w);
    return buf_keep(&buf, req->arena);
}

static enum err_code put_rows(struct request *req, struct db *db, const struct work_download *wanted,
                              const struct source *source, struct accept_answer *answer, struct err *err)
{
    struct id id = id_new();
    struct id job_id = id_new();
    const struct job_new job = {
        .job_id = job_id.text,
        .kind = "download",
        .user_id = req->user.id.text,
        .request_id = req->id,
        .payload = download_payload(req, id.text, wanted, source),
        .priority = JOB_NORMAL,
    };
    const struct download_new download = {
        .id = id.text,
        .user_id = req->user.id.text,
        .media_id = wanted->media_id,
        .job_id = job_id.text,
        .torrent_id = source->torrent_id,
        .release_id = source->release.id,
        .season = source->release.season,
        .episode = source->release.episode,
        .files = wanted->files,
        .max_active = req->app->conf->downloads_active_per_user,
    };
    answer->location = arena_printf(req->arena, "/downloads/%s", id.text);
    answer->body = arena_printf(req->arena, "{\"id\":\"%s\",\"job_id\":\"%s\",\"status\":\"Pending\"}",
                                id.text, job_id.text);
    if (job.payload == NULL || answer->location == NULL || answer->body == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a download");
    if (accept_jobs(req, db, &job, 1, answer, err) != E_OK)
        return err->code;
    return download_store_add(db, req->arena, &download, err);
}

static enum err_code start_work(struct request *req, struct db *db, void *of, struct accept_answer *answer,
                                struct err *err)
{
    const struct work_download *wanted = of;
    struct media_title title;
    struct source source = {0};
    if (media_store_title(db, req->arena, wanted->media_id, &title, err) != E_OK ||
        find_source(req, db, wanted, &source, err) != E_OK)
        return err->code;
    return put_rows(req, db, wanted, &source, answer, err);
}

enum err_code downloads_start(struct request *req, struct err *err)
{
    struct work_download wanted;
    const struct accept accept = {start_work, &wanted};
    if (work_download_read(req, &wanted, err) != E_OK)
        return err->code;
    return accept_reply(req, &accept, err);
}

static enum err_code status_read(struct request *req, const char **status, struct err *err)
{
    enum job_status known;
    *status = request_query(req, "status");
    if (*status != NULL && !job_status_parse(*status, &known))
        return request_complain(req, err, "status", "must be Pending, Running, Completed or Failed");
    return E_OK;
}

enum err_code downloads_list(struct request *req, struct err *err)
{
    struct db *db;
    const char *status = NULL;
    struct request_page asked;
    struct store_ask ask;
    struct store_page page;
    if (answer_ask(req, &asked, &ask, err) != E_OK || status_read(req, &status, err) != E_OK ||
        request_db(req, &db, err) != E_OK ||
        download_store_list(db, req->arena, answer_viewer(req), status, &ask, &page, err) != E_OK)
        return err->code;
    return answer_page(req, &asked, &page, err);
}

enum err_code downloads_get(struct request *req, struct err *err)
{
    struct db *db;
    struct id id;
    const char *json = NULL;
    if (!answer_owned_id(req, &id, err) || request_db(req, &db, err) != E_OK)
        return err->code;
    enum err_code code = download_store_get(db, req->arena, id.text, answer_viewer(req), &json, err);
    if (code != E_OK)
        return answer_owned(req, code, err);
    return answer_json(req, REPLY_OK, json, err);
}

enum err_code downloads_files(struct request *req, struct err *err)
{
    struct db *db;
    struct id id;
    struct request_page asked;
    struct store_ask ask;
    struct download_files known;
    if (answer_ask(req, &asked, &ask, err) != E_OK || !answer_owned_id(req, &id, err) ||
        request_db(req, &db, err) != E_OK)
        return err->code;
    enum err_code code = download_store_files(db, req->arena, id.text, answer_viewer(req), &ask, &known, err);
    if (code != E_OK)
        return answer_owned(req, code, err);
    if (known.page.items[1] != ']') /* there are some */
        code = disk_look(req->arena, req->app->conf->download_dir, known.torrent_id, &known.page.items, err);
    return code == E_OK ? answer_page(req, &asked, &known.page, err) : code;
}

/* The hunter sees within a second what is wanted. */
static enum err_code set_wanted(struct request *req, const char *wanted, struct err *err)
{
    struct db *db;
    struct id id;
    struct download_links links;
    if (!answer_owned_id(req, &id, err) || request_db(req, &db, err) != E_OK)
        return err->code;
    const struct download_wish wish = {id.text, answer_viewer(req), wanted};
    enum err_code code = download_store_want(db, req->arena, &wish, &links, err);
    if (code != E_OK)
        return answer_owned(req, code, err);
    struct json_writer w = reply_begin(req);
    json_begin_object(&w, NULL);
    json_put_text(&w, "id", id.text);
    json_put_text(&w, "job_id", links.job_id);
    json_put_text(&w, "status", links.status);
    json_put_text(&w, "wanted", wanted);
    json_end_object(&w);
    return reply_json(req, REPLY_ACCEPTED, err);
}

enum err_code downloads_pause(struct request *req, struct err *err)
{
    return set_wanted(req, "pause", err);
}

enum err_code downloads_resume(struct request *req, struct err *err)
{
    return set_wanted(req, "run", err);
}

/* Inside the transaction: no longer wanted, its job ended, its files gone if nobody else wants them. */
static enum err_code delete_work(struct request *req, struct db *db, const char *id, bool files,
                                 struct err *err)
{
    struct download_links links;
    const struct download_wish wish = {id, answer_viewer(req), "delete"};
    enum err_code code = download_store_want(db, req->arena, &wish, &links, err);
    if (code != E_OK)
        return answer_owned(req, code, err);
    if (links.job_id != NULL)
        code = job_store_cancel(db, req->arena, links.job_id, NULL, err);
    if (code != E_OK && code != E_CONFLICT && code != E_NOT_FOUND) /* it is over: nothing to end */
        return code;
    if (files && links.torrent_id != NULL &&
        purge_torrent(req, db, links.user_id, links.torrent_id, err) != E_OK)
        return err->code;
    return links.was_deleted ? E_OK : answer_audit(req, db, "download_deleted", NULL, id, err);
}

enum err_code downloads_delete(struct request *req, struct err *err)
{
    struct db *db;
    struct id id;
    bool files = false;
    const char *text = request_query(req, "files");
    if (text != NULL && !parse_bool(text, &files))
        return request_complain(req, err, "files", "must be true or false");
    if (!answer_owned_id(req, &id, err) || request_db(req, &db, err) != E_OK || db_begin(db, err) != E_OK)
        return err->code;
    if (delete_work(req, db, id.text, files, err) != E_OK)
    {
        db_rollback(db);
        return err->code;
    }
    if (db_commit(db, err) != E_OK)
        return err->code;
    app_wake(req->app);
    return reply_no_content(req);
}
