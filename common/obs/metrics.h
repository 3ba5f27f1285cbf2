/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h -- the product's metrics: one table, written as Prometheus text 0.0.4 or as OpenMetrics 1.0.
 *
 * Like the log, the registry exists once per process.  Counters and histograms without labels
 * are plain atomics; counters and gauges with labels keep at most METRICS_MAX_SERIES series each
 * (beyond that a series with every label "other" takes the rest of a counter), so that hostile input
 * cannot grow memory.  Label values are copied.  Gauges are either set, or read at scrape time through
 * a callback that must not block; a counter may be read that way too.  Writing asks no server, so that
 * a scrape is as fast when all of them are away.
 *
 * A rate needs two points: a series whose labels are known beforehand is declared by metrics_expect, so that
 * its value is 0 before the first event.  A metric that no code of a program sets or reads is left out there.
 *
 * A histogram keeps for each bucket one request that fell into it, at most one a second anew (an exemplar,
 * written in OpenMetrics only): the way from a slow bucket to the log and to `sokoulctl`.
 *
 * Any thread.
 */
#ifndef SOKOUL_COMMON_OBS_METRICS_H
#define SOKOUL_COMMON_OBS_METRICS_H

#include "common/base/buf.h"

#include <stdint.h>

enum
{
    METRICS_MAX_SERIES = 512,
    METRICS_MAX_LABELS = 3
};

/*  X(id, kind, name, labels "a,b" or "", help) */
#define METRICS_TABLE(X)                                                                                     \
    X(API_REQUESTS, COUNTER, "sokoul_api_requests_total", "method,route,status",                             \
      "Requests answered, by method, route pattern and status")                                              \
    X(API_REQUEST_SECONDS, HISTOGRAM, "sokoul_api_request_duration_seconds", "",                             \
      "Time from the first byte of a request to its answer")                                                 \
    X(API_ERRORS, COUNTER, "sokoul_api_errors_total", "", "Requests answered with a status of 500 or more")  \
    X(API_QUEUE, GAUGE, "sokoul_api_queue_length", "", "Requests waiting for an executor")                   \
    X(RATE_LIMITED, COUNTER, "sokoul_rate_limited_total", "policy", "Requests refused with 429, by policy")  \
    X(WORKER_JOBS, COUNTER, "sokoul_worker_jobs_total", "worker,kind,outcome",                               \
      "Attempts ended, by worker, kind and outcome")                                                         \
    X(WORKER_JOB_SECONDS, HISTOGRAM, "sokoul_worker_job_duration_seconds", "", "Time of an attempt")         \
    X(WORKER_GIVEN, COUNTER, "sokoul_worker_jobs_given_total", "",                                           \
      "Jobs that were this process's as soon as they were accepted, without a message")                      \
    X(WORKER_RUNNING, GAUGE, "sokoul_worker_jobs_running", "", "Jobs held by this process")                  \
    X(DB_CONNECTIONS, GAUGE, "sokoul_db_connections_active", "", "Database connections in use")              \
    X(DB_WAITS, COUNTER, "sokoul_db_pool_waits_total", "", "Waits for a database connection")                \
    X(DB_POOL_SIZE, GAUGE, "sokoul_db_pool_size", "", "Database connections that may be in use at once")     \
    X(DB_EXHAUSTED, COUNTER, "sokoul_db_pool_exhausted_total", "", "Waits that ended without one")           \
    X(NATS_PROCESSED, COUNTER, "sokoul_nats_messages_processed_total", "",                                   \
      "Messages taken from JetStream and settled")                                                           \
    X(NATS_PUBLISHED, COUNTER, "sokoul_nats_messages_published_total", "",                                   \
      "Outbox rows confirmed by JetStream")                                                                  \
    X(NATS_UP, GAUGE, "sokoul_nats_up", "", "0 while /health/deep tells of a trouble with NATS, else 1")     \
    X(NATS_REPAIRS, COUNTER, "sokoul_nats_repairs_total", "", "Streams and consumers made anew")             \
    X(CONSUMER_PENDING, GAUGE, "sokoul_nats_consumer_pending", "worker,priority",                            \
      "Messages in JetStream that were not delivered to a worker yet")                                       \
    X(CONSUMER_UNACKED, GAUGE, "sokoul_nats_consumer_ack_pending", "worker,priority",                        \
      "Messages delivered and not yet acknowledged")                                                         \
    X(CONSUMER_REDELIVERED, GAUGE, "sokoul_nats_consumer_redelivered", "worker,priority",                    \
      "Messages delivered more than once and not yet acknowledged")                                          \
    X(CACHE_HITS, COUNTER, "sokoul_cache_hits_total", "", "Answers found in Redis")                          \
    X(CACHE_MISSES, COUNTER, "sokoul_cache_misses_total", "", "Answers not found in Redis")                  \
    X(OUTBOX_PENDING, GAUGE, "sokoul_outbox_pending", "", "Outbox rows that wait for JetStream")             \
    X(JOBS_PENDING, GAUGE, "sokoul_jobs_pending", "", "Jobs that wait for a worker")                         \
    X(OUTBOX_OLDEST, GAUGE, "sokoul_outbox_oldest_seconds", "",                                              \
      "How long the oldest due outbox row has waited for JetStream")                                         \
    X(JOBS_WAITING, GAUGE, "sokoul_jobs_waiting", "kind", "Jobs that are due and wait, by kind")             \
    X(JOBS_OLDEST, GAUGE, "sokoul_jobs_oldest_waiting_seconds", "kind",                                      \
      "How long the oldest due job of a kind has waited")                                                    \
    X(LETTERS_OPEN, GAUGE, "sokoul_dead_letters_open", "", "Dead letters nobody has replayed or closed")     \
    X(PROVIDER_CALLS, COUNTER, "sokoul_provider_calls_total", "provider,outcome",                            \
      "Calls to providers, by what came of them")                                                            \
    X(PROVIDER_SECONDS, HISTOGRAM, "sokoul_provider_call_duration_seconds", "", "Time of a provider's call") \
    X(DLQ, COUNTER, "sokoul_dlq_total", "", "Dead letters written")                                          \
    X(JOBS_SWEPT, COUNTER, "sokoul_jobs_swept_total", "", "Jobs woken again by healing")                     \
    X(JOBS_TAKEN_BACK, COUNTER, "sokoul_jobs_taken_back_total", "",                                          \
      "Jobs taken back from dead or frozen workers")                                                         \
    X(BAD_ROWS, COUNTER, "sokoul_bad_rows_total", "", "Rows skipped because they made no sense")             \
    X(LOG_DROPPED, COUNTER, "sokoul_log_dropped_total", "", "Log lines that could not be written")           \
    X(SPANS_SENT, COUNTER, "sokoul_trace_spans_sent_total", "", "Spans that the collector of traces took")   \
    X(SPANS_DROPPED, COUNTER, "sokoul_trace_spans_dropped_total", "",                                        \
      "Spans that it did not take, or that came too fast")                                                   \
    X(DISK_FREE, GAUGE, "sokoul_disk_free_bytes", "", "Free space of the download folder")                   \
    X(DISK_SIZE, GAUGE, "sokoul_disk_size_bytes", "", "Size of the download folder's file system")           \
    X(TORRENTS, GAUGE, "sokoul_torrents", "state", "Torrents in the engine, by what they do")                \
    X(TORRENT_DOWN, GAUGE, "sokoul_torrent_download_bytes_per_second", "", "What all torrents receive")      \
    X(TORRENT_UP, GAUGE, "sokoul_torrent_upload_bytes_per_second", "", "What all torrents send")             \
    X(WS_ACTIVE, GAUGE, "ws_active_connections", "", "WebSocket connections open")                           \
    X(WS_CONNECTIONS, GAUGE, "ws_connections", "", "WebSocket connections open")                             \
    X(SHUTDOWN_SECONDS, HISTOGRAM, "app_shutdown_duration_seconds", "", "Time of graceful stops")

