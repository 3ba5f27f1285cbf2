/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql.h -- pieces of SQL that the statements of this folder share, as string literals.
 *
 * Shapes that leave the product as JSON are built by Postgres, in one place each; the writer of
 * answers escapes them once more for HTML (json_put_raw).  Aliases are fixed: u is users, m is media.
 */
#ifndef SOKOUL_COMMON_STORE_SQL_H
#define SOKOUL_COMMON_STORE_SQL_H

/* RFC 3339 in UTC with milliseconds. */
#define SQL_TIME(of) "to_char(" of " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

/* A timestamptz as whole microseconds and back, exactly: the sort key of cursors (page.h). */
#define SQL_MICROS(of) "(extract(epoch FROM " of ") * 1000000)::bigint"
#define SQL_FROM_MICROS(of) "('epoch'::timestamptz + " of "::bigint * interval '1 microsecond')"

#define SQL_USER                                                                                             \
    "json_build_object('id', u.id, 'username', u.username, 'email', u.email, 'role', u.role, "               \
    "'created_at', " SQL_TIME("u.created_at") ", 'updated_at', " SQL_TIME("u.updated_at") ")"

/* Members of a media object, without braces. */
#define SQL_MEDIA                                                                                            \
    "'id', m.id, 'tmdb_id', m.tmdb_id, 'media_type', m.media_type, 'title', m.title, "                       \
    "'original_title', m.original_title, 'overview', m.overview, 'year', m.year, "                           \
    "'release_date', m.release_date, 'genres', m.genres, 'poster_url', m.poster_url, "                       \
    "'backdrop_url', m.backdrop_url, 'vote', m.vote"

#endif
