# SPDX-License-Identifier: Apache-2.0
"""The disk belongs to everybody on the machine: downloads leave their reserve free and keep to their quotas."""
import os
import subprocess

import pytest
import swarm_kit as kit
from stack_under_test import SLOW, eventually
from swarm import MIB, held

RESERVE_MB = 16


@pytest.fixture
def disk(sokoul):
    """DOWNLOAD_DIR with 64 MiB."""
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root for its mount")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", sokoul.download_dir], check=True)
    yield sokoul.download_dir
    subprocess.run(["umount", "-l", sokoul.download_dir], check=True)


def free_of(disk):
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def intact(download, torrent):
    return kit.sha256(os.path.join(download.folder, torrent.name)) == torrent.sha256


@pytest.mark.parametrize("hunters", [1, 2])
def test_several_large_torrents_at_once_leave_the_reserve(sokoul, user, swarm, hunting, disk, hunters):
    """Each fits alone, two fit together, by the bytes that those before it have not fetched yet."""
    torrents = [swarm.torrent(20 * MIB, f"film{n}.bin") for n in range(4)]
    for torrent in torrents:
        swarm.seed(torrent)
    for n in range(hunters):
        hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=4096 // hunters, DISK_RESERVE_MB=RESERVE_MB, NODE_NAME=f"node{n}")
    media = hunting.media()
    begun = [hunting.download(user, media, magnet=t.magnet()) for t in torrents[:2]]
    for download in begun:
        download.shows("progress > 0.01", 30 * SLOW)
    more = [hunting.download(user, media, magnet=t.magnet()) for t in torrents[2:]]
    least = []

    def all_settled():
        least.append(free_of(disk))
        return sokoul.value("SELECT count(*) = 4 FROM downloads WHERE status IN ('Completed', 'Failed')")

    eventually(all_settled, 120 * SLOW, "all four are over")
    for download, torrent in zip(begun, torrents):
        assert download.job("status")[0] == "Completed" and intact(download, torrent)
    for download in more:
        assert download.job("status, reason, detail") == ("Failed", "disk_full", "Disk full")
        assert not os.path.exists(download.folder)
    assert min(least) >= RESERVE_MB * MIB, f"only {min(least)} bytes were free"


def test_all_at_once_on_one_hunter_leave_the_reserve(sokoul, user, swarm, hunting, disk):
    torrents = [swarm.torrent(40 * MIB, f"film{n}.bin") for n in range(4)]
    for torrent in torrents:
        swarm.seed(torrent, up_kib_s=4096)
    media = hunting.media()
    downloads = [hunting.download(user, media, magnet=t.magnet()) for t in torrents]
    hunting.hunter(DISK_RESERVE_MB=RESERVE_MB)
    least = []

    def all_settled():
        least.append(free_of(disk))
        return sokoul.value("SELECT count(*) = 4 FROM downloads WHERE status IN ('Completed', 'Failed')")

    eventually(all_settled, 120 * SLOW, "all four are over")
    assert sorted(d.job("status, reason") for d in downloads) == [("Completed", None)] + [("Failed", "disk_full")] * 3
    assert min(least) >= RESERVE_MB * MIB, f"only {min(least)} bytes were free"


def test_a_disk_that_others_fill_up_to_the_reserve_ends_the_download(sokoul, user, swarm, hunting, disk):
    torrent = swarm.torrent(32 * MIB)
    swarm.seed(torrent)
    hunter = hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=512, DISK_RESERVE_MB=RESERVE_MB)
    download = hunting.download(user, magnet=torrent.magnet())
    download.shows("progress > 0.02", 20 * SLOW)
    with open(os.path.join(disk, "hog"), "wb") as hog:
        hog.write(b"x" * (free_of(disk) - RESERVE_MB * MIB + MIB // 2))
    assert download.settled(20 * SLOW) == "Failed"
    assert download.job("reason, detail") == ("disk_full", "Disk full")
    assert not os.path.exists(download.folder) and not held(hunter, download)


def test_more_files_of_a_torrent_are_begun_only_if_they_fit(sokoul, user, swarm, hunting, disk):
    torrent = swarm.folder({"a.bin": 30 * MIB, "b.bin": 30 * MIB})
    swarm.seed(torrent)
    hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=4096, DISK_RESERVE_MB=RESERVE_MB)
    media = hunting.media()
    some = hunting.download(user, media, magnet=torrent.magnet(), files=[0])
    some.shows("progress > 0.05", 20 * SLOW)
    rest = hunting.download(user, media, magnet=torrent.magnet())
    assert rest.settled(20 * SLOW) == "Failed"
    assert rest.job("reason, detail") == ("disk_full", "Disk full")
    some.completed(60 * SLOW)
    assert kit.sha256(os.path.join(some.folder, torrent.name, "a.bin")) == torrent.digests["a.bin"]
    assert free_of(disk) >= RESERVE_MB * MIB


def test_a_quota_of_ones_own_refuses_in_plain_words_and_others_go_on(sokoul, api, swarm, hunting):
    ada, bob = api.register("ada"), api.register("bob")
    torrents = [swarm.torrent(3 * MIB, f"film{n}.bin") for n in range(3)]
    for torrent in torrents:
        swarm.seed(torrent)
    hunting.hunter(DOWNLOADS_MAX_MB_PER_USER=5, DOWNLOADS_MAX_MB=8)
    media = hunting.media()
    first = hunting.download(ada, media, magnet=torrents[0].magnet()).completed()
    second = hunting.download(ada, media, magnet=torrents[1].magnet())
    assert second.settled() == "Failed"
    assert second.job("reason, detail") == ("refused", "With it your downloads would take 6 MB; 5 MB are allowed")
    assert not os.path.exists(second.folder)
    hunting.download(bob, media, magnet=torrents[1].magnet()).completed()
    assert ada.delete(f"/downloads/{first.id}?files=true").status == 204
    hunting.download(ada, media, magnet=torrents[2].magnet()).completed()
    third = hunting.download(api.register("eve"), media, magnet=torrents[0].magnet())
    assert third.settled() == "Failed" and third.job("detail")[0].startswith("With it all downloads would take 9")
