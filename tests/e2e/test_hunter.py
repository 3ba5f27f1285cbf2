# SPDX-License-Identifier: Apache-2.0
"""Downloads from the API to the file on disk, in swarms of independent programs."""
import fcntl
import json
import os

import pytest
import swarm_kit as kit
from client import Api
from stack_under_test import SLOW, eventually
from swarm import MIB, Sampler, held


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
    assert max(sampler.gaps(), default=99) <= 5 * SLOW, sampler.seen
    assert len({done for _, done, _ in sampler.seen}) >= 3, sampler.seen
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
    assert download.job("attempts, epoch") == (1, 1)


def test_a_complete_download_is_told_of_once(sokoul, user, swarm, hunting, smtp):
    sokoul.start("sokoul-scout", {"SMTP_URL": smtp.url})
    torrent = swarm.torrent(2 * MIB)
    swarm.seed(torrent)
    hunting.hunter()
    download = hunting.download(user, magnet=torrent.magnet())
    download.completed(30)
    notices = sokoul.sql("SELECT job_id::text, user_id::text FROM jobs WHERE kind = 'notify' AND parent_id = %s",
                         (download.job_id,))
    assert len(notices) == 1 and notices[0][1] == user.user["id"]
    sokoul.job_settled(notices[0][0])
    [mail] = smtp.mails
    assert mail.recipients == [user.user["email"]] and mail.message["Subject"] == "Download complete: film.bin"
    assert download.id in mail.message.get_content()


def test_two_people_share_one_torrent_and_one_folder(sokoul, api, swarm, hunting):
    ada, bob = api.register("ada"), api.register("bob")
    torrent = swarm.torrent(6 * MIB)
    swarm.seed(torrent)
    hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=2048)
    media = hunting.media()
    downloads = [hunting.download(who, media, magnet=torrent.magnet()) for who in (ada, bob)]
    for download in downloads:
        download.completed(30)
    first, second = downloads
    assert first.torrent_id == second.torrent_id
    folders = [name for name in os.listdir(sokoul.download_dir) if not name.startswith(".")]
    assert folders == [first.torrent_id]
    assert kit.sha256(os.path.join(first.folder, "film.bin")) == torrent.sha256
    third = hunting.download(bob, media, magnet=torrent.magnet())
    third.completed(10)  # it is all here already
    assert ada.delete(f"/downloads/{first.id}?files=true").status == 204
    assert bob.delete(f"/downloads/{third.id}?files=true").status == 204
    purged = "SELECT count(*) FROM jobs WHERE kind = 'purge' AND status IN ('Completed', 'Failed')"
    eventually(lambda: sokoul.value("SELECT count(*) = 0 FROM jobs WHERE status IN ('Pending', 'Running') "
                                    "AND worker = 'hunter'"))  # no scout runs that would send the notices
    assert os.path.exists(os.path.join(first.folder, "film.bin")), "bob still wants it"
    before = sokoul.value(purged)
    assert bob.delete(f"/downloads/{second.id}?files=true").status == 204
    eventually(lambda: sokoul.value(purged) == before + 1, 20, "the purge")
    assert sokoul.value("SELECT status FROM jobs WHERE kind = 'purge' ORDER BY job_id DESC LIMIT 1") == "Completed"
    assert not os.path.exists(first.folder)


def test_cancel_stops_within_a_second_and_frees_the_torrent(sokoul, user, swarm, hunting):
    torrent = swarm.torrent(32 * MIB)
    swarm.seed(torrent)
    hunter = hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=2048)
    download = hunting.download(user, magnet=torrent.magnet())
    download.shows("progress > 0.05")
    assert user.post(f"/jobs/{download.job_id}/cancel").status == 202
    eventually(lambda: not held(hunter, download), 3, "the torrent is let go")
    assert download.job("status, reason") == ("Failed", "cancelled")
    assert (download.status, download.reason) == ("Failed", "cancelled")
    done = download.downloaded_bytes
    assert user.delete(f"/downloads/{download.id}?files=true").status == 204
    eventually(lambda: not os.path.exists(download.folder), 15, "the files are gone")
    assert download.downloaded_bytes == done < torrent.size


