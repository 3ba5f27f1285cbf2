# SPDX-License-Identifier: Apache-2.0
"""A hunter is killed in the middle of a download, and another one goes on: on a shared disk, and each with its own."""
import os
import shutil

import swarm_kit as kit
from stack_under_test import eventually
from swarm import MIB
from test_hunter_faults import uploaded


def begun(swarm, hunting, user, **settings):
    """A download that the first hunter has half of; the hunter, its torrent and the seeder."""
    torrent = swarm.torrent(48 * MIB)
    seeder = swarm.seed(torrent, up_kib_s=6144)
    hunter = hunting.hunter(NODE_NAME="one", **settings)
    download = hunting.download(user, magnet=torrent.magnet())
    download.half(60)
    assert download.node == "one"
    return hunter, download, torrent, seeder


def test_on_a_shared_disk_the_other_goes_on_with_what_is_there(user, swarm, hunting):
    first, download, torrent, seeder = begun(swarm, hunting, user)
    hunting.hunter(NODE_NAME="two")
    first.kill()
    download.completed(60)
    assert download.node == "two" and kit.sha256(os.path.join(download.folder, torrent.name)) == torrent.sha256
    eventually(lambda: uploaded(seeder) >= torrent.size, 5, "the seeder's count")
    again = uploaded(seeder) - torrent.size
    assert again < torrent.size // 4, f"{again} bytes of {torrent.size} were fetched again"


def test_with_a_disk_of_its_own_the_other_begins_from_the_start(user, swarm, hunting, tmp_path):
    first, download, torrent, seeder = begun(swarm, hunting, user, DOWNLOAD_DIR=tmp_path / "disk-one")
    hunting.hunter(NODE_NAME="two", DOWNLOAD_DIR=tmp_path / "disk-two")
    first.kill()
    shutil.rmtree(tmp_path / "disk-one")
    download.completed(90)
    path = tmp_path / "disk-two" / str(download.torrent_id) / torrent.name
    assert download.node == "two" and kit.sha256(path) == torrent.sha256
    assert (download.progress, download.downloaded_bytes) == (1, torrent.size)
    eventually(lambda: uploaded(seeder) >= torrent.size * 5 // 4, 5, "what was fetched twice")
