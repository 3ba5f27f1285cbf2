-- SPDX-License-Identifier: Apache-2.0
-- A second factor: codes that change, and codes on paper that work once.

CREATE TABLE totp (
    user_id      uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    secret       text NOT NULL,             -- as it is: only the API's role may read it
    created_at   timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz,               -- NULL: begun, and nobody is asked for a code
    last_step    bigint NOT NULL DEFAULT 0, -- of the latest code that was taken; an earlier one is not taken any more
    wrong_at     timestamptz[] NOT NULL DEFAULT '{}' -- when codes were tried in vain, latest first, five at most
);

CREATE TABLE recovery_codes (
    user_id   uuid NOT NULL REFERENCES totp ON DELETE CASCADE,
    code_hash text NOT NULL,
    PRIMARY KEY (user_id, code_hash)        -- one that is used goes
);