def test_pause_stops_the_flow_and_resume_goes_on(sokoul, user, swarm, hunting):
    torrent = swarm.torrent(24 * MIB)
    swarm.seed(torrent)
    hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=2048)
    download = hunting.download(user, magnet=torrent.magnet())
    download.shows("progress > 0.05")
    assert user.post(f"/downloads/{download.id}/pause").status == 202
    download.shows("detail = 'Paused' AND down_rate = 0", 5)

    def nothing_flows():  # what had come when it was paused is still written
        before, at = download.downloaded_bytes, download.progress_at
        download.shows(f"progress_at > '{at}'::timestamptz + interval '3 s'")
        return download.downloaded_bytes == before

    eventually(nothing_flows, 30, "the flow stops")
    held_at = download.downloaded_bytes
    assert held_at < torrent.size and download.status == "Running"
    assert user.post(f"/downloads/{download.id}/resume").status == 202
    download.shows(f"detail = 'Downloading' AND downloaded_bytes > {held_at}", 8)
    download.completed(20)
    assert kit.sha256(os.path.join(download.folder, "film.bin")) == torrent.sha256


def test_only_the_files_that_are_wanted_are_fetched_and_more_may_be_wanted_later(sokoul, user, swarm, hunting):
    torrent = swarm.folder({"a.bin": 3 * MIB, "b.bin": 2 * MIB})
    swarm.seed(torrent)
    hunting.hunter()
    media = hunting.media()
    some = hunting.download(user, media, magnet=torrent.magnet(), files=[1]).completed()
    assert result_of(sokoul, some)["bytes"] == 2 * MIB
    assert kit.sha256(os.path.join(some.folder, torrent.name, "b.bin")) == torrent.digests["b.bin"]
    rest = hunting.download(user, media, magnet=torrent.magnet()).completed()
    assert rest.folder == some.folder and result_of(sokoul, rest)["bytes"] == 5 * MIB
    assert kit.sha256(os.path.join(some.folder, torrent.name, "a.bin")) == torrent.digests["a.bin"]


def test_a_release_with_only_an_address_is_followed(sokoul, user, swarm, hunting, prowlarr):
    """Once to a magnet link behind a 301, once to a .torrent."""
    torrents = [swarm.torrent(MIB, f"film{i}.bin") for i in range(2)]
    for torrent in torrents:
        swarm.seed(torrent)
    hunting.hunter()
    media = hunting.media()
    for torrent, leads_to in zip(torrents, (torrents[0].magnet(), torrents[1].file.read_bytes())):
        guid = prowlarr.add("Film 2010", leads_to=leads_to)
        url = f"{prowlarr.url}/1/download?apikey=***&link={guid}"
        release = hunting.release(media, "Film 2010", 50, download_url=url)
        download = hunting.download(user, media, release_id=release).completed()
        assert kit.sha256(os.path.join(download.folder, torrent.name)) == torrent.sha256
    assert prowlarr.key not in "".join(p.log_text() for p in sokoul.programs)


def test_a_job_that_nobody_made_a_download_for_makes_one(sokoul, user, swarm, hunting):
    """req: S114"""
    torrent = swarm.torrent(MIB)
    swarm.seed(torrent)
    hunting.hunter()
    payload = json.dumps({"media_id": hunting.media(), "magnet": torrent.magnet()})
    done = sokoul.ctl("job", "inject", "--kind", "download", "--payload", payload, "--json")
    job_id = json.loads(done.stdout)["ids"][0]
    assert sokoul.job_settled(job_id) == "Completed"
    assert sokoul.sql("SELECT status, progress FROM downloads WHERE id = %s", (job_id,)) == [("Completed", 1.0)]


