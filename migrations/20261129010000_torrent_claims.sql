-- SPDX-License-Identifier: Apache-2.0
-- A torrent's row is shared, so it holds what its metainfo prove and nothing else. Until these are known it has one
-- hash, the one that somebody asked for.
ALTER TABLE torrents ADD COLUMN same_as uuid REFERENCES torrents ON DELETE CASCADE;
ALTER TABLE torrents DROP CONSTRAINT torrents_check;
ALTER TABLE torrents ADD CONSTRAINT torrents_hash_check
    CHECK (info_hash_v1 IS NOT NULL OR info_hash_v2 IS NOT NULL OR same_as IS NOT NULL);
CREATE INDEX torrents_same_as ON torrents (same_as) WHERE same_as IS NOT NULL;
COMMENT ON COLUMN torrents.same_as IS
    'Two rows, made for the two hashes of one torrent, turned out to be one: that one. Such a row has no hash.';
COMMENT ON COLUMN torrents.magnet IS 'Read and written by nobody any more: see torrent_claims.';

-- What a user says of a torrent: a name, and trackers and web seeds that may hold the user's own key.
CREATE TABLE torrent_claims (
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    torrent_id uuid NOT NULL REFERENCES torrents ON DELETE CASCADE,
    name       text,
    link       text,  -- a magnet link: only its trackers and web seeds count
    claimed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, torrent_id)
);
CREATE INDEX torrent_claims_torrent_id ON torrent_claims (torrent_id);

-- A link whose only user is known stays that user's.
INSERT INTO torrent_claims (user_id, torrent_id, name, link)
SELECT min(d.user_id::text)::uuid, t.id, t.name, t.magnet FROM torrents t JOIN downloads d ON d.torrent_id = t.id
WHERE t.magnet IS NOT NULL GROUP BY t.id HAVING count(DISTINCT d.user_id) = 1;

-- Nobody has proven that the two hashes of a row belong together: its metainfo do so again when they come.
UPDATE torrents SET info_hash_v2 = NULL WHERE info_hash_v1 IS NOT NULL AND info_hash_v2 IS NOT NULL;
UPDATE torrents SET magnet = NULL, name = CASE WHEN metainfo IS NOT NULL THEN name END,
    size = CASE WHEN metainfo IS NOT NULL THEN size END
WHERE magnet IS NOT NULL OR metainfo IS NULL;
