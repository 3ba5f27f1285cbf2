#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the database and its roles when Postgres's volume is new; the image's entrypoint runs it once.
#
# sokoul_migrator owns the tables. What sokoul_api, sokoul_worker and sokoul_reader may do with each of them is granted by
# `sokoulctl migrate up` (common/store/rights.c). The programs see by pg_stat_activity whose worker has died
# (pg_read_all_stats), and end the session of a program that heals and is frozen (pg_signal_backend).
set -eu

# quoted NAME: the password of that secret, as SQL's literal
quoted() {
    printf "'%s'" "$(sed "s/'/''/g" "${SECRETS:-/run/secrets}/$1")"
}

{
    cat <<SQL
\\set ON_ERROR_STOP 1
CREATE ROLE sokoul_migrator LOGIN PASSWORD $(quoted migrator_password) CONNECTION LIMIT 5;
CREATE ROLE sokoul_api LOGIN PASSWORD $(quoted api_password);
CREATE ROLE sokoul_worker LOGIN PASSWORD $(quoted worker_password);
CREATE ROLE sokoul_reader LOGIN PASSWORD $(quoted reader_password) CONNECTION LIMIT 10;
GRANT pg_read_all_stats, pg_signal_backend TO sokoul_api, sokoul_worker;
ALTER ROLE sokoul_reader SET default_transaction_read_only = on;
CREATE DATABASE sokoul OWNER sokoul_migrator ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
REVOKE ALL ON DATABASE sokoul, postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE sokoul TO sokoul_api, sokoul_worker, sokoul_reader;
\\connect sokoul
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO sokoul_migrator;
GRANT USAGE ON SCHEMA public TO sokoul_api, sokoul_worker, sokoul_reader;
SQL
} | psql --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname postgres
