# SPDX-License-Identifier: Apache-2.0
"""Rows that tests put straight into the database, tables that they lock, and messages that they read."""
import base64
import json
import uuid

import psycopg2


def media(sokoul, tmdb_id=1, title="Film", media_type="movie"):
    return sokoul.value("INSERT INTO media (id, tmdb_id, media_type, title, genres, year) VALUES (%s, %s, %s, %s, "
                        "'{Drama}', 2010) RETURNING id::text", (str(uuid.uuid4()), tmdb_id, media_type, title))


def release(sokoul, media_id, title="Film.2010.1080p", score=80, **columns):
    row = {"id": str(uuid.uuid4()), "media_id": media_id, "title": title, "score": score,
           "reasons": json.dumps([{"points": score, "text": "1080p"}]), "dedupe_key": str(uuid.uuid4()), **columns}
    names = ", ".join(row)
    return sokoul.value(f"INSERT INTO releases ({names}) VALUES ({', '.join(['%s'] * len(row))}) RETURNING id::text",
                        tuple(row.values()))


def finish(sokoul, job_id, status="Completed", reason=None):
    """As if a worker had done it."""
    sokoul.sql("UPDATE jobs SET status = %s, reason = %s, finished_at = now() WHERE job_id = %s",
               (status, reason, job_id))


def magnet(number=1, name="Film"):
    return f"magnet:?xt=urn:btih:{number:040x}&dn={name}"


class Locked:
    """Nobody else can read the table: until the block is over, or until release()."""

    def __init__(self, sokoul, table):
        self.connection = psycopg2.connect(sokoul.database_url)
        with self.connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")

    def release(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()


def decoded(text):
    return base64.b64decode(text)


def headers_of(message):
    """Of a message as STREAM.MSG.GET gives it."""
    lines = decoded(message["hdrs"]).decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines if ": " in line)
