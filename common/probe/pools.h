/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pools.h -- the connections of a program's two pools as metrics, added up and read at scrape time.
 *
 * Ownership: the pools and the struct are the caller's, and live until pools_hide.
 */
#ifndef SOKOUL_COMMON_PROBE_POOLS_H
#define SOKOUL_COMMON_PROBE_POOLS_H

struct db_pool;

struct pools
{
    struct db_pool *first;
    struct db_pool *second;
};

void pools_show(struct pools *pools);
void pools_hide(void);

#endif
