-- SPDX-License-Identifier: Apache-2.0
-- The audit trail as a chain: each entry is sealed once, in one order, with a hash over the entry and the seal before it.
-- Whoever changes, removes or adds an entry behind the programs' back, past every right and trigger, breaks the chain
-- at that place, and `sokoulctl audit verify` names it.

CREATE TABLE log_seals (
    seq      bigint PRIMARY KEY,      -- from 1, without gaps
    log_id   uuid NOT NULL,
    at       timestamptz NOT NULL,
    action   text NOT NULL,           -- tells, when retention has removed the entry, that it might
    row_hash bytea NOT NULL,          -- of the entry
    hash     bytea NOT NULL           -- of the seal before and all of this one
);
CREATE UNIQUE INDEX log_seals_log_id ON log_seals (log_id);

-- One row: where the chain begins and ends, and how far it was copied to the stream LOGS.
CREATE TABLE log_chain (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    first_seq    bigint NOT NULL DEFAULT 1,
    first_before bytea NOT NULL DEFAULT '', -- the hash before the first seal that is kept
    last_seq     bigint NOT NULL DEFAULT 0,
    last_hash    bytea NOT NULL DEFAULT '',
    newest       timestamptz NOT NULL DEFAULT '-infinity', -- the time of the youngest entry that is sealed
    copied_seq   bigint NOT NULL DEFAULT 0
);
INSERT INTO log_chain DEFAULT VALUES;

-- The parts are quoted as JSON, so that no two entries are written alike.
CREATE FUNCTION log_hash(entry logs) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(jsonb_build_array(entry.id, (extract(epoch FROM entry.at) * 1000000)::bigint, entry.user_id, entry.ip,
        entry.action, entry.subject, entry.request_id, entry.detail)::text, 'UTF8'))
$$;
CREATE FUNCTION log_seal_hash(before bytea, seal log_seals) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(before || convert_to(jsonb_build_array(seal.seq, seal.log_id, (extract(epoch FROM seal.at) * 1000000)::bigint,
        seal.action, encode(seal.row_hash, 'hex'))::text, 'UTF8'))
$$;

-- Seals up to `most` entries, in the order of their time; answers how many. One at a time: a second caller does nothing.
-- An entry is sealed when it is written, give or take the time that its transaction took: one that appears later with an older
-- time, or with one in the future, never is. The programs' roles call this and may not write seals themselves.
CREATE FUNCTION logs_seal(most bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    chain log_chain;
    entry logs;
    seal log_seals;
    n bigint := 0;
BEGIN
    SELECT * INTO chain FROM log_chain FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    FOR entry IN SELECT l.* FROM logs l
        WHERE l.at > chain.newest - interval '2 minutes' AND l.at <= clock_timestamp() + interval '2 minutes'
          AND NOT EXISTS (SELECT 1 FROM log_seals s WHERE s.log_id = l.id)
        ORDER BY l.at, l.id LIMIT most
    LOOP
        chain.last_seq := chain.last_seq + 1;
        seal := (chain.last_seq, entry.id, entry.at, entry.action, log_hash(entry), ''::bytea);
        chain.last_hash := log_seal_hash(chain.last_hash, seal);
        chain.newest := greatest(chain.newest, entry.at);
        INSERT INTO log_seals VALUES (seal.seq, seal.log_id, seal.at, seal.action, seal.row_hash, chain.last_hash)
            ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN -- its id is there twice: that is for the verification to tell
            chain.last_seq := chain.last_seq - 1;
            SELECT hash INTO chain.last_hash FROM log_seals WHERE seq = chain.last_seq;
            CONTINUE;
        END IF;
        n := n + 1;
    END LOOP;
    UPDATE log_chain SET last_seq = chain.last_seq, last_hash = chain.last_hash, newest = chain.newest WHERE n > 0;
    RETURN n;
END $$;

-- What is sealed and was not copied yet, for the stream LOGS: any program may copy, and none may read what was copied.
CREATE FUNCTION logs_uncopied(most bigint) RETURNS TABLE (seq bigint, log_id uuid, topic text, body json) LANGUAGE sql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.seq, s.log_id, 'sokoul.logs.' || regexp_replace(s.action, '[^A-Za-z0-9_-]', '_', 'g'),
        json_build_object('seq', s.seq, 'hash', encode(s.hash, 'hex'), 'id', l.id, 'at', rfc3339(l.at), 'user_id', l.user_id,
            'ip', l.ip, 'action', l.action, 'subject', l.subject, 'request_id', l.request_id, 'detail', l.detail)
    FROM log_seals s JOIN logs l ON l.id = s.log_id AND l.at = s.at
    WHERE s.seq > (SELECT copied_seq FROM log_chain) ORDER BY s.seq LIMIT most
$$;
CREATE FUNCTION logs_copied(seq bigint) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE log_chain SET copied_seq = seq WHERE copied_seq < seq
$$;

-- Whether retention may remove such an entry.
CREATE FUNCTION log_is_old(at timestamptz, action text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT at < now() - interval '365 days' OR (action = 'login_failed' AND at < now() - interval '31 days')
$$;

-- Removes entries that are old, and the seals of those of more than 400 days, from the beginning of the chain.
CREATE FUNCTION logs_retire(most bigint) RETURNS SETOF uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    cut log_seals;
BEGIN
    RETURN QUERY DELETE FROM logs WHERE (id, at) IN
        (SELECT l.id, l.at FROM logs l WHERE log_is_old(l.at, l.action) LIMIT most) RETURNING id;
    SELECT * INTO cut FROM log_seals s WHERE s.seq < coalesce(
        (SELECT min(k.seq) FROM log_seals k WHERE k.at >= now() - interval '400 days'), 0)
        ORDER BY s.seq DESC LIMIT 1;
    IF FOUND THEN
        DELETE FROM log_seals WHERE seq <= cut.seq;
        UPDATE log_chain SET first_seq = cut.seq + 1, first_before = cut.hash;
    END IF;
END $$;

-- Settings that a program has read anew. Programs that may write no other entry write this one.
CREATE FUNCTION log_config_change(id uuid, service text, names text) RETURNS void LANGUAGE sql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO logs (id, at, action, subject, detail)
    VALUES (id, clock_timestamp(), 'config_changed', service, jsonb_build_object('settings', names))
$$;

-- Nobody empties the trail, the table itself or its part; seals are final, too. Those that retention removes are old.
CREATE FUNCTION log_seals_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < now() - interval '390 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit entries cannot be changed';
END $$;
CREATE FUNCTION logs_refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries cannot be changed';
END $$;
CREATE TRIGGER log_seals_are_final BEFORE UPDATE OR DELETE ON log_seals
    FOR EACH ROW EXECUTE FUNCTION log_seals_refuse_change();
CREATE TRIGGER log_seals_stay BEFORE TRUNCATE ON log_seals EXECUTE FUNCTION logs_refuse_truncate();
CREATE TRIGGER log_chain_stays BEFORE TRUNCATE OR DELETE ON log_chain EXECUTE FUNCTION logs_refuse_truncate();
CREATE TRIGGER logs_stay BEFORE TRUNCATE ON logs EXECUTE FUNCTION logs_refuse_truncate();
CREATE TRIGGER logs_rest_stays BEFORE TRUNCATE ON logs_rest EXECUTE FUNCTION logs_refuse_truncate();
