-- SPDX-License-Identifier: Apache-2.0
-- The first schema. Migrations only expand; what is replaced goes a release later.
-- Ids are UUIDv7 made by the programs; times are timestamptz; every status is a CHECK.

-- ---- how times are told ---------------------------------------------------------------------

CREATE FUNCTION rfc3339(at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;
-- Whole microseconds since 1970 and back, exactly: keys of cursors.
CREATE FUNCTION micros(at timestamptz) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT (extract(epoch FROM at) * 1000000)::bigint $$;
CREATE FUNCTION at_micros(key bigint) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT 'epoch'::timestamptz + key * interval '1 microsecond' $$;

-- ---- people ---------------------------------------------------------------------------------

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    username      text NOT NULL CHECK (char_length(username) BETWEEN 3 AND 32),
    email         text NOT NULL CHECK (char_length(email) BETWEEN 3 AND 254),
    password_hash text NOT NULL,
    role          text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'moderator', 'admin', 'system')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_username_key ON users (lower(username));
CREATE UNIQUE INDEX users_email_key ON users (lower(email));

-- Jobs of no person belong to this one. Nobody can log in as it: '!' is no hash.
INSERT INTO users (id, username, email, password_hash, role)
VALUES ('00000000-0000-0000-0000-000000000000', 'system', 'system@localhost', '!', 'system');

-- A login. Each refresh makes a new token of the same family and marks the old one used.
CREATE TABLE refresh_tokens (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    family     uuid NOT NULL,
    token_hash text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    revoked_at timestamptz
);
CREATE INDEX refresh_tokens_user_id ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);

-- ---- titles ---------------------------------------------------------------------------------

CREATE TABLE media (
    id             uuid PRIMARY KEY,
    tmdb_id        bigint NOT NULL CHECK (tmdb_id >= 0),
    media_type     text NOT NULL CHECK (media_type IN ('movie', 'tv')),
    title          text NOT NULL CHECK (title <> ''),
    original_title text,
    overview       text,
    year           integer CHECK (year BETWEEN 1870 AND 2200),
    release_date   date,
    genres         text[] NOT NULL DEFAULT '{}',
    poster_url     text,
    backdrop_url   text,
    vote           double precision,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tmdb_id, media_type)
);

CREATE TABLE releases (
    id           uuid PRIMARY KEY,
    media_id     uuid NOT NULL REFERENCES media ON DELETE CASCADE,
    dedupe_key   text NOT NULL, -- the info hash, or the indexer's guid where there is none yet
    title        text NOT NULL CHECK (title <> ''),
    indexer      text NOT NULL DEFAULT '',
    size         bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    seeders      integer NOT NULL DEFAULT 0 CHECK (seeders >= 0),
    magnet       text,
    download_url text,
    info_hash    text,
    season       integer,
    episode      integer,
    quality      jsonb NOT NULL DEFAULT '{}',
    score        integer NOT NULL CHECK (score BETWEEN 0 AND 100),
    reasons      jsonb NOT NULL,
    published_at timestamptz,
    found_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (media_id, dedupe_key)
);
CREATE INDEX releases_best ON releases (media_id, score DESC, seeders DESC);

CREATE TABLE favorites (
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    media_id   uuid NOT NULL REFERENCES media ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, media_id)
);
CREATE INDEX favorites_user_id ON favorites (user_id, created_at DESC);
CREATE INDEX favorites_media_id ON favorites (media_id);

