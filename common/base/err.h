/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.h -- failures: one table, one way to report them.
 *
 * A function that can fail returns `enum err_code` (E_OK is 0) and fills a caller-owned
 * `struct err`.  Failing is one line:
 *
 *     return fail(err, E_CONFLICT, "job %s is %s", id, status);
 *
 * Out parameters are written on success only.  What a failure means to a client, to a job
 * or to the shell is decided by the columns of this table and nowhere else; the three
 * translators are api/reply.c, common/job/settle.c and cli/exit.c.
 *
 * The text is for people: plain words, no SQL, no library jargon, no secret.
 * Threads: no shared state.  Memory: none.
 */
#ifndef SOKOUL_COMMON_BASE_ERR_H
#define SOKOUL_COMMON_BASE_ERR_H

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* What the end of an attempt with this failure means for its job. */
enum err_job
{
    ERR_JOB_DONE,      /* not a failure */
    ERR_JOB_RETRY,     /* try again later, within the limit of attempts */
    ERR_JOB_GIVE_UP,   /* permanent: Failed at once, no dead letter */
    ERR_JOB_HAND_BACK, /* not the job's fault: it goes back, no attempt burned */
    ERR_JOB_WAIT,      /* the same for retry_after_s, and it leaves no line in the job's history */
    ERR_JOB_DROP       /* the job is no longer ours: write nothing */
};

/*  X(name, HTTP status, job, exit status, reason, title) */
#define ERR_TABLE(X)                                                                                         \
    X(OK, 200, DONE, 0, "ok", "OK")                                                                          \
    X(INVALID, 400, GIVE_UP, 64, "invalid", "Invalid request")                                               \
    X(UNAUTHENTICATED, 401, GIVE_UP, 1, "unauthenticated", "Authentication required")                        \
    X(CODE_NEEDED, 401, GIVE_UP, 1, "second_factor_required", "Second factor required")                      \
    X(FORBIDDEN, 403, GIVE_UP, 1, "forbidden", "Forbidden")                                                  \
    X(NOT_FOUND, 404, GIVE_UP, 1, "not_found", "Not found")                                                  \
    X(METHOD, 405, GIVE_UP, 1, "method_not_allowed", "Method not allowed")                                   \
    X(CONFLICT, 409, GIVE_UP, 1, "conflict", "Conflict")                                                     \
    X(TOO_LARGE, 413, GIVE_UP, 1, "too_large", "Content too large")                                          \
    X(MEDIA_TYPE, 415, GIVE_UP, 1, "unsupported_media_type", "Unsupported media type")                       \
    X(UNPROCESSABLE, 422, GIVE_UP, 1, "unprocessable", "Unprocessable content")                              \
    X(TOO_MANY, 429, RETRY, 75, "rate_limited", "Too many requests")                                         \
    X(HEADERS, 431, GIVE_UP, 1, "headers_too_large", "Request header fields too large")                      \
    X(BUG, 500, RETRY, 70, "bug", "Internal error")                                                          \
    X(UNAVAILABLE, 503, RETRY, 69, "unavailable", "Service unavailable")                                     \
    X(TIMEOUT, 503, RETRY, 69, "timeout", "Timed out")                                                       \
    X(NO_MEMORY, 503, RETRY, 75, "no_memory", "Out of memory")                                               \
    X(DATABASE, 503, HAND_BACK, 69, "database", "Database unavailable")                                      \
    X(PROVIDER, 503, RETRY, 69, "provider", "Provider unavailable")                                          \
    X(REFUSED, 400, GIVE_UP, 1, "refused", "Refused")                                                        \
    X(DISK_FULL, 503, GIVE_UP, 75, "disk_full", "Disk full")                                                 \
    X(STALLED, 503, GIVE_UP, 75, "stalled", "Stalled")                                                       \
    X(CANCELLED, 409, GIVE_UP, 1, "cancelled", "Cancelled")                                                  \
    X(DEADLINE, 503, GIVE_UP, 1, "deadline", "Deadline passed")                                              \
    X(SHUTDOWN, 503, HAND_BACK, 75, "shutdown", "Shutting down")                                             \
    X(WAITING, 503, WAIT, 75, "waiting", "Waiting")                                                          \
    X(PAUSED, 503, WAIT, 75, "paused", "Paused")                                                             \
    X(LOST, 503, DROP, 75, "lost", "No longer ours")                                                         \
    X(USAGE, 400, GIVE_UP, 64, "usage", "Usage")                                                             \
    X(VERSION, 505, GIVE_UP, 1, "http_version", "HTTP version not supported")                                \
    X(CONFIG, 500, GIVE_UP, 78, "configuration", "Configuration")

enum err_code
{
#define X(name, http, job, exit, reason, title) E_##name,
    ERR_TABLE(X)
#undef X
    E_COUNT
};

struct err
{
    enum err_code code;
    int line;               /* where it was first reported */
    const char *file;       /* static storage */
    unsigned retry_after_s; /* 0, or what the other side asked for */
    char text[200];         /* plain words, one line of UTF-8 whatever they were made of */
};

#define ERR_INIT {.code = E_OK, .file = ""}

/* Fills *err (NULL is allowed: then only the code is returned) and returns `code`. */
#define fail(err, code, ...) err_set((err), (code), __FILE__, __LINE__, __VA_ARGS__)
enum err_code err_set(struct err *err, enum err_code code, const char *file, int line, const char *fmt, ...)
    PRINTF_LIKE(5, 6);

int err_http(enum err_code code);
enum err_job err_job(enum err_code code);
int err_exit(enum err_code code);
const char *err_reason(enum err_code code); /* machine-readable: "not_found" */
const char *err_title(enum err_code code);  /* for people: "Not found" */

#endif
