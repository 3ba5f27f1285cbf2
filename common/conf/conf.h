/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf.h -- the settings of a program, read at its start and again when it is asked to (renew.h).
 *
 * A value comes from the environment, else from the env file (--env-file, else `.env` in the
 * working folder if there is one), else it is the default of settings.h.  NAME_FILE reads the
 * value from a file, one newline at its end dropped.  An empty value counts as absent.
 *
 * Unknown names in an env file are refused with a suggestion, unknown names in the
 * environment are ignored.  Each secret, and the password inside each URL, is
 * given to log_mask.
 *
 *     struct conf *conf = NULL;
 *     if (conf_load(CONF_API, env_file, &conf, &err) != E_OK)
 *         ...                           E_CONFIG, exit status 78; the text names the setting
 *     listen_on(conf->api_listen.host, conf->api_listen.port);
 *
 * Ownership: conf_free frees everything; members are borrowed.  Threads: load and reload read
 * the environment, so no other thread may change it; a loaded struct never changes.
 */
#ifndef SOKOUL_COMMON_CONF_CONF_H
#define SOKOUL_COMMON_CONF_CONF_H

#include "common/base/err.h"
#include "common/base/log.h"
#include "common/conf/net.h"
#include "common/conf/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum conf_type
{
#define X(type, ctype, words, sample) CONF_##type,
    CONF_TYPES(X)
#undef X
    CONF_TYPE_COUNT
};

#define X(type, ctype, words, sample) typedef ctype conf_member_##type;
CONF_TYPES(X)
#undef X

/* One member per row of settings.h: conf->database_url, conf->api_listen, …  Texts are never NULL. */
struct conf
{
#define X(name, member, type, otherwise, min, max, need, reload, doc) conf_member_##type member;
    CONF_TABLE(X)
#undef X
};

enum conf_reload_kind
{
    CONF_FIXED,
    CONF_RELOAD
};

/* A row of settings.h, for code that goes through all of them. */
struct conf_setting
{
    const char *name;
    enum conf_type type;
    const char *otherwise; /* the default, as text */
    int64_t min;
    int64_t max;
    unsigned need; /* enum conf_need */
    enum conf_reload_kind reload;
    const char *doc;
    size_t at; /* offsetof in struct conf */
};

enum
{
#define X(name, member, type, otherwise, min, max, need, reload, doc) CONF_INDEX_##name,
    CONF_TABLE(X)
#undef X
    CONF_COUNT
};

extern const struct conf_setting conf_settings[CONF_COUNT];

/* `env_file` NULL: `.env`, which may be missing; a named file must exist. */
MUST_USE enum err_code conf_load(enum conf_program program, const char *env_file, struct conf **conf,
                                 struct err *err);
/* Reads the same sources again into a new struct, which takes `old`: that stays readable until conf_free of
 * the new one, since somebody may be reading it.  A FIXED setting keeps the value of `old`, with a warning in
 * the log if it changed.  *conf is `old` itself where nothing has changed.  On failure `old` is as good as
 * before, and the caller's. */
MUST_USE enum err_code conf_reload(struct conf *old, struct conf **conf, struct err *err);
void conf_free(struct conf *conf); /* NULL is fine */

/* Whether setting number CONF_INDEX_… has another value there. */
bool conf_differs(const struct conf *conf, const struct conf *other, size_t setting);
/* Whether a file that a NAME_FILE names is another one than was read. */
bool conf_files_changed(const struct conf *conf);

bool conf_is_secret(const struct conf_setting *setting);

/* The generated files; false when the stream failed. */
bool conf_write_example(FILE *out);  /* .env.example */
bool conf_write_markdown(FILE *out); /* docs/CONFIG.md */

#endif
