/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/scout/releases.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/json/write.h"
#include "common/provider/prowlarr.h"
#include "common/store/media.h"
#include "workers/scout/findings.h"
#include "workers/scout/known.h"
#include "workers/scout/scout.h"

#include <stdio.h>
#include <string.h>

enum
{
    PART_MAX = 10000,
    RESULT_MAX_BYTES = 16384
};

struct wanted
{
    const char *media_id;
    int64_t season;  /* 0: none */
    int64_t episode; /* 0: none */
    struct media_title title;
};

static enum err_code read_payload(struct job *job, struct wanted *wanted, struct err *err)
{
    static const struct json_field fields[] = {
        {"media_id", JSON_ID, JSON_REQUIRED, offsetof(struct wanted, media_id), 0, 0},
        {"season", JSON_INT, JSON_OPTIONAL, offsetof(struct wanted, season), 0, PART_MAX},
        {"episode", JSON_INT, JSON_OPTIONAL, offsetof(struct wanted, episode), 0, PART_MAX},
    };
    const struct json *payload = job_payload(job);
    if (payload == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (json_read(job_arena(job), payload, fields, sizeof fields / sizeof fields[0], wanted, NULL, err) !=
        E_OK)
        return err->code;
    if (wanted->episode > 0 && wanted->season == 0)
        return fail(err, E_INVALID, "episode: needs a season");
    return E_OK;
}

static enum err_code read_title(struct job *job, struct wanted *wanted, struct err *err)
{
    struct db *db = NULL;
    enum err_code code = job_db(job, &db, err);
    if (code != E_OK)
        return code;
    code = media_store_title(db, job_arena(job), wanted->media_id, &wanted->title, err);
    db_put(db);
    return code;
}

/* ---- asking --------------------------------------------------------------------------------- */

static bool is_film(const struct wanted *wanted)
{
    return strcmp(wanted->title.media_type, "movie") == 0;
}

/* Between two pages: stops if told to, and reports the progress. */
static enum err_code page_done(void *of, int pages, size_t found, struct err *err)
{
    struct job *job = of;
    char progress[64];
    snprintf(progress, sizeof progress, "{\"pages\":%d,\"found\":%zu}", pages, found);
    (void)job_set_progress(job, progress, NULL);
    return job_should_stop(job) ? job_stop_reason(job, err) : E_OK;
}

static enum err_code ask(struct job *job, const struct scout_clients *clients, const struct wanted *wanted,
                         struct prowlarr_result *found, struct err *err)
{
    struct arena *arena = job_arena(job);
    const char *words = findings_words(arena, wanted->title.title);
    if (words != NULL && is_film(wanted) && wanted->title.year > 0)
        words = arena_printf(arena, "%s %d", words, wanted->title.year);
    if (words == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    const struct prowlarr prowlarr = {
        .http = clients->http,
        .base_url = clients->conf->prowlarr_url,
        .api_key = clients->conf->prowlarr_api_key,
        .cancel = job_stop_flag(job),
        .deadline_ms = clients->provider_ms,
        .addresses = clients->conf->allow_private_providers ? HTTP_ANY_ADDRESS : HTTP_PUBLIC_ONLY,
    };
    const struct prowlarr_query query = {
        .query = words,
        .type = is_film(wanted) ? PROVIDER_MOVIE : PROVIDER_TV,
        .season = is_film(wanted) ? 0 : (int)wanted->season,
        .episode = is_film(wanted) ? 0 : (int)wanted->episode,
    };
    const struct prowlarr_watch watch = {page_done, job};
    return prowlarr_search_all(&prowlarr, &query, &watch, arena, found, err);
}

/* ---- keeping -------------------------------------------------------------------------------- */

static struct score_wanted score_of(const struct wanted *wanted, const struct tmdb_known *known)
{
    return (struct score_wanted){
        .names = known->names,
        .name_count = known->name_count,
        .air_date = known->air_date,
        .absolute = known->absolute,
        .title = wanted->title.title,
        .original_title = wanted->title.original_title,
        .year = wanted->title.year,
        .media = is_film(wanted) ? SCORE_MOVIE : SCORE_TV,
        .season = wanted->season > 0 && !is_film(wanted) ? (int)wanted->season : RELEASE_NONE,
        .episode = wanted->episode > 0 && !is_film(wanted) ? (int)wanted->episode : RELEASE_NONE,
    };
}

static enum err_code keep(struct job *job, const struct wanted *wanted, const struct findings *findings,
                          struct release_stored *stored, struct err *err)
{
    const struct release_new *rows = NULL;
    struct db *db = NULL;
    int64_t began_ms = clock_mono_ms();
    *stored = (struct release_stored){0};
    if (findings->count == 0)
        return E_OK;
    if (findings_write(job_arena(job), findings, &rows, err) != E_OK || job_db(job, &db, err) != E_OK)
        return err->code;
    enum err_code code = release_store_put(db, wanted->media_id, rows, findings->count, stored, err);
    db_put(db);
    if (code == E_OK)
        log_info("persisted", "%lld releases in %lld ms", (long long)stored->count,
                 (long long)(clock_mono_ms() - began_ms));
    return code;
}

static void put_best(struct json_writer *w, const struct findings *findings,
                     const struct release_stored *stored)
{
    if (findings->count == 0 || findings->list[0].score.points == 0)
    {
        json_put_null(w, "best");
        return;
    }
    json_begin_object(w, "best");
    json_put_text(w, "id", stored->first.text);
    json_put_text(w, "title", findings->list[0].offer.title);
    json_put_int(w, "score", findings->list[0].score.points);
    if (findings->list[0].offer.seeders < 0)
        json_put_null(w, "seeders");
    else
        json_put_int(w, "seeders", findings->list[0].offer.seeders);
    json_end_object(w);
}

static enum err_code keep_result(struct job *job, const struct prowlarr_result *found,
                                 const struct findings *findings, const struct release_stored *stored,
                                 struct err *err)
{
    struct buf text;
    buf_init(&text, RESULT_MAX_BYTES);
    struct json_writer w = json_writer(&text);
    json_begin_object(&w, NULL);
    json_put_int(&w, "count", stored->count);
    json_put_int(&w, "found", (int64_t)found->count);
    json_put_int(&w, "pages", found->pages);
    json_put_int(&w, "dropped", (int64_t)found->loss.rows);
    put_best(&w, findings, stored);
    json_put_text(&w, "warning", found->warning);
    json_end_object(&w);
    return job_take_result(job, &text, err);
}

static const char *warning_of(struct arena *arena, const struct prowlarr_result *found)
{
    const char *lost = provider_loss_text(arena, &found->loss);
    if (lost == NULL || found->warning == NULL)
        return lost != NULL ? lost : found->warning;
    return arena_printf(arena, "%s; %s", found->warning, lost);
}

static enum err_code look(struct job *job, const struct scout_clients *clients, struct wanted *wanted,
                          struct err *err)
{
    struct prowlarr_result found = {0};
    struct findings findings = {0};
    struct release_stored stored;
    if (read_title(job, wanted, err) != E_OK || ask(job, clients, wanted, &found, err) != E_OK)
        return err->code;
    if (findings_merge(job_arena(job), found.items, found.count, &findings, err) != E_OK)
        return err->code;
    found.loss.rows += findings.dropped;
    found.warning = warning_of(job_arena(job), &found);
    if (found.warning != NULL)
        log_warn("releases_partial", "only a part was found: %s", found.warning);
    const struct tmdb_wanted asked = {
        .type = is_film(wanted) ? PROVIDER_MOVIE : PROVIDER_TV,
        .tmdb_id = wanted->title.tmdb_id,
        .season = is_film(wanted) ? 0 : (int)wanted->season,
        .episode = is_film(wanted) ? 0 : (int)wanted->episode,
    };
    const struct tmdb_known known =
        findings.count > 0 ? known_find(job, clients, &asked) : (struct tmdb_known){0};
    const struct score_wanted score = score_of(wanted, &known);
    findings_score(&findings, &score);
    if (keep(job, wanted, &findings, &stored, err) != E_OK)
        return err->code;
    return keep_result(job, &found, &findings, &stored, err);
}

enum err_code releases_run(struct job *job, struct err *err)
{
    struct scout *scout = job_context(job);
    const struct scout_clients *clients = NULL;
    struct wanted wanted = {0};
    if (read_payload(job, &wanted, err) != E_OK)
        return err->code;
    log_info("job_received", "a search for releases, attempt %d", job_attempt(job));
    if (scout_clients_get(scout, &clients, err) != E_OK)
        return err->code;
    enum err_code code = clients->conf->prowlarr_url[0] == '\0'
                             ? fail(err, E_CONFIG, "No indexer is configured: set PROWLARR_URL")
                             : look(job, clients, &wanted, err);
    scout_clients_put(scout, clients);
    return code;
}
