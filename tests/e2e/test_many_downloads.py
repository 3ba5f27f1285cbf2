# SPDX-License-Identifier: Apache-2.0
"""A thousand downloads at once: the queue drains, and nobody is told twice."""
from concurrent.futures import ThreadPoolExecutor

from client import Api
from stack_under_test import SLOW, eventually

COUNT = 1000 // SLOW


def test_a_thousand_downloads_drain_without_a_storm_of_redeliveries(sokoul, swarm, hunting):
    """req: S210"""
    user = Api(sokoul.start("sokoul-api", {"DOWNLOADS_ACTIVE_PER_USER": str(COUNT)}).port, wait_s=60).register()
    torrent = swarm.torrent(64 << 10)
    swarm.seed(torrent)
    media = hunting.media()
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: hunting.download(user, media, magnet=torrent.magnet()).job_id, range(COUNT)))
    hunting.hunter(NODE_NAME="one")
    left = "SELECT count(*) FROM jobs WHERE kind = 'download' AND status IN ('Pending', 'Running')"
    eventually(lambda: sokoul.value(left) == 0, 180, "an end of all of them")
    assert sokoul.sql("SELECT status, max(attempts), count(*) FROM jobs WHERE job_id = ANY(%s::uuid[]) GROUP BY 1", (ids,)) == \
        [("Completed", 1, COUNT)]
    with sokoul.nats.connect() as nats:
        def consumer():
            return nats.js("CONSUMER.INFO.JOBS.hunter")
        eventually(lambda: consumer()["num_pending"] + consumer()["num_ack_pending"] == 0, 30, "a consumer with nothing left")
        again, delivered = consumer()["num_redelivered"], consumer()["delivered"]["consumer_seq"]
    # A job that waits for a place is called once more when it has one: two messages, and few more than that.
    assert again == 0 and delivered <= 2.2 * COUNT, (again, delivered)
