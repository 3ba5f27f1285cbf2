/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prowlarr.h -- releases from Prowlarr's indexers, version 1 of its API.
 *
 * Prowlarr answers a flat array and never says "that was all": prowlarr_search_all asks page
 * by page until one is short or brings nothing new, or PROWLARR_MAX_PAGES were asked.  When a
 * later page breaks, what was found before is kept and `warning` says so.  A row that breaks is lost
 * alone and counted, usenet's are left out without a word.
 *
 * Download links lead through Prowlarr and hold its API key: they are masked where they come in,
 * so a struct provider_release can be stored and shown, and unmasked by prowlarr_resolve.  That goes
 * to the configured host, and from there, without the key, to the hosts that the settings name: with
 * Prowlarr's setting "Redirect" the indexer itself is asked.  Neither is ever logged.
 *
 * Calls block the thread, each page for at most deadline_ms.  A struct prowlarr is plain data, all
 * borrowed.  One thread at a time.  Errors: provider.h.
 */
#ifndef SOKOUL_COMMON_PROVIDER_PROWLARR_H
#define SOKOUL_COMMON_PROVIDER_PROWLARR_H

#include "common/http/http.h"
#include "common/provider/provider.h"

#include <stdbool.h>

enum
{
    PROWLARR_PAGE_ITEMS = 100, /* the limit that is asked for where a query says 0 */
    PROWLARR_MAX_PAGES = 50,
    PROWLARR_MAX_RELEASES = 5000,
    PROWLARR_MAX_TORRENT_BYTES = 10 << 20
};

struct prowlarr
{
    struct http_client *http;
    const char *base_url; /* PROWLARR_URL; NULL or "": not configured, E_CONFIG */
    const char *api_key;
    const char *redirect_hosts; /* that downloads may be sent to, commas between; NULL or "": none */
    const atomic_bool *cancel;  /* may be NULL */
    int deadline_ms;            /* of one page; 0: HTTP_DEADLINE_MS */
    enum http_addresses addresses;
};

struct prowlarr_query
{
    const char *query;
    enum provider_type type; /* PROVIDER_MULTI: any kind */
    int season;              /* 0: none; added to the words as S01E02 */
    int episode;             /* 0: none */
    const int *categories;   /* Torznab's numbers; none: by type */
    size_t category_count;
    int limit;  /* 0: PROWLARR_PAGE_ITEMS */
    int offset; /* prowlarr_search only */
};

struct prowlarr_page
{
    struct provider_release *items; /* usable ones, in its order */
    size_t count;
    size_t sent; /* elements in the answer, unusable ones included */
    struct provider_loss loss;
};

MUST_USE enum err_code prowlarr_search(const struct prowlarr *prowlarr, const struct prowlarr_query *query,
                                       struct arena *arena, struct prowlarr_page *out, struct err *err);

/* Called after each page, e.g. for a heartbeat.  Anything but E_OK ends the search with that code. */
struct prowlarr_watch
{
    enum err_code (*page_done)(void *context, int pages, size_t found, struct err *err);
    void *context;
};

struct prowlarr_result
{
    struct provider_release *items; /* no two of one guid and key (provider.h) */
    size_t count;
    int pages;                 /* that were answered */
    struct provider_loss loss; /* of all pages */
    const char *warning;       /* NULL, or plain words why more may exist */
};

/* `watch` may be NULL. */
MUST_USE enum err_code prowlarr_search_all(const struct prowlarr *prowlarr,
                                           const struct prowlarr_query *query,
                                           const struct prowlarr_watch *watch, struct arena *arena,
                                           struct prowlarr_result *out, struct err *err);

/* What a download_url leads to: exactly one of the two. */
struct prowlarr_target
{
    const char *magnet;  /* NULL, or "magnet:?…", as magnet_write writes it */
    const char *torrent; /* NULL, or the bytes of a .torrent file, not yet inspected */
    size_t torrent_len;
};

/* Blanks, line ends and a byte order mark around what is answered are cut off.
 * E_REFUSED: the link, or where it redirects to, is neither on Prowlarr's own host nor on one that is named;
 * it was refused with a 4xx, or leads to nothing that could be a torrent.  E_NOT_FOUND: it is gone.  Neither
 * will pass. */
MUST_USE enum err_code prowlarr_resolve(const struct prowlarr *prowlarr, const char *download_url,
                                        struct arena *arena, struct prowlarr_target *out, struct err *err);

#endif
