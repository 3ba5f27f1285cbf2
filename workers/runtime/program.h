/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.h -- the main() that all workers share: arguments, settings, doors, health listener,
 * outbox threads, the runtime, signals, and the way down again.
 *
 *     int main(int argc, char **argv)
 *     {
 *         static const struct program program = {.worker = "scout", ...};
 *         return program_main(&program, argc, argv);
 *     }
 */
#ifndef SOKOUL_WORKERS_RUNTIME_PROGRAM_H
#define SOKOUL_WORKERS_RUNTIME_PROGRAM_H

#include "common/base/library.h"
#include "common/conf/conf.h"
#include "workers/runtime/runtime.h"

/* What a worker's own open function may build on. */
struct program_doors
{
    const struct conf *conf;
    struct mq *mq;
    struct health *health;
};

struct program
{
    const char *worker;  /* "scout" */
    const char *service; /* "sokoul-scout" */
    const char *about;   /* one sentence for --help */
    enum conf_program conf;
    library_of *http;                      /* http_library where it asks others over HTTP; else NULL */
    int metrics_port;                      /* where METRICS_LISTEN says nothing */
    int concurrency;                       /* 0: WORKER_CONCURRENCY */
    int (*slots)(const struct conf *conf); /* NULL: concurrency */
    const struct job_kind_row *kinds;
    size_t kinds_count;
    void *context; /* for the handlers, where there is no open */
    /* Makes the worker's own context; NULL: nothing to make. close waits for its threads. */
    enum err_code (*open)(const struct program_doors *doors, void **context, struct err *err);
    void (*close)(void *context);
    /* The settings were read again; those before stay readable.  main's thread, the handlers run. NULL:
     * nothing reads them. */
    void (*take)(void *context, const struct conf *now);
};

/* Answers the exit status. */
int program_main(const struct program *program, int argc, char **argv);

#endif
