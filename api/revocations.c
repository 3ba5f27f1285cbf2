/* SPDX-License-Identifier: Apache-2.0 */
#include "api/revocations.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/db/db.h"
#include "common/store/revocations.h"
#include "common/store/schema.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum
{
    LOOK_MS = 400,  /* a notice may be lost, the look is not */
    CALL_MS = 1500, /* a connection that is silent for longer is given up for a new one */
    AGAIN_MS = 500
};

struct revocations
{
    struct db_pool *pool;
    struct revoked *known;
    pthread_t thread;
    int stop_fd;
    atomic_bool stopping;

    /* the thread's own */
    struct db *db; /* NULL: not connected */
    struct revocation_bookmark bookmark;
    bool failing;
};

static enum err_code take(void *of, const struct revocation *row, struct err *err)
{
    struct revocations *r = of;
    const int64_t now_s = clock_wall_ms() / 1000;
    struct revoked_subject subject = {.ends_s = now_s + row->left_s};
    snprintf(subject.id.text, sizeof subject.id.text, "%s", row->subject);
    snprintf(subject.role, sizeof subject.role, "%s", row->role != NULL ? row->role : "");
    return revoked_keep(r->known, &subject, now_s, err);
}

static enum err_code connect(struct revocations *r, struct err *err)
{
    if (r->db != NULL)
        return E_OK;
    r->bookmark = (struct revocation_bookmark){.xid = ""};
    return db_get(r->pool, &r->db, err);
}

/* The thread listens before it looks: of what is committed after the look a notification comes. */
static enum err_code look(struct revocations *r, struct err *err)
{
    const int64_t began_ms = clock_mono_ms();
    if (connect(r, err) != E_OK || db_listen(r->db, REVOCATION_CHANNEL, err) != E_OK ||
        revocation_store_read(r->db, &r->bookmark, take, r, err) != E_OK)
        return err->code;
    revoked_looked(r->known, began_ms);
    return E_OK;
}

static void wait_stop(const struct revocations *r)
{
    struct pollfd poll_fd = {.fd = r->stop_fd, .events = POLLIN};
    poll(&poll_fd, 1, AGAIN_MS);
}

static void tell(struct revocations *r, enum err_code code, const struct err *err)
{
    if (code != E_OK && !r->failing && code != E_DATABASE) /* of a database that is away health tells */
        log_warn("revocations_unread", "which sessions have ended cannot be read: %s", err->text);
    r->failing = code != E_OK;
}

static void give_back(struct revocations *r)
{
    db_put(r->db);
    r->db = NULL;
}

static void *run(void *of)
{
    struct revocations *r = of;
    while (!atomic_load(&r->stopping))
    {
        struct err err = ERR_INIT;
        enum err_code code = look(r, &err);
        tell(r, code, &err);
        if (code == E_OK)
            code = db_wait(r->db, r->stop_fd, LOOK_MS, NULL, &err);
        else
            wait_stop(r);
        if (code != E_OK)
            give_back(r);
    }
    give_back(r);
    return NULL;
}

static enum err_code open_all(struct revocations *r, const char *database_url, struct err *err)
{
    const struct db_pool_config config = {.url = database_url,
                                          .name = "sokoul-api-sessions",
                                          .size = 1,
                                          .get_wait_ms = CALL_MS,
                                          .statement_ms = CALL_MS,
                                          .connect_ms = CALL_MS,
                                          .check = schema_check};
    r->known = revoked_new();
    r->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (r->known == NULL || r->stop_fd < 0)
        return fail(err, E_NO_MEMORY, "no memory for the sessions that have ended");
    return db_pool_open(&config, &r->pool, err);
}

static void close_all(struct revocations *r)
{
    db_pool_close(r->pool);
    revoked_free(r->known);
    if (r->stop_fd >= 0)
        close(r->stop_fd);
    free(r);
}

enum err_code revocations_start(const char *database_url, struct revocations **out, struct err *err)
{
    struct revocations *r = calloc(1, sizeof *r);
    if (r == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the sessions that have ended");
    enum err_code code = open_all(r, database_url, err);
    struct err away = ERR_INIT;
    if (code == E_OK)
        tell(r, look(r, &away), &away);
    if (r->failing)
        give_back(r);
    if (code == E_OK && pthread_create(&r->thread, NULL, run, r) != 0)
        code = fail(err, E_NO_MEMORY, "out of threads");
    if (code == E_OK)
    {
        *out = r;
        return E_OK;
    }
    give_back(r);
    close_all(r);
    return code;
}

void revocations_stop(struct revocations *r)
{
    const uint64_t one = 1;
    if (r == NULL)
        return;
    atomic_store(&r->stopping, true);
    if (write(r->stop_fd, &one, sizeof one) < 0)
        log_debug("revocations_stop", "the thread stops already");
    pthread_join(r->thread, NULL);
    close_all(r);
}

struct revoked *revocations_known(struct revocations *r)
{
    return r->known;
}
