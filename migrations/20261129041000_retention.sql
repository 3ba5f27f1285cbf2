-- SPDX-License-Identifier: Apache-2.0
-- What a request can make grow has an end.

-- Who has had which torrent looked at, so that what nobody downloads can be kept within bounds, by user.
CREATE TABLE inspections (
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    torrent_id uuid NOT NULL REFERENCES torrents ON DELETE CASCADE,
    bytes      bigint NOT NULL CHECK (bytes >= 0), -- what is stored of it, and of a row at least
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, torrent_id)
);
CREATE INDEX inspections_torrent_id ON inspections (torrent_id);

-- Audit entries stay final while they are young: a failed login a month, all others at least three.
CREATE OR REPLACE FUNCTION logs_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND (OLD.at < now() - interval '90 days'
        OR (OLD.action = 'login_failed' AND OLD.at < now() - interval '30 days')) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit entries cannot be changed';
END $$;