def test_what_is_complete_is_seeded_again_after_a_restart(sokoul, user, swarm, hunting):
    """req: S118"""
    torrent = swarm.torrent(4 * MIB)
    seeder = swarm.seed(torrent)
    hunter = hunting.hunter(NODE_NAME="one")
    download = hunting.download(user, magnet=torrent.magnet()).completed()
    assert hunter.stop() == 0
    seeder.close()
    again = hunting.hunter(NODE_NAME="one")
    eventually(lambda: held(again, download), 10, "it is in the engine again")
    leecher = kit.Node(swarm.path / "leecher")
    swarm.made.append(leecher)
    leecher.add("t1", torrent)
    leecher.wait("FINISHED", 30 * SLOW, id="t1")
    assert user.delete(f"/downloads/{download.id}").status == 204
    eventually(lambda: not held(again, download), 10, "nobody wants it any more")
    assert os.path.exists(os.path.join(download.folder, "film.bin")), "files were not to be deleted"


def test_seeding_ends_at_its_cap(sokoul, user, swarm, hunting):
    """req: S118"""
    torrent = swarm.torrent(4 * MIB)
    swarm.seed(torrent).wait("FINISHED", 10)
    hunter = hunting.hunter(SEED_RATIO="0.2")
    download = hunting.download(user, magnet=torrent.magnet()).completed()
    assert held(hunter, download), "before the cap it seeds"
    for one in swarm.made:
        getattr(one, "close", None) and one.close()
    leecher = kit.Node(swarm.path / "leecher")
    swarm.made.append(leecher)
    leecher.add("t1", torrent)
    leecher.wait("METADATA", 30 * SLOW, id="t1")
    eventually(lambda: not held(hunter, download), 20, "the ratio is reached")
    assert hunter.log(event="torrent_seeded")


def test_free_space_is_a_gauge(sokoul, hunting):
    hunter = hunting.hunter()

    def free():
        lines = Api(hunter.port).get("/metrics").text.splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith("sokoul_disk_free_bytes ")), None)

    disk = os.statvfs(sokoul.download_dir)
    assert abs(eventually(free, 5, "the gauge") - disk.f_bavail * disk.f_frsize) < 2 << 30


def test_what_another_hunter_has_completed_needs_no_second_one(sokoul, user, swarm, hunting):
    torrent = swarm.folder({"a.bin": MIB, "b.bin": MIB})
    swarm.seed(torrent)
    first = hunting.hunter(NODE_NAME="one")
    media = hunting.media()
    download = hunting.download(user, media, magnet=torrent.magnet()).completed()
    assert first.stop() == 0
    with open(os.path.join(sokoul.download_dir, ".state", f"{download.torrent_id}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as if that hunter were still there
        hunting.hunter(NODE_NAME="two")
        second = hunting.download(user, media, magnet=torrent.magnet()).completed()
    assert (second.node, second.progress, second.downloaded_bytes) == ("one", 1, 2 * MIB)
    ours, theirs = result_of(sokoul, second), result_of(sokoul, download)
    assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


@pytest.mark.skipif(not os.path.exists(FAKETIME), reason="libfaketime is not installed")
@pytest.mark.skipif(bool(os.environ.get("SAN")), reason="libfaketime and sanitizers do not go together")
def test_seeding_ends_after_a_day(sokoul, user, swarm, hunting, tmp_path):
    """req: S118"""
    now = tmp_path / "now"

    def set_clock(offset):
        """At once: a program that reads an empty file ends."""
        (tmp_path / "then").write_text(offset)
        os.rename(tmp_path / "then", now)

    set_clock("+0")
    torrent = swarm.torrent(2 * MIB)
    swarm.seed(torrent)
    clock = {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(now), "FAKETIME_NO_CACHE": "1"}
    hunter = hunting.hunter(env=clock, SEED_HOURS="24", SEED_RATIO="0")
    download = hunting.download(user, magnet=torrent.magnet()).completed()
    set_clock("+23h")
    leecher = kit.Node(swarm.path / "leecher")
    swarm.made.append(leecher)
    leecher.add("t1", torrent)
    leecher.wait("FINISHED", 30, id="t1")
    assert held(hunter, download), "a day is not over yet"
    set_clock("+25h")
    eventually(lambda: not held(hunter, download), 20, "a day is over")
    (said,) = hunter.log(event="torrent_seeded")
    assert said["message"].startswith(f"torrent {download.torrent_id}")
