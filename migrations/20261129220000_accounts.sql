-- SPDX-License-Identifier: Apache-2.0
-- Sessions tell where they are, accounts can be disabled, forgotten passwords be set anew, and people be invited.

-- Each token of a session says when the session began, and who renewed it last; NULL: a program of the version before.
ALTER TABLE refresh_tokens ADD COLUMN began_at timestamptz, ADD COLUMN user_agent text, ADD COLUMN address text;

ALTER TABLE users ADD COLUMN disabled_at timestamptz; -- nobody gets in with it; NULL: all is well

-- Of an account that is disabled nothing is left to be claimed.
CREATE OR REPLACE FUNCTION revocations_note() RETURNS trigger LANGUAGE plpgsql AS $$
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
        remains := CASE WHEN NEW.disabled_at IS NULL THEN NEW.role END;
    END IF;
    INSERT INTO revocations (subject, role) VALUES (ended, remains)
    ON CONFLICT (subject) DO UPDATE SET role = excluded.role, xid = excluded.xid, expires_at = excluded.expires_at;
    PERFORM pg_notify('sokoul_revoked', '');
    RETURN NULL;
END $$;
CREATE TRIGGER users_are_disabled AFTER UPDATE OF disabled_at ON users
    FOR EACH ROW WHEN ((OLD.disabled_at IS NULL) <> (NEW.disabled_at IS NULL)) EXECUTE FUNCTION revocations_note();

CREATE FUNCTION users_end_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE refresh_tokens SET revoked_at = now() WHERE user_id = NEW.id AND used_at IS NULL AND revoked_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER users_sessions_end AFTER UPDATE OF disabled_at ON users
    FOR EACH ROW WHEN (OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL) EXECUTE FUNCTION users_end_sessions();

-- Who has forgotten a password, by address, whether an account has it or not: so the API need not look.
CREATE TABLE password_asks (
    email text PRIMARY KEY CHECK (email = lower(email)) CHECK (char_length(email) BETWEEN 3 AND 254),
    id    uuid NOT NULL UNIQUE, -- what the mail's job knows of it
    asked timestamptz[] NOT NULL -- of the last hour, five at most
);

-- What was mailed, as a hash. A row goes when it is used, and with all that would make it a way around a password.
CREATE TABLE password_resets (
    token_hash text PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX password_resets_user_id ON password_resets (user_id);

CREATE FUNCTION users_void_resets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM password_resets WHERE user_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER users_resets_end AFTER UPDATE OF email, password_hash, disabled_at ON users
    FOR EACH ROW WHEN (OLD.email <> NEW.email OR OLD.password_hash <> NEW.password_hash OR NEW.disabled_at IS NOT NULL)
    EXECUTE FUNCTION users_void_resets();

-- Wrong passwords of the last minutes: of an account as it was typed, hashed, from a network. A crash may forget them.
CREATE UNLOGGED TABLE login_failures (
    network inet NOT NULL, -- an IPv4 address, or an IPv6 network of 64 bits
    account text NOT NULL,
    at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_failures_network ON login_failures (network, at DESC);

-- A code that lets somebody in. Without a creator: the set-up code of an installation that has nobody yet.
CREATE TABLE invitations (
    id         uuid PRIMARY KEY,
    code_hash  text NOT NULL UNIQUE,
    role       text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
    created_by uuid REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    used_by    uuid REFERENCES users ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED -- used before the account is made
);
CREATE INDEX invitations_created_by ON invitations (created_by);
CREATE INDEX invitations_used_by ON invitations (used_by);
CREATE INDEX invitations_created_at ON invitations (created_at DESC, id DESC);

CREATE FUNCTION invitations_end_setup() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM invitations WHERE created_by IS NULL AND used_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER users_end_setup AFTER INSERT ON users FOR EACH STATEMENT EXECUTE FUNCTION invitations_end_setup();
