-- SPDX-License-Identifier: Apache-2.0
-- Which access tokens have ended before their time: the API's processes read what is new here and refuse them.
-- Triggers write it, so that it holds whoever ends a session, takes a role or deletes an account, and by what means.

CREATE TABLE revocations (
    subject    uuid PRIMARY KEY, -- a session (refresh_tokens.family) or a user; no foreign key, it outlives both
    role       text,             -- the most that tokens of the subject may still claim; NULL: nothing, they have ended
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(), -- what was committed after a snapshot is at least its xmin
    expires_at timestamptz NOT NULL DEFAULT now() + interval '2 days' -- no access token lives for longer than one
);
CREATE INDEX revocations_xid ON revocations (xid);

CREATE FUNCTION revocations_note() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ended uuid;
    remains text;
BEGIN
    IF TG_TABLE_NAME = 'refresh_tokens' THEN
        ended := NEW.family;
    ELSIF TG_OP = 'DELETE' THEN
        ended := OLD.id;
    ELSE
        ended := NEW.id;
        remains := NEW.role;
    END IF;
    INSERT INTO revocations (subject, role) VALUES (ended, remains)
    ON CONFLICT (subject) DO UPDATE SET role = excluded.role, xid = excluded.xid, expires_at = excluded.expires_at;
    PERFORM pg_notify('sokoul_revoked', '');
    RETURN NULL;
END $$;

CREATE TRIGGER sessions_end AFTER UPDATE OF revoked_at ON refresh_tokens
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION revocations_note();
CREATE TRIGGER users_lose_role AFTER UPDATE OF role ON users
    FOR EACH ROW WHEN (OLD.role <> NEW.role) EXECUTE FUNCTION revocations_note();
CREATE TRIGGER users_leave AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION revocations_note();
