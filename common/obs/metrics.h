/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h -- the product's metrics: one table, Prometheus text format 0.0.4.
 *
 * Like the log, the registry exists once per process.  Counters and histograms without labels
 * are plain atomics; counters with labels keep at most METRICS_MAX_SERIES series each (beyond
 * that a series with every label "other" takes the rest), so that hostile input cannot grow
 * memory.  Label values are copied.  Gauges are either set, or read at scrape time through a
 * callback that must not block; a counter may be read that way too.
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
    X(WORKER_JOBS, COUNTER, "sokoul_worker_jobs_total", "worker,kind,outcome",                               \
      "Attempts ended, by worker, kind and outcome")                                                         \
    X(WORKER_JOB_SECONDS, HISTOGRAM, "sokoul_worker_job_duration_seconds", "", "Time of an attempt")         \
    X(WORKER_GIVEN, COUNTER, "sokoul_worker_jobs_given_total", "",                                           \
      "Jobs that were this process's as soon as they were accepted, without a message")                      \
    X(WORKER_RUNNING, GAUGE, "sokoul_worker_jobs_running", "", "Jobs held by this process")                  \
    X(DB_CONNECTIONS, GAUGE, "sokoul_db_connections_active", "", "Database connections in use")              \
    X(DB_WAITS, COUNTER, "sokoul_db_pool_waits_total", "", "Waits for a database connection")                \
    X(DB_EXHAUSTED, COUNTER, "sokoul_db_pool_exhausted_total", "", "Waits that ended without one")           \
    X(NATS_PROCESSED, COUNTER, "sokoul_nats_messages_processed_total", "",                                   \
      "Messages taken from JetStream and settled")                                                           \
    X(NATS_PUBLISHED, COUNTER, "sokoul_nats_messages_published_total", "",                                   \
      "Outbox rows confirmed by JetStream")                                                                  \
    X(NATS_UP, GAUGE, "sokoul_nats_up", "", "0 while /health/deep tells of a trouble with NATS, else 1")     \
    X(NATS_REPAIRS, COUNTER, "sokoul_nats_repairs_total", "", "Streams and consumers made anew")             \
    X(CACHE_HITS, COUNTER, "sokoul_cache_hits_total", "", "Answers found in Redis")                          \
    X(CACHE_MISSES, COUNTER, "sokoul_cache_misses_total", "", "Answers not found in Redis")                  \
    X(OUTBOX_PENDING, GAUGE, "sokoul_outbox_pending", "", "Outbox rows that wait for JetStream")             \
    X(JOBS_PENDING, GAUGE, "sokoul_jobs_pending", "", "Jobs that wait for a worker")                         \
    X(DLQ, COUNTER, "sokoul_dlq_total", "", "Dead letters written")                                          \
    X(JOBS_SWEPT, COUNTER, "sokoul_jobs_swept_total", "", "Jobs woken again by the sweeper")                 \
    X(JOBS_TAKEN_BACK, COUNTER, "sokoul_jobs_taken_back_total", "",                                          \
      "Jobs taken back from dead or frozen workers")                                                         \
    X(BAD_ROWS, COUNTER, "sokoul_bad_rows_total", "", "Rows skipped because they made no sense")             \
    X(LOG_DROPPED, COUNTER, "sokoul_log_dropped_total", "", "Log lines that could not be written")           \
    X(DISK_FREE, GAUGE, "sokoul_disk_free_bytes", "", "Free space of the download folder")                   \
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

void metrics_add(enum metric metric, uint64_t by);                 /* a counter without labels */
void metrics_count(enum metric metric, const char *const *labels); /* +1; as many as the table says */
void metrics_set(enum metric metric, double value);                /* a gauge */
/* A value read at scrape time; read NULL ends it. `of` must live until then. */
void metrics_read(enum metric metric, double (*read)(void *of), void *of);
void metrics_observe(enum metric metric, double seconds); /* a histogram */
uint64_t metrics_value(enum metric metric);               /* a counter, summed over its series */

/* All of them, and sokoul_build_info{version,service} and process_* of this process. */
void metrics_write(struct buf *out, const char *service);

#endif