enum metric
{
#define X(id, kind, name, labels, help) METRIC_##id,
    METRICS_TABLE(X)
#undef X
    METRIC_COUNT
};

enum metrics_format
{
    METRICS_PROMETHEUS,
    METRICS_OPENMETRICS
};
#define METRICS_PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

void metrics_add(enum metric metric, uint64_t by);                 /* a counter without labels */
void metrics_count(enum metric metric, const char *const *labels); /* +1; as many as the table says */
/* The series of these labels exists from now on, with the value 0. */
void metrics_expect(enum metric metric, const char *const *labels);
void metrics_set(enum metric metric, double value);                               /* a gauge */
void metrics_set_of(enum metric metric, const char *const *labels, double value); /* one with labels */
/* A value read at scrape time; read NULL ends it. `of` must live until then. */
void metrics_read(enum metric metric, double (*read)(void *of), void *of);
void metrics_observe(enum metric metric, double seconds); /* a histogram */
/* The same for a request that can be looked up; NULL or "": none.  Copied. */
void metrics_observe_for(enum metric metric, double seconds, const char *request_id);
uint64_t metrics_value(enum metric metric); /* a counter, summed over its series */

/* The format for a client that sent this Accept header; NULL: none. */
enum metrics_format metrics_format_of(const char *accept);

/* All of them, and sokoul_build_info{version,service} and process_* of this process. */
void metrics_write(struct buf *out, enum metrics_format format, const char *service);

#endif
