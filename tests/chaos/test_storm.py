# SPDX-License-Identifier: Apache-2.0
"""A storm of kills: every program and every server dies by -9, in an order drawn from the seed."""
import json
import math
import random
import time

import pytest
from stack_under_test import SLOW, eventually
from world import Load, is_long, minutes, seed

VICTIMS = ("sokoul-scout", "sokoul-scout", "sokoul-api", "nats", "postgres", "redis")
JOBS, KILLS = (20000, 240) if is_long() else (600, 10)
CROWD_EVERY = 5  # kills


class Storm:
    def __init__(self, world):
        self.world = world
        self.random = random.Random(seed())
        self.kills = {v: 0 for v in VICTIMS}
        self.orphans = []  # (time of the kill, worker) of scouts that held something

    def strike(self):
        victim = self.random.choice(VICTIMS)
        self.kills[victim] += 1
        if victim.startswith("sokoul"):
            self.program(victim)
        else:
            server = getattr(self.world, victim)
            server.kill()
            self.world.restart_server(server)

    def program(self, name):
        mine = [p for p in self.world.programs if p.name == name and p.running()]
        program = self.random.choice(mine)
        program.kill()
        self.world.up(name, ready=False)

    def count(self):
        return sum(self.kills.values())


def payload(number):
    return [{}, {"sleep_ms": 5}, {"sleep_ms": 40}, {"echo": "x" * 200}, {"fail": 1}][number % 5]


def crowd(world, count):
    """Many at once; what an attempt that failed left behind must end as well."""
    done = world.inject(count, '{"sleep_ms":20}', check=False)
    if done.returncode == 0:
        world.ledger.add(json.loads(done.stdout)["ids"])
    return done.returncode == 0


def storm(world, jobs, kills):
    """Half by POST /jobs, half injected in crowds; so many kills, one whenever some more jobs were posted."""
    world.both()
    world.up("sokoul-scout")
    weather = Storm(world)
    step = max(1, jobs // 2 // (kills + 1))
    many = math.ceil((jobs - jobs // 2) / (kills // CROWD_EVERY))
    with Load(world, 4, payload, limit=jobs // 2) as load:
        while weather.count() < kills:
            seen = len(world.ledger.ids)
            eventually(lambda n=seen: load.finished() or len(world.ledger.ids) >= n + step, 120, "load")
            if weather.count() % CROWD_EVERY == 0:
                eventually(lambda: crowd(world, many), 60, "a crowd")
            weather.strike()
        for program in [p for p in world.programs if p.running()]:
            program.wait_ready()
        eventually(load.finished, 300, "the load's end")
    return weather


def test_a_storm_of_kills_loses_nothing_and_doubles_nothing(world):
    weather = storm(world, JOBS, KILLS)
    world.holds(60)
    total = world.value("SELECT count(*) FROM jobs")
    assert total >= JOBS, f"{total} jobs after {weather.kills}"
    assert weather.count() == KILLS


@pytest.mark.long
@pytest.mark.skipif(minutes() == 0, reason="MINUTES= asks for longer storms")
def test_storms_for_as_long_as_was_asked_for(world):
    until = time.monotonic() + minutes() * 60
    world.both()
    weather = Storm(world)
    while time.monotonic() < until:
        with Load(world, 4, payload, limit=400) as load:
            for _ in range(5):
                eventually(lambda n=len(world.ledger.ids): load.finished() or len(world.ledger.ids) > n + 30,
                           120 * SLOW, "load")
                weather.strike()
            eventually(load.finished, 300, "the load's end")
        world.holds(60)
