-- SPDX-License-Identifier: Apache-2.0
-- Which file is whose picture. The files lie in a folder of the API's.

CREATE TABLE avatars (
    user_id    uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    file       text NOT NULL UNIQUE CHECK (file ~ '^[0-9a-f]{32}$'), -- random, in AVATAR_DIR
    type       text NOT NULL CHECK (type IN ('image/png', 'image/jpeg')),
    sha256     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
