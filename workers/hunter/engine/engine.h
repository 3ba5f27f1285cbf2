/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.h -- the door to BitTorrent.
 *
 * One engine is one libtorrent session that holds many torrents.  A torrent is named by our own
 * torrent id; its data live in `save_dir` (DOWNLOAD_DIR/<torrent id>), its lock and its resume data
 * in `state_dir` (<id>.lock, <id>.resume).  Nothing of libtorrent crosses this header, no exception
 * and no handle; a torrent client that runs elsewhere could stand behind it as well.
 *
 *     engine_add --> PREPARING --> METADATA --> CHECKING --> DOWNLOADING --> SEEDING
 *                   (lock, resume  (magnet:     (only after              (FINISHED was posted)
 *                    data, hash     no data      an unclean end
 *                    what a kill    is written   of the machine)
 *                    left)          before the
 *                                   gate)
 *
 * Each torrent passes the gate before a byte of it is written: hostile names, symbolic links, absurd
 * counts and sizes, quota and free space (less the reserve, and less what all other torrents that
 * were begun still need).  When another program fills the disk, the largest torrent ends with "Disk full".  A
 * .torrent is judged inside engine_add (E_REFUSED, E_DISK_FULL), a magnet when its metadata arrive
 * (ENGINE_REFUSED). Addresses of trackers and web seeds that must not be asked are dropped.
 *
 * Durability: resume data are saved every 5 s by temporary file, fsync and rename, only while the
 * torrent's lock is held.  After a kill -9 the pieces that they miss are hashed from disk before
 * anything is fetched; after a reboot without a clean end everything is hashed.  ENGINE_FINISHED is
 * posted when all wanted data are verified and synced to disk: the files are looked at once more before that,
 * and hashed unless they are those that were found right before, of the same size and time.  Files that
 * somebody has removed, cut or changed are fetched again.
 *
 * Ownership: everything passed in is copied; results are plain data, or are freed by the
 * function named beside them.  Threads: any thread may call any function, but engine_poll belongs to
 * one thread, and engine_close comes last, with nobody else inside.  Blocking: only engine_poll waits,
 * for at most wait_ms; engine_close up to its deadline; engine_files, engine_range_ready and
 * engine_metainfo ask the session's thread and may take some milliseconds; all others return at
 * once and are done in the background.  Times are monotonic, sizes are bytes.
 */
