/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql.h -- pieces of SQL that the statements of this folder share, as string literals.
 *
 * Shapes that leave the product as JSON are built by Postgres, in one place each; the writer of
 * answers escapes them once more for HTML (json_put_raw).  Aliases are fixed: u is users, m is media.
 * The schema has three functions for them: rfc3339(timestamptz), and for the keys of cursors (page.h)
 * micros(timestamptz) and back, at_micros(bigint), exact to the microsecond.
 */
#ifndef SOKOUL_COMMON_STORE_SQL_H
#define SOKOUL_COMMON_STORE_SQL_H

/* A condition that always holds; its transaction does not wait for the disk.  A crash of Postgres may take it
 * back, unless a transaction that waits for the disk was committed after it: for claims and for
 * tidying up, which may be done again. */
#define SQL_LAZILY "set_config('synchronous_commit', 'off', true) IS NOT NULL"

/* How many wake-ups and messages wait to go out. */
#define SQL_OUTGOING "(SELECT coalesce(sum(coalesce(cardinality(job_ids), 1)), 0)::bigint FROM outgoing)"

/* Members of an account, without braces. */
#define SQL_USER_MEMBERS                                                                                     \
    "'id', u.id, 'username', u.username, 'email', u.email, 'role', u.role, "                                 \
    "'created_at', rfc3339(u.created_at), 'updated_at', rfc3339(u.updated_at)"
#define SQL_USER "json_build_object(" SQL_USER_MEMBERS ")"

/* Members of a media object, without braces. */
#define SQL_MEDIA                                                                                            \
    "'id', m.id, 'tmdb_id', m.tmdb_id, 'media_type', m.media_type, 'title', m.title, "                       \
    "'original_title', m.original_title, 'overview', m.overview, 'year', m.year, "                           \
    "'release_date', m.release_date, 'genres', m.genres, 'poster_url', m.poster_url, "                       \
    "'backdrop_url', m.backdrop_url, 'vote', m.vote"

#endif
