-- SPDX-License-Identifier: Apache-2.0
-- The files of a torrent in parts of 100, so that a page of the list costs a page: torrents.files may be megabytes,
-- which had to be unpacked as a whole for each of them. It stays what is true; a trigger keeps the parts, so that
-- whoever writes it need not know of them.

CREATE TABLE torrent_files (
    torrent_id uuid NOT NULL REFERENCES torrents (id) ON DELETE CASCADE,
    part       integer NOT NULL,  -- its first file is the one at 100 * part
    count      integer NOT NULL,
    files      jsonb NOT NULL,
    PRIMARY KEY (torrent_id, part)
);

CREATE FUNCTION torrent_files_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM torrent_files WHERE torrent_id = NEW.id;
    INSERT INTO torrent_files (torrent_id, part, count, files)
    SELECT NEW.id, (n - 1) / 100, count(*), jsonb_agg(f ORDER BY n)
    FROM jsonb_array_elements(NEW.files) WITH ORDINALITY AS e (f, n) GROUP BY 2;
    RETURN NULL;
END
$$;

CREATE TRIGGER torrent_files_begin AFTER INSERT ON torrents
    FOR EACH ROW WHEN (NEW.files IS NOT NULL) EXECUTE FUNCTION torrent_files_keep();
CREATE TRIGGER torrent_files_follow AFTER UPDATE OF files ON torrents
    FOR EACH ROW WHEN (NEW.files IS DISTINCT FROM OLD.files) EXECUTE FUNCTION torrent_files_keep();

INSERT INTO torrent_files (torrent_id, part, count, files)
SELECT t.id, (n - 1) / 100, count(*), jsonb_agg(f ORDER BY n)
FROM torrents t CROSS JOIN jsonb_array_elements(t.files) WITH ORDINALITY AS e (f, n) GROUP BY 1, 2
ON CONFLICT DO NOTHING;
