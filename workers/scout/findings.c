/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/scout/findings.h"

#include "common/crypt/digest.h"
#include "common/json/write.h"
#include "common/media/magnet.h"
#include "common/media/slug.h"
#include "common/media/text.h"

#include <stdlib.h>
#include <string.h>

enum
{
    MAGNET_BYTES = 1 << 20,
    KEY_MAX_LEN = 200, /* a longer key is stored as its digest, since the size of an index entry is limited */
    JSON_MAX_BYTES = 16384,
    LATIN_END = 0x250
};

static const int64_t published_max_ms = INT64_C(253402300799999); /* the year 9999 */

/* ---- one per torrent ------------------------------------------------------------------------ */

/* The magnet's own hash counts, not the one that the indexer sends beside it. */
static void read_magnet(struct arena *arena, struct arena *scratch, struct provider_release *offer)
{
    struct magnet magnet;
    struct err ignored = ERR_INIT;
    if (offer->magnet == NULL)
        return;
    arena_reset(scratch);
    if (magnet_parse(scratch, offer->magnet, &magnet, &ignored) != E_OK)
    {
        offer->magnet = NULL;
        return;
    }
    offer->info_hash = arena_strdup(arena, magnet.hash.v1[0] != '\0' ? magnet.hash.v1 : magnet.hash.v2);
}

static const char *key_of(struct arena *arena, const struct provider_release *offer)
{
    const char *key = provider_release_key(arena, offer);
    size_t len = key == NULL ? 0 : strlen(key);
    if (len <= KEY_MAX_LEN)
        return key;
    struct digest digest = digest_sha256(key, len);
    return arena_printf(arena, "sha256:%s", digest.hex);
}

static int by_key(const void *a, const void *b)
{
    const struct finding *left = a;
    const struct finding *right = b;
    int order = strcmp(left->key, right->key);
    if (order == 0)
        order = (right->offer.seeders > left->offer.seeders) - (right->offer.seeders < left->offer.seeders);
    return order != 0 ? order : (left->order > right->order) - (left->order < right->order);
}

/* Fills what `winner` lacks from `other`. */
static void complete(struct provider_release *winner, const struct provider_release *other)
{
    if (winner->magnet == NULL)
        winner->magnet = other->magnet;
    if (winner->download_url == NULL)
        winner->download_url = other->download_url;
    if (winner->size_bytes == 0)
        winner->size_bytes = other->size_bytes;
    if (winner->published_ms == 0)
        winner->published_ms = other->published_ms;
    if (winner->indexer == NULL)
        winner->indexer = other->indexer;
}

/* Sorted by key, the winner of each first. */
static size_t unite(struct finding *list, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
    {
        if (kept > 0 && strcmp(list[kept - 1].key, list[i].key) == 0)
            complete(&list[kept - 1].offer, &list[i].offer);
        else
            list[kept++] = list[i];
    }
    return kept;
}

enum err_code findings_merge(struct arena *arena, const struct provider_release *offers, size_t count,
                             struct findings *out, struct err *err)
{
    struct finding *list = arena_array(arena, count + 1, sizeof *list);
    struct arena *scratch = arena_new(MAGNET_BYTES);
    size_t n = 0;
    size_t dropped = 0;
    for (size_t i = 0; list != NULL && scratch != NULL && i < count; i++)
    {
        struct finding *finding = &list[n];
        finding->offer = offers[i];
        read_magnet(arena, scratch, &finding->offer);
        if (finding->offer.magnet == NULL && finding->offer.info_hash == NULL &&
            finding->offer.download_url == NULL)
        {
            dropped++;
            continue;
        }
        finding->order = i;
        finding->key = key_of(arena, &finding->offer);
        n++;
    }
    bool failed = list == NULL || scratch == NULL || arena_failed(arena);
    arena_free(scratch);
    if (failed)
        return fail(err, E_NO_MEMORY, "out of memory");
    qsort(list, n, sizeof *list, by_key);
    *out = (struct findings){list, unite(list, n), dropped};
    return E_OK;
}

/* ---- points --------------------------------------------------------------------------------- */

static struct score_rank rank_of(const struct finding *finding)
{
    return (struct score_rank){.points = finding->score.points,
                               .seeders = finding->offer.seeders,
                               .size_bytes = finding->offer.size_bytes,
                               .title = finding->offer.title};
}

static int by_rank(const void *a, const void *b)
{
    const struct score_rank left = rank_of(a);
    const struct score_rank right = rank_of(b);
    int order = score_compare(&left, &right);
    return order != 0 ? order : by_key(a, b);
}

