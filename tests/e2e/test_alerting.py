# SPDX-License-Identifier: Apache-2.0
"""The nine alerts, each called for by its real cause in a running stack, and over when the cause is.

`make test-observe` runs this: it takes minutes, and prometheus-alertmanager, which `make test` does not install.
"""
import glob
import json
import os
import shutil
import subprocess
import threading

import pytest
import rows
from client import Api
from job_kit import inject
from observing import DEPLOY, Observers
from stack_under_test import eventually
from swarm import MIB

pytestmark = [
    pytest.mark.skipif(os.environ.get("OBSERVE") != "1", reason="three minutes of alerts: make test-observe"),
    pytest.mark.skipif(not shutil.which("prometheus-alertmanager"), reason="prometheus-alertmanager is not installed"),
    pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk")]

# While the file is there, the process holds 600 MB more, each page touched.
BALLAST = r"""
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static void *hold(void *file)
{
    for (char *held = NULL;; usleep(100000))
    {
        int wanted = access(file, F_OK) == 0;
        if (wanted && held == NULL)
            memset(held = mmap(NULL, 600000000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, 600000000);
        else if (!wanted && held != NULL)
        {
            munmap(held, 600000000);
            held = NULL;
        }
    }
    return NULL;
}
__attribute__((constructor)) static void begin(void)
{
    pthread_t thread;
    if (getenv("BALLAST") != NULL)
        pthread_create(&thread, NULL, hold, getenv("BALLAST"));
}
"""


@pytest.fixture
def ballast(tmp_path):
    (tmp_path / "ballast.c").write_text(BALLAST)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", f"{tmp_path}/ballast.so", f"{tmp_path}/ballast.c", "-lpthread"], check=True)
    return {"LD_PRELOAD": f"{tmp_path}/ballast.so", "BALLAST": f"{tmp_path}/wanted"}


@pytest.fixture
def small_disk(sokoul):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", sokoul.download_dir], check=True)
    yield sokoul.download_dir
    subprocess.run(["umount", "-l", sokoul.download_dir], check=False)


class Scene:
    def __init__(self, sokoul, ballast, small_disk, folder, hunting):
        self.sokoul, self.ballast, self.disk = sokoul, ballast, small_disk
        self.api = sokoul.start("sokoul-api", {"DB_POOL_SIZE": "3", "DB_WAIT_S": "4"}, ballast)
        self.scout = sokoul.start("sokoul-scout")
        self.hunter = hunting.hunter()
        self.user = Api(self.api.port, wait_s=60).register()
        folder.mkdir()
        self.observers = Observers(folder, {"sokoul-api:3000": f"127.0.0.1:{self.api.port}",
                                            "sokoul-scout:9101": f"127.0.0.1:{self.scout.port}",
                                            "sokoul-hunter:9102": f"127.0.0.1:{self.hunter.port}"})


@pytest.fixture
def scene(sokoul, ballast, small_disk, tmp_path, hunting):
    made = Scene(sokoul, ballast, small_disk, tmp_path / "observers", hunting)
    yield made
    made.observers.stop()


def wait_for_targets(scene):
    eventually(lambda: set(scene.observers.up().values()) == {"up"} and len(scene.observers.up()) == 4, 30,
               "four targets that are up")


def restart_scout(scene):
    scene.scout = scene.sokoul.start("sokoul-scout", listen=scene.scout.port)


def ask_for_what_is_locked(scene):
    """Executors and the threads of passwords share the pool: together they want more connections than there are."""
    login = ("/auth/login", {"username": scene.user.user["username"], "password": "correct horse battery"})
    with rows.Locked(scene.sokoul, "favorites"), rows.Locked(scene.sokoul, "users"):
        askers = [threading.Thread(target=scene.user.get, args=("/media/favorites",)) for _ in range(12)]
        askers += [threading.Thread(target=scene.user.post, args=login) for _ in range(8)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()


def test_each_of_the_nine_alerts_calls_and_ends_with_its_cause(scene, tmdb):
    """req: S326, S327, S328, S329, S330, S331, S332, S333, S389, S391, S392"""
    sokoul, observers = scene.sokoul, scene.observers
    wait_for_targets(scene)
    eventually(lambda: observers.value_of("sokoul:api_requests:rate5m"), 30, "a rate")

    # A job that takes half a minute goes on beside the first causes.
    slow = inject(sokoul, "noop", {"sleep_ms": 31000})[0]
    open(scene.ballast["BALLAST"], "w", encoding="ascii").close()
    with open(f"{scene.disk}/filler", "wb") as f:
        f.write(b"x" * (61 * MIB))
    ask_for_what_is_locked(scene)
    for name in ("SokoulDiskFull", "SokoulMemoryHigh", "SokoulDatabasePoolExhausted", "SokoulApiSlow", "SokoulApiErrors"):
        observers.calls(name)
    os.unlink(scene.ballast["BALLAST"])
    os.unlink(f"{scene.disk}/filler")
    assert sokoul.job_settled(slow, 60) == "Completed"
    observers.calls("SokoulJobsSlow")
    for name in ("SokoulDiskFull", "SokoulMemoryHigh", "SokoulDatabasePoolExhausted", "SokoulApiSlow", "SokoulApiErrors"):
        observers.resolves(name)

    inject(sokoul, "noop", {"fail": "permanent"}, 20)
    observers.calls("SokoulJobFailures")
    scene.scout.stop()
    inject(sokoul, "noop", {}, 1200)
    observers.calls("SokoulDown")
    observers.calls("SokoulBacklog")
    restart_scout(scene)
    for name in ("SokoulDown", "SokoulBacklog", "SokoulJobFailures", "SokoulJobsSlow"):
        observers.resolves(name)
    for path, name, status, notes in observers.hook.calls:
        assert notes["summary"] and notes["runbook_url"] == f"docs/RUNBOOK.md#{name.lower()}", (name, status)
        assert path == ("/page" if name in PAGED else "/day"), (path, name)


PAGED = {"SokoulDown", "SokoulApiErrors", "SokoulJobFailures", "SokoulDatabasePoolExhausted", "SokoulDiskFull"}


def test_every_expression_of_the_dashboards_has_data(scene, swarm, tmdb):
    """req: S390"""
    wait_for_targets(scene)
    torrent = swarm.torrent(MIB)
    swarm.seed(torrent)
    scene.user.get("/search?query=Sintel")
    started = scene.user.post("/downloads/start", {"media_id": rows.media(scene.sokoul, 7), "magnet": torrent.magnet()})
    inject(scene.sokoul, "noop", {}, 5)
    assert scene.sokoul.job_settled(started.json["job_id"]) == "Completed"
    expressions = []
    for path in glob.glob(f"{DEPLOY}/grafana/dashboards/*.json"):
        with open(path, encoding="utf-8") as f:
            expressions += [(os.path.basename(path), panel["title"], target["expr"])
                            for panel in json.load(f)["panels"] for target in panel["targets"]]
    assert len(expressions) > 40
    empty = []

    def all_have_data():
        scene.user.get("/search?query=Sintel")
        inject(scene.sokoul, "noop", {})
        empty[:] = [row for row in expressions if not any(
            s["value"][1] != "NaN" for s in scene.observers.value_of(row[2]))]
        return not empty

    try:
        eventually(all_have_data, 60, "data of every expression")
    except AssertionError:
        raise AssertionError(f"no data: {empty}") from None
    found = scene.observers.ask("query_exemplars", query="sokoul_api_request_duration_seconds_bucket",
                                start=0, end=4102444800)
    assert found and found[0]["exemplars"][0]["labels"]["request_id"]