CREATE TABLE watch_history (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    media_id   uuid NOT NULL REFERENCES media ON DELETE CASCADE,
    position_s integer NOT NULL CHECK (position_s >= 0),
    duration_s integer CHECK (duration_s >= 0),
    watched_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX watch_history_user_id ON watch_history (user_id, watched_at DESC, id DESC);
CREATE INDEX watch_history_media_id ON watch_history (media_id);

-- ---- jobs -----------------------------------------------------------------------------------

-- The row is the truth; a message only wakes. It also tells its own latest life (created, started,
-- finished); job_history keeps what an update would make it forget. Job ids rise with time, so the
-- primary key orders by age. Indexes are few on purpose: every move writes a new version of the row.
CREATE TABLE jobs (
    job_id      uuid PRIMARY KEY,
    kind        text NOT NULL,
    worker      text NOT NULL,
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    request_id  text NOT NULL DEFAULT '',
    priority    text NOT NULL DEFAULT 'normal' CHECK (priority IN ('high', 'normal', 'low')),
    payload     jsonb NOT NULL DEFAULT '{}',
    status      text NOT NULL DEFAULT 'Pending' CHECK (status IN ('Pending', 'Running', 'Completed', 'Failed')),
    reason      text,
    detail      text,
    attempts    integer NOT NULL DEFAULT 0 CHECK (attempts >= 0), -- claims neither handed back nor forgiven
    fence       bigint NOT NULL DEFAULT 0,   -- number of the latest claim; never goes down
    epoch       integer NOT NULL DEFAULT 0,  -- number of the latest wake-up; never goes down
    wake        bigint NOT NULL DEFAULT 0,   -- outbox.id of the latest wake-up
    alone       boolean NOT NULL DEFAULT false, -- claimed by itself since a crash in company
    worker_id   uuid,                        -- the process of the latest claim
    lease_until timestamptz,
    run_at      timestamptz NOT NULL DEFAULT now(),
    deadline_at timestamptz,
    unique_key  text,
    parent_id   uuid,
    progress    jsonb,                       -- what the handler told last
    checkpoint  jsonb,                       -- what the next attempt receives
    created_at  timestamptz NOT NULL DEFAULT now(),
    started_at  timestamptz,
    finished_at timestamptz,
    CHECK ((status = 'Failed') = (reason IS NOT NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX jobs_user_id ON jobs (user_id, job_id);
CREATE INDEX jobs_pending ON jobs (wake, run_at) WHERE status = 'Pending';
CREATE INDEX jobs_running ON jobs (worker_id, lease_until) WHERE status = 'Running';
CREATE INDEX jobs_parent ON jobs (parent_id) WHERE parent_id IS NOT NULL;
CREATE UNIQUE INDEX jobs_unique_key ON jobs (kind, unique_key)
    WHERE unique_key IS NOT NULL AND status IN ('Pending', 'Running');

CREATE TABLE job_results (
    job_id     uuid PRIMARY KEY, -- no foreign key: it is only ever written under the guard of its job
    result     jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One row per ended stay of a job in a state that the job's row no longer tells: a failed attempt,
-- a hand-back, a take-back, a replay. No foreign keys: it outlives what it tells of.
CREATE TABLE job_history (
    job_id     uuid NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    status     text NOT NULL,           -- the state that began at `at`
    attempt    integer NOT NULL,
    reason     text,
    detail     text,
    worker_id  uuid,
    started_at timestamptz              -- when the attempt that ended here had begun
) PARTITION BY RANGE (at);
CREATE TABLE job_history_rest PARTITION OF job_history DEFAULT;
CREATE INDEX job_history_job_id ON job_history (job_id, at);

-- What JetStream still has to be told.
CREATE TABLE outbox (
    id      bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    job_id  uuid,                       -- NULL: a message that is not a wake-up
    epoch   integer NOT NULL DEFAULT 0,
    subject text NOT NULL,
    headers jsonb NOT NULL DEFAULT '{}',
    body    text,                       -- NULL: the envelope, made from the job's row when it is published
    run_at  timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX outbox_run_at ON outbox (run_at, id);

-- Where the outbox rows went: one row per batch that JetStream confirmed. A wake-up w of a job lies in
-- a batch with min_wake <= w <= max_wake, so its message stands at max_seq or before.
CREATE TABLE relay_batches (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream   text NOT NULL,             -- incarnation of the stream: when it was created, and its rollbacks
    min_wake bigint NOT NULL,
    max_wake bigint NOT NULL,
    max_seq  bigint NOT NULL,
    at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX relay_batches_wake ON relay_batches (max_wake);

-- A stream that was made anew, or set back to an older copy, counts as another one from then on.
CREATE TABLE stream_state (
    name      text PRIMARY KEY,
    created   text NOT NULL,            -- what JetStream says
    rollbacks integer NOT NULL DEFAULT 0
);

CREATE TABLE dead_letters (
    id         uuid PRIMARY KEY,
    job_id     uuid REFERENCES jobs ON DELETE CASCADE, -- NULL: bytes that never became a job
    kind       text,
    subject    text,
    reason     text NOT NULL CHECK (reason IN ('exhausted', 'poison', 'expired')),
    detail     text NOT NULL,
    raw        bytea,                   -- the first 64 KiB
    raw_size   bigint,
    errors     jsonb NOT NULL DEFAULT '[]', -- what ended each attempt
    created_at timestamptz NOT NULL DEFAULT now(),
    closed_at  timestamptz,
    closed_by  uuid
);
CREATE UNIQUE INDEX dead_letters_open ON dead_letters (job_id) WHERE closed_at IS NULL AND job_id IS NOT NULL;
CREATE INDEX dead_letters_created ON dead_letters (created_at DESC);

-- Processes that may hold jobs. One whose connection has closed is dead, its jobs are taken back.
CREATE TABLE workers (
    id            uuid PRIMARY KEY,
    worker        text NOT NULL,
    node          text NOT NULL,
    server_start  timestamptz NOT NULL, -- which life of which server the connection belongs to
    backend_pid   integer NOT NULL,
    backend_start timestamptz NOT NULL,
    missing_since timestamptz,          -- when its connection was first not found
    started_at    timestamptz NOT NULL DEFAULT now()
);

-- The answer to an Idempotency-Key, per user and route.
CREATE TABLE idempotency_keys (
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    route      text NOT NULL,
    key        text NOT NULL,
    body_hash  text NOT NULL,
    answer     jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, route, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- ---- torrents and downloads -----------------------------------------------------------------

CREATE TABLE torrents (
    id           uuid PRIMARY KEY,
    info_hash_v1 text CHECK (info_hash_v1 ~ '^[0-9a-f]{40}$'),
    info_hash_v2 text CHECK (info_hash_v2 ~ '^[0-9a-f]{64}$'),
    info_hash    text GENERATED ALWAYS AS (coalesce(info_hash_v1, info_hash_v2)) STORED UNIQUE,
    name         text,
    size         bigint CHECK (size >= 0),
    magnet       text,
    metainfo     bytea,
    files        jsonb,
    status       text NOT NULL DEFAULT 'Pending' CHECK (status IN ('Pending', 'Running', 'Completed', 'Failed')),
    peers        integer NOT NULL DEFAULT 0 CHECK (peers >= 0),
    node         text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (info_hash_v1 IS NOT NULL OR info_hash_v2 IS NOT NULL)
);
CREATE UNIQUE INDEX torrents_info_hash_v2_key ON torrents (info_hash_v2);

CREATE TABLE downloads (
    id               uuid PRIMARY KEY,
    user_id          uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    media_id         uuid NOT NULL REFERENCES media,
    job_id           uuid REFERENCES jobs ON DELETE SET NULL,
    torrent_id       uuid REFERENCES torrents,
    release_id       uuid REFERENCES releases ON DELETE SET NULL,
    season           integer,
    episode          integer,
    files            integer[],  -- which files are wanted; NULL: all
    node             text,
    status           text NOT NULL DEFAULT 'Pending' CHECK (status IN ('Pending', 'Running', 'Completed', 'Failed')),
    reason           text,
    detail           text,
    wanted           text NOT NULL DEFAULT 'run' CHECK (wanted IN ('run', 'pause', 'cancel', 'delete')),
    tries            jsonb NOT NULL DEFAULT '[]',
    progress         double precision NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    downloaded_bytes bigint NOT NULL DEFAULT 0,
    total_bytes      bigint,
    down_rate        bigint NOT NULL DEFAULT 0,
    peers            integer NOT NULL DEFAULT 0,
    eta_s            bigint,
    progress_at      timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    started_at       timestamptz,
    finished_at      timestamptz
) WITH (fillfactor = 70);
CREATE INDEX downloads_user_id ON downloads (user_id, created_at DESC, id DESC);
CREATE INDEX downloads_media_id ON downloads (media_id);
CREATE INDEX downloads_status ON downloads (status);
CREATE INDEX downloads_torrent_id ON downloads (torrent_id);
CREATE INDEX downloads_job_id ON downloads (job_id);

-- A download's state is its job's, whoever moves that: worker, sweeper, cancel or replay. While the job
-- runs, the detail is the hunter's to tell; heartbeats move nothing here.
CREATE FUNCTION downloads_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE downloads SET status = NEW.status, reason = NEW.reason,
        detail = CASE WHEN NEW.status = 'Running' THEN NULL ELSE NEW.detail END,
        started_at = coalesce(started_at, NEW.started_at), finished_at = NEW.finished_at,
        down_rate = CASE WHEN NEW.status = 'Running' THEN down_rate ELSE 0 END
    WHERE job_id = NEW.job_id;
    RETURN NULL;
END $$;
CREATE TRIGGER downloads_follow_job AFTER UPDATE ON jobs
    FOR EACH ROW WHEN (NEW.kind = 'download' AND (OLD.status, OLD.reason, OLD.detail, OLD.finished_at)
        IS DISTINCT FROM (NEW.status, NEW.reason, NEW.detail, NEW.finished_at))
    EXECUTE FUNCTION downloads_follow();

-- ---- audit ----------------------------------------------------------------------------------

-- No foreign keys: it outlives what it tells of. Entries cannot be changed after writing.
CREATE TABLE logs (
    id         uuid NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    user_id    uuid,
    ip         text,
    action     text NOT NULL,
    subject    text,
    request_id text,
    detail     jsonb NOT NULL DEFAULT '{}'
) PARTITION BY RANGE (at);
CREATE TABLE logs_rest PARTITION OF logs DEFAULT;
CREATE INDEX logs_at ON logs (at DESC);
CREATE INDEX logs_user_id ON logs (user_id, at DESC);

CREATE FUNCTION logs_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries cannot be changed';
END $$;
CREATE TRIGGER logs_are_final BEFORE UPDATE OR DELETE ON logs
    FOR EACH ROW EXECUTE FUNCTION logs_refuse_change();
