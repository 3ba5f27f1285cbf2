/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h -- the command line: options and words, in any order.
 *
 *     sokoulctl --json job ls --limit 5        sokoulctl job ls --limit=5 --json
 *
 * Every option of every verb is a row of OPTION_TABLE; which verb takes which stands in
 * verbs.c.  `--name value` and `--name=value` are the same; after `--` everything is a word.
 * Values are borrowed from argv.  One thread.
 */
#ifndef SOKOUL_CLI_OPTIONS_H
#define SOKOUL_CLI_OPTIONS_H

#include "common/base/arena.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
/*  X(name, long name, value ("": a flag), what it does) */
#define OPTION_TABLE(X)                                                                                      \
    X(ENV_FILE,       "env-file",       "FILE",    "read settings from FILE; the environment comes first")   \
    X(JSON,           "json",           "",        "print JSON")                                             \
    X(HELP,           "help",           "",        "print this and end")                                     \
    X(VERSION,        "version",        "",        "print the version and end")                              \
    X(KIND,           "kind",           "KIND",    "kind of job, e.g. noop or search")                       \
    X(WORKER,         "worker",         "WORKER",  "scout, hunter or bot; by default who runs that kind")    \
    X(PAYLOAD,        "payload",        "JSON",    "what the job gets, an object; {} by default")            \
    X(COUNT,          "count",          "N",       "how many jobs; 1 by default")                            \
    X(RATE,           "rate",           "N",       "jobs per second; as fast as it goes by default")         \
    X(WAIT,           "wait",           "",        "wait until all are over; exit 1 if one Failed")          \
    X(TIMEOUT,        "timeout",        "S",       "seconds to wait at most")                                \
    X(PRIORITY,       "priority",       "P",       "high, normal or low")                                    \
    X(RUN_AT,         "run-at",         "TIME",    "not before this time, e.g. 2026-02-15T15:28:37Z")        \
    X(DEADLINE,       "deadline",       "TIME",    "Failed with reason deadline when not over by then")        \
    X(USER,           "user",           "ID",      "whose job it is; nobody's by default")                   \
    X(UNIQUE_KEY,     "unique-key",     "KEY",     "refuse it while a live job of that kind has this key")   \
    X(UNIQUE_S,       "unique-s",       "S",       "and for S seconds more, even when that job is over")       \
    X(RAW,            "raw",            "",        "publish envelopes straight to NATS, past the database")  \
    X(STATUS,         "status",         "STATUS",  "only Pending, Running, Completed or Failed")             \
    X(LIMIT,          "limit",          "N",       "how many to show")                                       \
    X(LOG,            "log",            "FILE",    "lines of logs too, out of FILE; - is standard input")     \
    X(BEFORE,         "before",         "ID",      "continue below this id")                                 \
    X(ALL,            "all",            "",        "all of them")                                            \
    X(GRAPH,          "graph",          "",        "with all that led to it and all that followed from it")   \
    X(DIR,            "dir",            "DIR",     "read migrations from DIR, not those built in")           \
    X(USERNAME,       "username",       "NAME",    "name of the user, 3 to 32 of A-Z a-z 0-9 . _ -")         \
    X(EMAIL,          "email",          "EMAIL",   "address of the user")                                    \
    X(ROLE,           "role",           "ROLE",    "user, moderator or admin")                               \
    X(PASSWORD_STDIN, "password-stdin", "",        "read the password from standard input, one line")        \
    X(CRON,           "cron",           "EXPR",    "five fields in UTC, e.g. '0 3 * * *', or @daily")        \
    X(EVERY,          "every",          "S",       "seconds from one run to the next")                       \
    X(MISSED,         "missed",         "POLICY",  "what was missed runs once (default) or is left out: skip") \
    X(MAX,            "max",            "N",       "how many may run at once, over all workers")              \
    X(PER_USER,       "per-user",       "N",       "how many of them for one user")                           \
    X(URL,            "url",            "URL",     "where the program listens; http://127.0.0.1:3000 by default")
/* clang-format on */

enum option
{
#define X(name, text, value, doc) OPTION_##name,
    OPTION_TABLE(X)
#undef X
    OPTIONS
};

#define OPTION_BIT(name) (UINT64_C(1) << OPTION_##name)

struct options
{
    const char *values[OPTIONS]; /* NULL: not given; "" for a flag that was */
    const char **words;          /* all that is no option */
    size_t word_count;
};

/* E_USAGE: an unknown option, one given twice, a missing or needless value. */
MUST_USE enum err_code options_read(struct arena *arena, int argc, char *const *argv, struct options *options,
                                    struct err *err);
/* E_USAGE: one was given that is not in `allowed` (OPTION_BITs); it is named, with the `verb`. */
MUST_USE enum err_code options_check(const struct options *options, uint64_t allowed, const char *verb,
                                     struct err *err);

bool option_given(const struct options *options, enum option option);
const char *option_text(const struct options *options, enum option option, const char *otherwise);
/* E_USAGE: not a whole number from min to max.  Not given: *out stays. */
MUST_USE enum err_code option_number(const struct options *options, enum option option, int64_t min,
                                     int64_t max, int64_t *out, struct err *err);

const char *option_name(enum option option);  /* "env-file" */
const char *option_value(enum option option); /* "FILE", "" for a flag */
const char *option_doc(enum option option);

#endif
