-- SPDX-License-Identifier: Apache-2.0
-- Periodic jobs. Whoever has the sweeper's turn fires what is due; the row lock makes one firing of many nodes.

CREATE TABLE schedules (
    name        text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    kind        text NOT NULL,
    worker      text,                     -- NULL: the kind's own
    priority    text NOT NULL DEFAULT 'normal' CHECK (priority IN ('high', 'normal', 'low')),
    payload     jsonb NOT NULL DEFAULT '{}',
    cron        text,                     -- five fields, UTC; or
    every_s     integer CHECK (every_s >= 1),
    missed      text NOT NULL DEFAULT 'once' CHECK (missed IN ('once', 'skip')),
    next_at     timestamptz NOT NULL,
    last_at     timestamptz,              -- when it was meant to run last
    last_job_id uuid,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK ((cron IS NULL) <> (every_s IS NULL))
);
CREATE INDEX schedules_next_at ON schedules (next_at);
