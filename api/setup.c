/* SPDX-License-Identifier: Apache-2.0 */
#include "api/setup.h"

#include "common/base/log.h"
#include "common/crypt/code.h"
#include "common/store/invitations.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum
{
    AGAIN_MS = 1000
};

struct setup
{
    struct db_pool *pool;
    pthread_t thread;
    int stop_fd;
};

static enum err_code look(struct setup *setup, struct err *err)
{
    const struct code code = code_new();
    struct digest digest;
    struct db *db = NULL;
    bool made = false;
    if (!code_digest(code.text, &digest))
        return fail(err, E_BUG, "a new code has no digest");
    if (db_get(setup->pool, &db, err) != E_OK)
        return err->code;
    enum err_code result = invitation_store_set_up(db, digest.hex, &made, err);
    db_put(db);
    if (result == E_OK && made)
        log_warn("setup_code",
                 "there is no account yet: register with the setup_code %s, once, to be the administrator",
                 code.text);
    return result;
}

static void *run(void *of)
{
    struct setup *setup = of;
    struct pollfd stop = {.fd = setup->stop_fd, .events = POLLIN};
    for (;;)
    {
        struct err err = ERR_INIT;
        if (look(setup, &err) == E_OK || poll(&stop, 1, AGAIN_MS) > 0)
            return NULL;
    }
}

enum err_code setup_start(struct db_pool *pool, struct setup **out, struct err *err)
{
    struct setup *setup = calloc(1, sizeof *setup);
    if (setup == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the set-up");
    setup->pool = pool;
    setup->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (setup->stop_fd >= 0 && pthread_create(&setup->thread, NULL, run, setup) == 0)
    {
        *out = setup;
        return E_OK;
    }
    if (setup->stop_fd >= 0)
        close(setup->stop_fd);
    free(setup);
    return fail(err, E_NO_MEMORY, "out of threads");
}

void setup_stop(struct setup *setup)
{
    const uint64_t one = 1;
    if (setup == NULL)
        return;
    if (write(setup->stop_fd, &one, sizeof one) < 0)
        log_debug("setup_stop", "the thread stops already");
    pthread_join(setup->thread, NULL);
    close(setup->stop_fd);
    free(setup);
}