#ifndef SOKOUL_WORKERS_HUNTER_ENGINE_ENGINE_H
#define SOKOUL_WORKERS_HUNTER_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define ENGINE_C_BEGIN                                                                                       \
    extern "C"                                                                                               \
    {
#define ENGINE_C_END }
#else
#define ENGINE_C_BEGIN
#define ENGINE_C_END
#endif

ENGINE_C_BEGIN

#include "common/base/err.h"
#ifdef __cplusplus
#undef fail /* the streams of C++ have a function of that name */
#endif

enum
{
    ENGINE_ID_SIZE = 65,   /* torrent id: 1 to 64 of [A-Za-z0-9-], and the end */
    ENGINE_HASH_SIZE = 65, /* info hash in hexadecimal: 40 (v1) or 64 (v2) characters */
    ENGINE_NAME_SIZE = 256,
    ENGINE_TEXT_SIZE = 200
};

/* The texts for people when no tracker of a torrent can be reached (S270) and when a disk is full (S277). */
#define ENGINE_TEXT_TRACKER "Tracker unreachable, retrying..."
#define ENGINE_TEXT_DISK_FULL "Disk full"

/* Ways to find peers besides trackers; a mask. */
enum engine_find
{
    ENGINE_FIND_DHT = 1 << 0,
    ENGINE_FIND_LSD = 1 << 1,
    ENGINE_MAP_UPNP = 1 << 2,
    ENGINE_MAP_NATPMP = 1 << 3
};

enum engine_reach
{
    ENGINE_REACH_PUBLIC, /* private, loopback and link-local addresses are never contacted */
    ENGINE_REACH_ANY     /* TORRENT_ALLOW_PRIVATE=true */
};

struct engine_config
{
    const char *listen;    /* "0.0.0.0:6881,[::]:6881"; NULL: those; port 0: any. A single address is also
                              the source address */
    const char *state_dir; /* resume data and locks; made when missing (its parent must exist) */
    const char *boot_id;   /* NULL: the kernel's; given by tests */
    unsigned find;         /* mask of enum engine_find */
    enum engine_reach reach;
    uint32_t down_limit_bytes_s; /* 0: none; reaches every peer, also those on loopback */
    uint32_t up_limit_bytes_s;
    uint32_t max_connections; /* 0: 200 */
    uint64_t reserve_bytes; /* free space that must remain on the disk; 0: a twentieth of it, at most 2 GiB */
    uint32_t progress_ms;   /* 0: 1000; a torrent's ENGINE_PROGRESS come at least this far apart */
    uint32_t resume_ms;     /* 0: 5000 */
};

enum engine_aim
{
    ENGINE_FETCH,
    ENGINE_SEED /* nothing is fetched: a torrent of which something is not on the disk leaves (ENGINE_FAILED)
                 */
};

/* A torrent to add; either `magnet` or `metainfo` (a .torrent's bytes), and the trackers and web seeds of
   `links` beside its own. */
struct engine_source
{
    const char *id;
    const char *magnet;
    const unsigned char *metainfo;
    size_t metainfo_size;
    const char *links;    /* magnet links with '\n' between; NULL: none */
    const char *save_dir; /* its last component must be `id`; made when missing (its parent must exist) */
    uint64_t max_bytes;   /* quota: a larger torrent is refused; 0: none */
    const uint8_t *priorities; /* as in engine_select; NULL: all files.  No other file is begun */
    size_t priorities_count;
    enum engine_aim aim;
};

enum engine_state
{
    ENGINE_PREPARING, /* reading resume data, hashing what a kill left behind */
    ENGINE_METADATA_WAIT,
    ENGINE_CHECKING, /* hashing everything */
    ENGINE_DOWNLOADING,
    ENGINE_SEEDING, /* all that is wanted is here and was reported as ENGINE_FINISHED */
    ENGINE_PAUSED,  /* by engine_pause, or after a fault that is not retried (disk full) */
    ENGINE_STATE_COUNT
};

/* The present fault of a torrent. */
enum engine_fault
{
    ENGINE_FAULT_NONE,
    ENGINE_FAULT_TRACKER,   /* no tracker answers and no peer is there; retried with growing pauses */
    ENGINE_FAULT_DNS,       /* the same, because no tracker's name resolves */
    ENGINE_FAULT_DISK_FULL, /* paused; engine_resume tries again */
    ENGINE_FAULT_IO,        /* paused; the disk reported another error */
    ENGINE_FAULT_LISTEN     /* of the engine, not of a torrent (id is ""): cannot listen */
};

struct engine_stat
{
    enum engine_state state;
    enum engine_fault fault;
    char name[ENGINE_NAME_SIZE]; /* "" until the metadata are known */
    char info_hash[ENGINE_HASH_SIZE];
    uint64_t total_bytes;   /* of all files, without padding; 0 until the metadata are known */
    uint64_t wanted_bytes;  /* of the selected files */
    uint64_t done_bytes;    /* of these, verified */
    uint64_t fetched_bytes; /* payload received by this process */
    uint64_t all_time_up_bytes;
    uint32_t down_bytes_s;
    uint32_t up_bytes_s;
    uint32_t peers; /* connected, seeds included */
    uint32_t seeds;
    uint32_t piece_bytes;
    uint32_t pieces;
    uint32_t seeding_s; /* over all sessions */
    uint32_t idle_s;    /* since payload last arrived, or since the start */
    bool mends;         /* something was missing or changed on the disk, and is being replaced */
};

enum engine_event_kind
{
    ENGINE_METADATA,     /* passed the gate; name, sizes and engine_files are known */
    ENGINE_REFUSED,      /* the gate says no: `code` E_REFUSED or E_DISK_FULL, `text` why; the torrent is gone
                          */
    ENGINE_PROGRESS,     /* something of `stat` changed */
    ENGINE_FINISHED,     /* all that is wanted is verified and on disk; again after engine_select */
    ENGINE_FAULT,        /* `stat.fault` began; `code`, `text` for people, `cause` for the log */
    ENGINE_RECOVERED,    /* the fault is over */
    ENGINE_SEEDED,       /* the seed limits were reached; the torrent is paused */
    ENGINE_RESUME_SAVED, /* resume data are on disk */
    ENGINE_REMOVED,      /* out of the session and unlocked; files deleted if that was asked */
    ENGINE_FAILED        /* could not be added after all: `code`, `text`; the torrent is gone */
};

/* One thing that happened; self-contained. */
struct engine_event
{
    enum engine_event_kind kind;
    char id[ENGINE_ID_SIZE];
    struct engine_stat stat; /* as last known */
    enum err_code code;      /* E_OK unless the kind says otherwise */
    char text[ENGINE_TEXT_SIZE];
    char cause[ENGINE_TEXT_SIZE];
};

struct engine_file
{
    const char *path; /* relative to save_dir, as it is on disk */
    uint64_t size_bytes;
    uint64_t done_bytes;   /* verified pieces only */
    uint64_t offset_bytes; /* of the file within the torrent */
    uint32_t index;
    uint8_t priority; /* 0: not wanted, 1 to 7 */
};

struct engine_file_list
{
    uint32_t count;
    struct engine_file *file; /* padding is left out: `index` may skip */
};

enum engine_files_fate
{
    ENGINE_KEEP_FILES,
    ENGINE_DELETE_FILES
};

/* 0 means no limit. */
struct engine_seed_limits
{
    uint32_t ratio_permille; /* uploaded to wanted bytes: 2000 is twice */
    uint32_t seeding_s;
};

/* A part of a file, by its index and place in that file. */
struct engine_range
{
    uint32_t file_index;
    uint64_t offset_bytes;
    uint64_t size_bytes;
};

struct engine;

/* E_CONFIG for a bad address or folder. */
MUST_USE enum err_code engine_open(const struct engine_config *config, struct engine **engine,
                                   struct err *err);

/* How many bytes torrents that were begun on the same disk, by any process, still have to write: a torrent
 * begins only when it fits beside all of them and the reserve.  For torrents that are in this engine its own
 * numbers count. Replaces the list of the call before. */
struct engine_promise
{
    const char *id;
    uint64_t left_bytes;
};
void engine_set_promised(struct engine *engine, const struct engine_promise *promises, size_t count);

/* Saves all resume data, marks them clean, ends the session and frees `engine` (NULL is fine).  Work that is
 * not done within `deadline_ms` is left to a thread that ends with the process: its torrents count as
 * uncleanly ended. */
void engine_close(struct engine *engine, uint32_t deadline_ms);

/* The torrent starts at once, paused by nothing.  The same id again: nothing changes, and METADATA and
   FINISHED are posted again if they have been.  E_CONFLICT: another process holds its lock, or its info
   hash is here under another id (found later: ENGINE_FAILED).  E_INVALID: not a magnet link or .torrent.
   E_REFUSED, E_DISK_FULL: the gate. */
MUST_USE enum err_code engine_add(struct engine *engine, const struct engine_source *source, struct err *err);

/* Fetch or only seed from now on.  ENGINE_FETCH also looks at the disk again: ENGINE_FINISHED is posted, once
 * more if it was before, when all wanted data are there. */
MUST_USE enum err_code engine_want(struct engine *engine, const char *id, enum engine_aim aim,
                                   struct err *err);

/* Whether all files of a torrent that another process has locked are on the disk as that process found them
 * right. False as well when it has never had all of them. */
MUST_USE enum err_code engine_is_whole(struct engine *engine, const char *id, const char *save_dir,
                                       bool *whole, struct err *err);

/* These four: E_NOT_FOUND for an id that is not here. */
MUST_USE enum err_code engine_pause(struct engine *engine, const char *id, struct err *err);
MUST_USE enum err_code engine_resume(struct engine *engine, const char *id,
                                     struct err *err); /* also ends a fault */
MUST_USE enum err_code
engine_remove(struct engine *engine, const char *id, enum engine_files_fate fate,
              struct err *err); /* ENGINE_REMOVED is the end; until then the id stays */
MUST_USE enum err_code engine_set_seed_limits(struct engine *engine, const char *id,
                                              const struct engine_seed_limits *limits, struct err *err);

/* From now on only its own trackers and web seeds and those of these links (as in engine_source) are asked.
   A text that is no link, or a hostile one, is left out.  E_NOT_FOUND. */
MUST_USE enum err_code engine_link(struct engine *engine, const char *id, const char *links, struct err *err);

/* Deletes save_dir and the resume data of a torrent, whether it is here or not; ends with ENGINE_REMOVED.
   E_CONFLICT: another process holds it. */
MUST_USE enum err_code engine_purge(struct engine *engine, const char *id, const char *save_dir,
                                    struct err *err);

/* priorities[i] is for the file with index i (0: not wanted, 1 to 7); files past `count` get 4.  May be
   called before the metadata are known.  Not kept: the next engine_add passes them again.  E_INVALID for a
   priority over 7 or when nothing would be wanted; E_DISK_FULL: no room for these, and nothing is changed.
 */
MUST_USE enum err_code engine_select(struct engine *engine, const char *id, const uint8_t *priorities,
                                     size_t count, struct err *err);

/* Streaming: fetch this range first, in order, before all else; a new range replaces the torrent's last
   one. A file that was not wanted becomes wanted.  E_INVALID: outside the file; E_UNAVAILABLE: no
   metadata yet. */
MUST_USE enum err_code engine_want_range(struct engine *engine, const char *id,
                                         const struct engine_range *range, struct err *err);

/* How many bytes from the start of the range can be read from the file now; at most 64 pieces are looked
 * at. */
MUST_USE enum err_code engine_range_ready(struct engine *engine, const char *id,
                                          const struct engine_range *range, uint64_t *ready_bytes,
                                          struct err *err);

MUST_USE enum err_code engine_read_stat(struct engine *engine, const char *id, struct engine_stat *stat,
                                        struct err *err);

/* E_UNAVAILABLE while the metadata are not known.  Free with engine_files_free. */
MUST_USE enum err_code engine_files(struct engine *engine, const char *id, struct engine_file_list **files,
                                    struct err *err);
void engine_files_free(struct engine_file_list *files);

/* The part that the hash proves, as a .torrent without trackers; with version 2's hashes of pieces as soon as
 * all are known.  Free with free(). */
MUST_USE enum err_code engine_metainfo(struct engine *engine, const char *id, unsigned char **bytes,
                                       size_t *size, struct err *err);

/* Connects to a peer, "address:port", besides those of trackers. */
MUST_USE enum err_code engine_connect_peer(struct engine *engine, const char *id, const char *peer,
                                           struct err *err);

/* The port it listens on; 0 while it does not. */
uint16_t engine_port(struct engine *engine);

/* Up to `max` events, oldest first, after at most `wait_ms`; returns how many.  This call also drives the
   engine's own clockwork (progress, resume data): call it in a loop, a second apart at most. */
size_t engine_poll(struct engine *engine, struct engine_event *events, size_t max, uint32_t wait_ms);

/* Wakes engine_poll from another thread. */
void engine_wake(struct engine *engine);

const char *engine_state_name(enum engine_state state); /* "downloading" */

ENGINE_C_END

#endif
