/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renew.h -- the settings of a running program, read again on SIGHUP or when a file named by a NAME_FILE is
 * another one.
 *
 *     struct conf_renewal renewal = {.conf = &conf, .take = take, .of = process};
 *     const struct stop_chores chores = conf_chores(&renewal);
 *     stop_wait(&chores);
 *
 * What is read anew is a struct of its own, and whoever reads settings finds it through a pointer that `take`
 * changes; the one before stays readable.  The renewal itself moves the servers (moved.h) and sets the level
 * of the log.  Where the files are not to be read or hold something invalid, all stays as it was, and one
 * line of the log names the setting; the program never ends by that.
 *
 * Threads: main's.  Blocks on the disk, and for what `take` does.
 */
#ifndef SOKOUL_COMMON_CONF_RENEW_H
#define SOKOUL_COMMON_CONF_RENEW_H

#include "common/base/stop.h"
#include "common/conf/conf.h"

struct conf_renewal
{
    struct conf **conf; /* the newest; before the first renewal the one that the program started with */
    /* Called when something has changed: `now` is in force, `names` has commas between. */
    void (*take)(void *of, const struct conf *now, const char *names);
    void *of;
    const struct conf *first; /* private: the servers are known by the addresses of the start */
    struct err failed;        /* private: a file that stays bad is told of once */
};

struct stop_chores conf_chores(struct conf_renewal *renewal);

#endif
