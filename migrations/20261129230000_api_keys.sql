-- SPDX-License-Identifier: Apache-2.0
-- Keys with which programs use the API. Of a key its hash is kept; deleting the row ends it.

CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 64),
    scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'admin']),
    key_hash     text NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz, -- to the minute
    expires_at   timestamptz  -- NULL: it is deleted, or stays
);
CREATE INDEX api_keys_user_id ON api_keys (user_id);

-- Who has seen a key a moment ago does not ask again for a while: a key that is deleted is told of like a session.
-- Of one that has ended by itself nobody has to be told, and retention may delete it.
CREATE TRIGGER api_keys_end AFTER DELETE ON api_keys
    FOR EACH ROW WHEN (OLD.expires_at IS NULL OR OLD.expires_at > now()) EXECUTE FUNCTION revocations_note();