void findings_score(struct findings *findings, const struct score_wanted *wanted)
{
    for (size_t i = 0; i < findings->count; i++)
    {
        struct finding *finding = &findings->list[i];
        struct score_candidate candidate = {.size_bytes = finding->offer.size_bytes,
                                            .seeders = finding->offer.seeders < 0 ? SCORE_UNKNOWN
                                                                                  : finding->offer.seeders};
        release_parse(finding->offer.title, &candidate.name);
        score_release(wanted, &candidate, &finding->score);
        finding->name = candidate.name;
    }
    qsort(findings->list, findings->count, sizeof *findings->list, by_rank);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void put_some(struct json_writer *w, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        json_put_text(w, name, text);
}

/* Each of `count` bits that is set, by the name that `tell` knows. */
#define PUT_BITS(w, label, bits, type, tell, count)                                                          \
    json_begin_array((w), (label));                                                                          \
    for (int bit = 0; bit < (int)(count); bit++)                                                             \
        if (((bits) & (UINT32_C(1) << bit)) != 0)                                                            \
            json_put_text((w), NULL, tell((type)bit));                                                       \
    json_end_array((w))

static void put_quality(struct json_writer *w, const struct release_name *name)
{
    json_begin_object(w, NULL);
    if (name->resolution > 0)
        json_put_int(w, "resolution", name->resolution);
    put_some(w, "source", release_source_name(name->source));
    put_some(w, "codec", release_codec_name(name->codec));
    put_some(w, "audio", release_audio_name(name->audio));
    put_some(w, "edition", name->edition);
    put_some(w, "group", name->group);
    PUT_BITS(w, "hdr", name->hdr, enum release_hdr, release_hdr_name, RELEASE_HDR_COUNT);
    PUT_BITS(w, "languages", name->languages, enum release_language, release_language_name,
             RELEASE_LANGUAGE_COUNT);
    PUT_BITS(w, "flags", name->flags, enum release_flag, release_flag_name, RELEASE_FLAG_COUNT);
    json_end_object(w);
}

static void put_reasons(struct json_writer *w, const struct score *score)
{
    json_begin_array(w, NULL);
    for (size_t i = 0; i < score->reason_count; i++)
    {
        json_begin_object(w, NULL);
        json_put_int(w, "points", score->reasons[i].points);
        json_put_text(w, "text", score->reasons[i].text);
        json_end_object(w);
    }
    json_end_array(w);
}

static struct release_new row_of(struct arena *arena, struct buf *text, const struct finding *finding)
{
    const struct provider_release *offer = &finding->offer;
    struct release_new row = {.dedupe_key = finding->key,
                              .title = offer->title,
                              .indexer = offer->indexer,
                              .size_bytes = offer->size_bytes,
                              .seeders = offer->seeders,
                              .magnet = offer->magnet,
                              .download_url = offer->download_url,
                              .info_hash = offer->info_hash,
                              .season = finding->name.season > 0 ? finding->name.season : 0,
                              .episode = finding->name.episode_first > 0 ? finding->name.episode_first : 0,
                              .score = finding->score.points};
    if (offer->published_ms > 0 && offer->published_ms <= published_max_ms)
        row.published_ms = offer->published_ms;
    buf_clear(text);
    struct json_writer w = json_writer(text);
    put_quality(&w, &finding->name);
    row.quality = text->failed ? NULL : arena_strndup(arena, text->data, text->len);
    buf_clear(text);
    w = json_writer(text);
    put_reasons(&w, &finding->score);
    row.reasons = text->failed ? NULL : arena_strndup(arena, text->data, text->len);
    return row;
}

enum err_code findings_write(struct arena *arena, const struct findings *findings,
                             const struct release_new **rows, struct err *err)
{
    struct release_new *list = arena_array(arena, findings->count + 1, sizeof *list);
    struct buf text;
    bool failed = list == NULL;
    buf_init(&text, JSON_MAX_BYTES);
    for (size_t i = 0; !failed && i < findings->count; i++)
    {
        list[i] = row_of(arena, &text, &findings->list[i]);
        failed = list[i].quality == NULL || list[i].reasons == NULL;
    }
    buf_fini(&text);
    if (failed)
        return fail(err, E_NO_MEMORY, "out of memory");
    *rows = list;
    return E_OK;
}

/* ---- words ---------------------------------------------------------------------------------- */

static bool is_latin(const char *title)
{
    const char *end = title + strlen(title);
    for (const char *at = title; at < end;)
        if (text_next(&at, end) >= LATIN_END)
            return false;
    return true;
}

const char *findings_words(struct arena *arena, const char *title)
{
    char slug[SLUG_SIZE];
    if (!is_latin(title) || slug_make(slug, sizeof slug, title) == 0)
        return arena_strdup(arena, title);
    for (char *c = slug; *c != '\0'; c++)
        if (*c == '-')
            *c = ' ';
    return arena_strdup(arena, slug);
}
