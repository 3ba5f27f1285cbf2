/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/source.h"

#include "common/media/magnet.h"
#include "common/media/torrent.h"
#include "common/provider/prowlarr.h"
#include "common/store/releases.h"

#include <string.h>

static const char *magnet_of_hash(struct arena *arena, const char *v1, const char *v2)
{
    if (v1 != NULL && v1[0] != '\0')
        return arena_printf(arena, "magnet:?xt=urn:btih:%s", v1);
    return arena_printf(arena, "magnet:?xt=urn:btmh:1220%s", v2);
}

/* A link is a claim of the download's user, or of the indexer that the user chose from. */
static enum err_code put_magnet(struct job *job, struct arena *arena, const struct source_ask *ask,
                                const char *text, const char **torrent_id, struct err *err)
{
    struct db *db = NULL;
    struct magnet magnet;
    enum err_code code = magnet_parse(arena, text, &magnet, err);
    if (code != E_OK)
        return code;
    const struct torrent_claim claim = {ask->user_id, &magnet.hash, magnet.name, &magnet.trackers,
                                        &magnet.webseeds};
    code = job_db(job, &db, err);
    if (code == E_OK)
        code = torrent_store_claim(db, arena, &claim, torrent_id, err);
    db_put(db);
    return code;
}

static enum err_code put_torrent(struct job *job, struct arena *arena, const struct source_ask *ask,
                                 const struct prowlarr_target *target, const char **torrent_id,
                                 struct err *err)
{
    struct db *db = NULL;
    struct torrent torrent;
    enum err_code code = torrent_parse(arena, target->torrent, target->torrent_len, &torrent, err);
    if (code != E_OK)
        return code;
    const struct torrent_known known = {.name = torrent.name,
                                        .size_bytes = torrent.total_bytes,
                                        .metainfo = target->torrent,
                                        .metainfo_len = target->torrent_len};
    const struct torrent_claim claim = {ask->user_id, &torrent.hash, NULL, &torrent.trackers,
                                        &torrent.webseeds};
    code = job_db(job, &db, err);
    if (code == E_OK)
        code = torrent_store_put(db, arena, &known, &claim, torrent_id, err);
    db_put(db);
    return code;
}

/* E_TIMEOUT would leave open whether the link or the database was slow. */
static enum err_code of_link(enum err_code code, struct err *err)
{
    const struct err cause = *err;
    return code == E_TIMEOUT ? fail(err, E_PROVIDER, "%s", cause.text) : code;
}

/* The address of a release leads to a .torrent, or to a magnet link. */
static enum err_code follow(struct job *job, struct arena *arena, const struct source_ask *ask,
                            const char *url, const char **torrent_id, struct err *err)
{
    const struct hunter *hunter = job_context(job);
    const struct conf *conf = hunter->conf;
    struct prowlarr_target target = {0};
    struct http_client *client = http_client_new();
    const struct prowlarr prowlarr = {.http = client,
                                      .base_url = conf->prowlarr_url,
                                      .api_key = conf->prowlarr_api_key,
                                      .redirect_hosts = conf->prowlarr_redirect_hosts,
                                      .cancel = job_stop_flag(job),
                                      .deadline_ms = (int)conf->http_timeout_s * 1000,
                                      .addresses = conf->allow_private_providers ? HTTP_ANY_ADDRESS
                                                                                 : HTTP_PUBLIC_ONLY};
    enum err_code code = client != NULL ? prowlarr_resolve(&prowlarr, url, arena, &target, err)
                                        : fail(err, E_NO_MEMORY, "out of memory");
    http_client_free(client);
    if (code != E_OK)
        return of_link(code, err);
    if (target.magnet != NULL)
        return put_magnet(job, arena, ask, target.magnet, torrent_id, err);
    return put_torrent(job, arena, ask, &target, torrent_id, err);
}

static enum err_code put_release(struct job *job, struct arena *arena, const struct source_ask *ask,
                                 const char **torrent_id, struct err *err)
{
    struct db *db = NULL;
    struct release_source release = {0};
    enum err_code code = job_db(job, &db, err);
    if (code == E_OK)
        code = release_store_source(db, arena, ask->release_id, ask->media_id, &release, err);
    db_put(db);
    if (code != E_OK)
        return code;
    if (release.magnet != NULL)
        return put_magnet(job, arena, ask, release.magnet, torrent_id, err);
    if (release.info_hash != NULL)
    {
        bool is_v2 = strlen(release.info_hash) > 40;
        const char *magnet = magnet_of_hash(arena, is_v2 ? NULL : release.info_hash, release.info_hash);
        return put_magnet(job, arena, ask, magnet, torrent_id, err);
    }
    if (release.download_url == NULL)
        return fail(err, E_UNPROCESSABLE, "this release cannot be downloaded: it has no address");
    return follow(job, arena, ask, release.download_url, torrent_id, err);
}

static enum err_code find_id(struct job *job, struct arena *arena, const struct source_ask *ask,
                             const char **torrent_id, struct err *err)
{
    *torrent_id = ask->torrent_id;
    if (ask->torrent_id != NULL)
        return E_OK;
    if (ask->magnet != NULL)
        return put_magnet(job, arena, ask, ask->magnet, torrent_id, err);
    if (ask->release_id != NULL)
        return put_release(job, arena, ask, torrent_id, err);
    return fail(err, E_INVALID, "the download names no magnet link, torrent or release");
}

enum err_code source_find(struct job *job, struct arena *arena, const struct source_ask *ask,
                          struct torrent_source *source, struct err *err)
{
    struct db *db = NULL;
    const char *id = NULL;
    enum err_code code = find_id(job, arena, ask, &id, err);
    if (code == E_OK)
        code = job_db(job, &db, err);
    if (code == E_OK)
        code = torrent_store_source(db, arena, id, ask->user_id, source, err);
    db_put(db);
    if (code != E_OK || source->metainfo != NULL)
        return code;
    source->magnet = magnet_of_hash(arena, source->info_hash_v1, source->info_hash_v2);
    return source->magnet != NULL ? E_OK : fail(err, E_NO_MEMORY, "no memory for a magnet link");
}
