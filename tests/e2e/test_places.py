# SPDX-License-Identifier: Apache-2.0
"""Who may run in a hunter when more want to than can: nobody is held up by what only waits."""
import fcntl
import os
import subprocess

import pytest
import swarm_kit as kit
from stack_under_test import SLOW, eventually
from swarm import MIB

ACCOUNTS, EACH = 13, 5  # one more than a hunter has places for


def dead_magnet(n):
    return f"magnet:?xt=urn:btih:{n:040x}"


def flood(api, hunting, media):
    """Downloads that nobody will ever send a byte of."""
    for account in range(ACCOUNTS):
        user = api.register(f"dead{account}")
        for n in range(EACH):
            hunting.download(user, media, magnet=dead_magnet(1 + account * EACH + n))


def intact(download, torrent):
    return kit.sha256(os.path.join(download.folder, torrent.name)) == torrent.sha256


def held_by_somebody(sokoul, torrent_id):
    """The torrent's lock, as another hunter would hold it."""
    state = os.path.join(sokoul.download_dir, ".state")
    os.makedirs(state, exist_ok=True)
    lock = open(os.path.join(state, f"{torrent_id}.lock"), "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def test_dead_and_paused_downloads_hold_up_neither_a_real_one_nor_a_purge(sokoul, api, swarm, hunting):
    ada, bob = api.register("ada"), api.register("bob")
    media = hunting.media()
    small, real, slow = swarm.torrent(MIB, "small.bin"), swarm.torrent(4 * MIB, "real.bin"), swarm.torrent(8 * MIB, "slow.bin")
    for torrent in (small, real):
        swarm.seed(torrent)
    swarm.seed(slow, up_kib_s=512)
    hunting.hunter()
    done = hunting.download(ada, media, magnet=small.magnet()).completed()
    paused = hunting.download(ada, media, magnet=slow.magnet())
    paused.shows("progress > 0.05")
    assert ada.post(f"/downloads/{paused.id}/pause").status == 202
    flood(api, hunting, media)
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE kind = 'download' AND status = 'Running'") >= 64, 30 * SLOW,
               "all places are taken")
    assert ada.delete(f"/downloads/{done.id}?files=true").status == 204
    purged = "SELECT status = 'Completed' FROM jobs WHERE kind = 'purge'"
    eventually(lambda: sokoul.value(purged), 10 * SLOW, "the purge")
    assert not os.path.exists(done.folder)
    wanted = hunting.download(bob, media, magnet=real.magnet()).completed(30 * SLOW)
    assert intact(wanted, real)
    shown = eventually(lambda: (s := ada.get(f"/downloads/{paused.id}").json)["status"] == "Pending" and s, 60 * SLOW,
                       "the paused one gives its place up")
    assert (shown["detail"], shown["reason"]) == ("Paused", None)
    assert ada.post(f"/downloads/{paused.id}/resume").status == 202
    assert paused.completed(60 * SLOW)
    assert sokoul.value("SELECT count(*) FROM job_history h JOIN jobs j USING (job_id) WHERE j.kind = 'download'") == 0
    assert sokoul.value("SELECT max(attempts) FROM jobs") == 1


def test_ones_own_dead_downloads_take_turns_with_a_real_one(sokoul, user, swarm, hunting):
    torrent = swarm.torrent(MIB)
    swarm.seed(torrent)
    hunting.hunter(DOWNLOADS_ACTIVE_PER_HUNTER=1)
    media = hunting.media()
    dead = [hunting.download(user, media, magnet=dead_magnet(n + 1)) for n in range(3)]
    hunting.download(user, media, magnet=torrent.magnet()).completed(60 * SLOW)
    assert sokoul.value("SELECT count(*) FROM jobs WHERE kind = 'download' AND status = 'Running'") <= 1
    assert [d.job("status")[0] in ("Pending", "Running") for d in dead] == [True] * 3


def test_quiet_turns_add_up_until_a_dead_download_is_given_up(sokoul, user, hunting):
    hunting.hunter(DOWNLOADS_ACTIVE_PER_HUNTER=1, TORRENT_GIVE_UP_S=12)
    media = hunting.media()
    dead = [hunting.download(user, media, magnet=dead_magnet(n + 1)) for n in range(2)]
    for download in dead:
        assert download.settled(90 * SLOW) == "Failed"
        assert download.job("reason")[0] == "stalled"
    assert max(sokoul.value("SELECT epoch FROM jobs WHERE job_id = %s", (d.job_id,)) for d in dead) > 1, "none shared its place"


def test_a_torrent_that_another_hunter_holds_is_waited_for_without_a_place_or_a_trace(sokoul, user, swarm, hunting):
    torrent, other = swarm.torrent(MIB, "held.bin"), swarm.torrent(MIB, "free.bin")
    for one in (torrent, other):
        swarm.seed(one)
    media = hunting.media()
    waiting = hunting.download(user, media, magnet=torrent.magnet())
    with held_by_somebody(sokoul, waiting.torrent_id):
        hunting.hunter(DOWNLOADS_ACTIVE_PER_HUNTER=1)
        eventually(lambda: waiting.job("status, epoch > 2") == ("Pending", True), 40 * SLOW, "it waits, and looks again")
        shown = user.get(f"/downloads/{waiting.id}").json
        assert (shown["status"], shown["detail"]) == ("Pending", "Waiting for the torrent to be free")
        hunting.download(user, media, magnet=other.magnet()).completed(30 * SLOW)
    waiting.completed(30 * SLOW)
    assert waiting.job("attempts")[0] == 1
    assert sokoul.value("SELECT count(*) FROM job_history WHERE job_id = %s", (waiting.job_id,)) == 0


SLOW_DISK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
static void wait_for(const char *path)
{
    if (strstr(path, "film.bin") != NULL)
        sleep(4);
}
int unlinkat(int at, const char *path, int flags)
{
    wait_for(path);
    return ((int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat"))(at, path, flags);
}
int unlink(const char *path)
{
    wait_for(path);
    return ((int (*)(const char *))dlsym(RTLD_NEXT, "unlink"))(path);
}
int remove(const char *path)
{
    wait_for(path);
    return ((int (*)(const char *))dlsym(RTLD_NEXT, "remove"))(path);
}
"""


@pytest.mark.skipif(bool(os.environ.get("SAN")), reason="sanitizers do not go together with a library that is loaded first")
def test_no_transaction_is_open_while_files_are_removed(sokoul, user, swarm, hunting, tmp_path):
    """A disk that is slow to remove a file, as a large one is."""
    source, library = tmp_path / "slow.c", tmp_path / "slow.so"
    source.write_text(SLOW_DISK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    torrent = swarm.torrent(MIB)
    swarm.seed(torrent)
    hunting.hunter(env={"LD_PRELOAD": str(library)})
    download = hunting.download(user, magnet=torrent.magnet()).completed()
    assert user.delete(f"/downloads/{download.id}?files=true").status == 204
    seen = []

    def is_purged():
        seen.append(sokoul.value("SELECT coalesce(max(extract(epoch FROM now() - state_change)), 0)::float FROM pg_stat_activity"
                                 " WHERE datname = current_database() AND state = 'idle in transaction'"))
        return sokoul.value("SELECT status = 'Completed' FROM jobs WHERE kind = 'purge'")

    eventually(is_purged, 40 * SLOW, "the purge")
    assert not os.path.exists(download.folder)
    assert max(seen) < 1 * SLOW, f"a transaction was open for {max(seen)} s"
    assert sokoul.value("SELECT extract(epoch FROM finished_at - started_at) FROM jobs WHERE kind = 'purge'") > 3
