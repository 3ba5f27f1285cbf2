/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h -- whether Postgres does its work: it answers and takes writes.
 *
 * A standby and a server turned read-only answer E_DATABASE: a program needs a server where it can commit.
 * Blocks as long as the connection's own deadlines allow.
 */
#ifndef SOKOUL_COMMON_STORE_PROBE_H
#define SOKOUL_COMMON_STORE_PROBE_H

#include "common/db/db.h"

MUST_USE enum err_code probe_database(struct db *db, struct err *err);
/* Writes some 600 KB and throws them away; the connection keeps a small work_mem.  E_DISK_FULL: there was no
 * room.  After probe_database, which has seen that the server answers. */
MUST_USE enum err_code probe_disk(struct db *db, struct err *err);
/* E_OK: two open connections have a session each.  E_DATABASE: a pooler gives both the same one. */
MUST_USE enum err_code probe_sessions(struct db *one, struct db *other, struct err *err);

enum
{
    PROBE_OLDEST_SERVER = 15 /* what the statements of common/store need */
};

struct probe_server
{
    int64_t release;  /* 15 of 15.3 */
    char version[32]; /* "15.3 (Debian 15.3-0+deb12u1)" */
    int64_t wall_ms;  /* its clock */
    bool durable;     /* a COMMIT waits for the disk */
};

/* Version, clock and durability of the server. */
MUST_USE enum err_code probe_server(struct db *db, struct probe_server *server, struct err *err);

#endif
