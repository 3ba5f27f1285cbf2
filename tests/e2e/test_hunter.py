# SPDX-License-Identifier: Apache-2.0
"""Downloads from the API to the file on disk, in swarms of independent programs."""
import os

import swarm_kit as kit
from stack_under_test import SLOW
from swarm import MIB, Sampler


def result_of(sokoul, download):
    rows = sokoul.sql("SELECT result FROM job_results WHERE job_id = %s", (download.job_id,))
    assert len(rows) == 1, "a completed job has exactly one result"
    return rows[0][0]


def test_a_magnet_link_becomes_a_file_and_one_result(sokoul, user, swarm, hunting):
    """req: S114, S115, S116"""
    torrent = swarm.torrent(24 * MIB)
    swarm.transmission(torrent)
    swarm.seed(torrent)
    hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=2048)
    download = hunting.download(user, magnet=torrent.magnet())
    with Sampler(sokoul, download) as sampler:
        download.completed(40)
    assert kit.sha256(os.path.join(download.folder, "film.bin")) == torrent.sha256
    assert max(sampler.gaps(), default=99) <= 5 * SLOW and len(sampler.seen) >= 3, sampler.seen
    result = result_of(sokoul, download)
    assert result["files"] == [{"index": 0, "path": "film.bin", "size": torrent.size}]
    assert result["bytes"] == torrent.size and result["torrent_id"] == download.torrent_id
    shown = user.get(f"/downloads/{download.id}").json
    assert (shown["status"], shown["progress"], shown["downloaded_bytes"]) == ("Completed", 1, torrent.size)
    assert (shown["detail"], shown["name"], shown["eta_s"]) == (None, "film.bin", 0)
    files = user.get(f"/downloads/{download.id}/files").json["items"]
    assert [(f["path"], f["size"]) for f in files] == [("film.bin", torrent.size)]
    row = sokoul.sql("SELECT status, name, size, metainfo IS NOT NULL FROM torrents WHERE id = %s",
                     (download.torrent_id,))
    assert row == [("Completed", "film.bin", torrent.size, True)]
    assert download.job("attempts, fence") == (1, 1)
