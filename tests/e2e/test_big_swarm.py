# SPDX-License-Identifier: Apache-2.0
"""1 GiB through the real programs, in a swarm of four Transmission seeders, beside aria2c: BIG=1 make test T=big_swarm.

Takes minutes and gigabytes, so only when BIG is set; `bench/swarm` measures the engine alone.
"""
import importlib.machinery
import importlib.util
import os
import pathlib
import time

import pytest
import swarm_kit as kit
from client import Api
from stack_under_test import ROOT, eventually
from swarm import MIB, Sampler

SIZE_MIB = int(os.environ.get("BIG_MIB", "1024"))


def aria2c(folder, torrent):
    loader = importlib.machinery.SourceFileLoader("bench_swarm", os.path.join(ROOT, "bench", "swarm"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_swarm", loader))
    loader.exec_module(module)
    return module.aria2c(pathlib.Path(folder), torrent)


def high_water_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM"))


@pytest.mark.skipif(not os.environ.get("BIG"), reason="only with BIG=1")
def test_a_gibibyte_from_four_seeders(sokoul, swarm, hunting):
    """req: S71, S72, S114-S116"""
    torrent = swarm.torrent(SIZE_MIB * MIB, piece=1 << 20)
    for _ in range(4):
        swarm.transmission(torrent)
    eventually(lambda: swarm.tracker.seeds(torrent) == 4, 30, "four seeders at the tracker")
    user = Api(sokoul.start("sokoul-api").port).register()
    hunter = hunting.hunter()
    media = hunting.media()
    began = time.monotonic()
    download = hunting.download(user, media, magnet=torrent.magnet())
    answered_ms = (time.monotonic() - began) * 1000
    with Sampler(sokoul, download) as sampler:
        download.completed(600)
    seconds = time.monotonic() - began
    path = os.path.join(download.folder, torrent.name)
    assert kit.sha256(path) == torrent.sha256
    peak = high_water_mib(hunter.pid)
    hunter.stop()  # or it would be a fifth seeder, and the fastest
    os.unlink(path)
    _, theirs, _, other = aria2c(swarm.path, torrent)
    assert kit.sha256(other) == torrent.sha256
    print(f"\n202 after {answered_ms:.0f} ms; {SIZE_MIB} MiB in {seconds:.1f} s, aria2c {theirs:.1f} s, "
          f"ratio {theirs / seconds:.2f}; peak {peak:.0f} MiB; longest gap {max(sampler.gaps(), default=0):.1f} s")
    assert answered_ms < 200
    # Transmission lets a newcomer wait for up to 10 s before the first byte; from then on something moves.
    assert max(sampler.gaps()[1:], default=0) <= 5
    assert sokoul.value("SELECT count(*) FROM job_results WHERE job_id = %s", (download.job_id,)) == 1
    assert peak <= 130
    assert theirs / seconds >= 1.5
