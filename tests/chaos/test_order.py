# SPDX-License-Identifier: Apache-2.0
"""Messages in another order than the server's. N8"""
from shuffling_proxy import ShufflingProxy
from stack_under_test import eventually
from world import is_long, seed

JOBS = 2000 if is_long() else 200
WINDOW = 20


def test_jobs_that_come_in_another_order_are_done_once(world):
    """N8: deliveries are held by twenties and shuffled, across retries and new jobs."""
    with ShufflingProxy(("127.0.0.1", world.nats.port), seed(), WINDOW) as proxy:
        world.settings["NATS_URL"] = world.nats.url().replace(f":{world.nats.port}", f":{proxy.port}")
        world.both()
        for _ in range(JOBS // 20):
            world.post({"sleep_ms": 1}, count=17)
            world.post({"fail": 1}, count=3)
        eventually(lambda: world.value("SELECT count(*) FROM jobs WHERE status = 'Completed'") >= JOBS // 2, 60,
                   "half of the jobs")
        proxy.window = 0
        proxy.let_go()
        world.done(world.ledger.ids, 60)
        world.holds()
        print(f"N8: {proxy.moved} deliveries of {JOBS} jobs came at another place")
        assert proxy.moved >= JOBS // 4
        assert world.value("SELECT max(attempts) FROM jobs") == 2 and world.swept() == 0
        world.stop_all()
