# SPDX-License-Identifier: Apache-2.0
"""Trackers that answer whatever bytes they like."""
import os
import sys

import pytest
import swarm_kit as kit
from stack_under_test import SLOW
from swarm import MIB, Sampler

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "tools"))

from stack.serve import Serve, send  # noqa: E402

HEAD = "Tracker refuses: "  # what the hunter puts before a tracker's words
ALL_BYTES = [bytes(range(first + 63, first - 1, -1)) for first in range(0, 256, 64)]
CUT = [("x" * shift + letter * 300).encode() for letter in "é€😀" for shift in range(len(letter.encode()))]


class Refusing:
    """A tracker that answers http://…/N/announce with the N-th reason."""

    def __init__(self, reasons):
        self.reasons = reasons
        self.server = Serve(self.answer)
        self.server.start()

    def answer(self, request):
        n = int(request.route.split("/")[1])
        body = kit.bencode({"failure reason": self.reasons[n]})
        send(request, 200, {}, body)

    def url(self, n):
        return f"{self.server.url}/{n}/announce"

    def stop(self):
        self.server.stop()


@pytest.fixture
def refusing():
    tracker = Refusing(ALL_BYTES + CUT)
    yield tracker
    tracker.stop()


def test_progress_goes_on_with_any_bytes_in_a_trackers_answer(sokoul, api, swarm, hunting, refusing):
    """part: S136"""
    torrent = swarm.torrent(24 * MIB)
    swarm.seed(torrent)
    hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=1024)
    media = hunting.media()
    people = [api.register(f"ada{n}") for n in range(4)]
    refused = [hunting.download(people[n // 4], media, magnet=f"magnet:?xt=urn:btih:{n + 1:040x}&tr={refusing.url(n)}")
               for n in range(len(refusing.reasons))]
    for download in refused:
        download.shows(f"starts_with(detail, '{HEAD}')", 30)
    good = hunting.download(people[0], media, magnet=torrent.magnet())
    with Sampler(sokoul, good) as sampler:
        good.completed(60)
    assert max(sampler.gaps(), default=99) <= 5 * SLOW, sampler.seen
    assert len({done for _, done, _ in sampler.seen}) >= 3, sampler.seen
    for reason, download in zip(refusing.reasons, refused):
        shown = people[refused.index(download) // 4].get(f"/downloads/{download.id}").json["detail"]
        assert shown.isprintable() and len(shown.encode()) < 200, (reason, shown)
    for n, download in enumerate(refused):
        assert people[n // 4].delete(f"/downloads/{download.id}").status == 204
