/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/renew.h"

#include "common/base/moved.h"
#include "common/base/notify.h"

#include <string.h>

enum
{
    NAMES_BYTES = 4096
};

static void move_servers(const struct conf *first, const struct conf *now)
{
    if (!moved_to(first->database_url, now->database_url) || !moved_to(first->redis_url, now->redis_url) ||
        !moved_to(first->nats_url, now->nats_url))
        log_error("conf_reload_failed", "out of memory; a server is still asked at the address before");
}

static void name_changes(const struct conf *old, const struct conf *now, char names[NAMES_BYTES])
{
    size_t len = 0;
    names[0] = '\0';
    for (size_t i = 0; i < CONF_COUNT; i++)
        if (conf_differs(old, now, i) && len < NAMES_BYTES)
            len += (size_t)snprintf(names + len, NAMES_BYTES - len, "%s%s", len > 0 ? ", " : "",
                                    conf_settings[i].name);
}

static void complain(struct conf_renewal *renewal, const struct err *err)
{
    renewal->failed = *err;
    log_error("conf_reload_failed", "%s; all settings stay as they were", err->text);
}

static void take(struct conf_renewal *renewal, struct conf *now)
{
    struct conf *old = *renewal->conf;
    char names[NAMES_BYTES];
    renewal->failed = (struct err)ERR_INIT;
    if (now == old)
    {
        log_info("conf_reloaded", "the settings were read again: nothing has changed");
        return;
    }
    name_changes(old, now, names);
    *renewal->conf = now;
    move_servers(renewal->first, now);
    renewal->take(renewal->of, now, names);
    log_set_level(now->log_level < old->log_level ? now->log_level
                                                  : old->log_level); /* either would show it */
    log_info("conf_reloaded", "the settings were read again: %s",
             names[0] != '\0' ? names : "nothing has changed");
    log_set_level(now->log_level);
}

static enum err_code read_again(struct conf_renewal *renewal, struct err *err)
{
    struct conf *now = NULL;
    enum err_code code = conf_reload(*renewal->conf, &now, err);
    if (code == E_OK)
        take(renewal, now);
    return code;
}

static void on_hangup(void *of)
{
    struct err err = ERR_INIT;
    notify("RELOADING=1");
    if (read_again(of, &err) != E_OK)
        complain(of, &err);
    notify("READY=1");
}

static void on_look(void *of)
{
    struct conf_renewal *renewal = of;
    struct err err = ERR_INIT;
    if (conf_files_changed(*renewal->conf) && read_again(renewal, &err) != E_OK &&
        strcmp(err.text, renewal->failed.text) != 0)
        complain(renewal, &err);
}

struct stop_chores conf_chores(struct conf_renewal *renewal)
{
    renewal->first = *renewal->conf;
    return (struct stop_chores){.hangup = on_hangup, .look = on_look, .of = renewal};
}
