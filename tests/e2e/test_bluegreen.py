# SPDX-License-Identifier: Apache-2.0
"""Two versions side by side behind nginx: whoever asks 200 times a second does not notice which one answers, and no job is lost."""
import os
import signal
import time

import pytest
from job_kit import all_settled, check_each_ran_once
from stack_under_test import BIN, ROOT, eventually
from two_versions import NEXT_VERSION, Crowd, Field, build_next

PLAIN = BIN == os.path.join(ROOT, "build", "bin")
STEP = ("--step", "2", "--answers", "20", "--slow", "20000")  # how slow a busy machine is says nothing here

pytestmark = pytest.mark.skipif(not PLAIN, reason="the next version is built as the plain build is")


@pytest.fixture(scope="session")
def next_build(tmp_path_factory):
    return build_next(str(tmp_path_factory.mktemp("next")))


@pytest.fixture
def place(sokoul, tmp_path, next_build):
    """Makes a Field; whatever it started is ended."""
    made = []

    def make(**how):
        made.append(Field(sokoul, tmp_path / "field", how.pop("green", next_build), **how))
        return made[-1]

    os.makedirs(tmp_path / "field")
    yield make
    for field in made:
        field.stop()


def nothing_was_noticed(sokoul, field, crowd):
    print(crowd.report())
    assert crowd.sent > 300 and not crowd.failed, (len(crowd.failed), crowd.failed[:5])
    assert len(crowd.jobs) > 30
    all_settled(sokoul, crowd.jobs)
    check_each_ran_once(sokoul, crowd.jobs)
    field.log_of_nginx_is_clean()


def test_a_new_version_with_a_migration_takes_over_step_by_step_and_the_old_one_goes(sokoul, place, next_build):
    """req: S144, S362, S363, S366, S368, S370, S371, S373, P28
    part: S372"""
    field = place().serve_blue()
    with Crowd(field) as crowd:
        said = field.run("start", "--wait", "6", status=1)
        assert "sokoulctl migrate up" in said, "green needs what the database does not have yet"
        field.run("stop", "green")
        sokoul.ctl("migrate", "up", programs=next_build)
        assert sokoul.value("SELECT count(*) FROM next_things") == 0
        said = field.run("start")
        assert NEXT_VERSION in said and field.running("blue") == field.running("green") == ["sokoul-api", "sokoul-scout"]
        before = len(field.edge.access())
        said = field.run("canary", *STEP)
        assert all(f"{n} % of the traffic and does well" in said for n in (10, 50, 100)), said
        blue, green = field.shares(before)[0].values()
        assert blue > 50 and green > 100 and field.running("blue"), (blue, green)
        before = len(field.edge.access())
        said = field.run("watch", "--minutes", "0.05", "--slow", "20000")
        assert "0 errors since the switch" in said
        assert field.shares(before)[0]["blue"] == 0
        field.run("retire", "--keep", "0")
        assert field.running("blue") == []
    nothing_was_noticed(sokoul, field, crowd)
    assert [NEXT_VERSION in text for text in field.hook.texts] == [True] * 3, field.hook.texts
    began = time.monotonic()
    assert "all traffic is back at blue" in field.run("back")
    assert time.monotonic() - began < 60 and field.running("green") == [], "also from a version that was stopped"
    assert field.edge.ask("GET", "/healthz")[0] == 200


def test_a_switch_and_the_way_back_are_not_noticed(sokoul, place, next_build):
    """req: S364, S396"""
    field = place().serve_blue()
    sokoul.ctl("migrate", "up", programs=next_build)
    field.run("start")
    with Crowd(field) as crowd:
        os.kill(field.pid("green", "sokoul-scout"), signal.SIGKILL)
        assert "sokoul-scout (green" in field.run("switch", status=1), "what is not fit gets no traffic"
        assert field.shares()[0]["green"] == 0
        field.run("start")
        field.run("switch")
        before = len(field.edge.access())
        eventually(lambda: len(field.edge.access()) > before + 200, 30)
        assert field.shares(before)[0]["blue"] == 0 and field.running("blue") == ["sokoul-api", "sokoul-scout"]
        assert "no colour is kept" not in field.run("status")
        began = time.monotonic()
        said = field.run("back")
        took = time.monotonic() - began
        before = len(field.edge.access())
        eventually(lambda: len(field.edge.access()) > before + 200, 30)
        assert field.shares(before)[0]["green"] == 0 and field.running("green") == []
    print(f"back in {took:.1f} s")
    assert took < 60 and "all traffic is back at blue" in said
    nothing_was_noticed(sokoul, field, crowd)
    assert "there is nothing to go back to" in field.run("back", status=1)


@pytest.fixture
def own_role(sokoul):
    """Settings of green, with a role that finds one table in another place, where it is another one: each request for it ends with
    500, which no smoke test sees."""
    password = sokoul.postgres.password
    sokoul.postgres.sql(f"CREATE ROLE green LOGIN SUPERUSER PASSWORD '{password}'")
    sokoul.sql("CREATE SCHEMA broken CREATE TABLE favorites (nothing int)")
    sokoul.sql("ALTER ROLE green SET search_path = broken, public")
    yield {"green": {"DATABASE_URL": sokoul.postgres.url(sokoul.database, "green")}}
    sokoul.sql("DROP SCHEMA broken CASCADE")
    sokoul.postgres.sql("DROP OWNED BY green", sokoul.database)
    sokoul.postgres.sql("DROP ROLE green")


def test_a_canary_that_answers_500_goes_back_by_itself(sokoul, place, own_role):
    """req: S367, S369"""
    field = place(green=BIN, rows=own_role).serve_blue()
    field.run("start")
    with Crowd(field) as crowd:
        said = field.run("canary", *STEP, status=1)
        before = len(field.edge.access())
        eventually(lambda: len(field.edge.access()) > before + 100, 30)
        assert field.shares(before)[0]["green"] == 0 and field.running("green") == []
    assert "answers were 5xx" in said and "50 % of the traffic" not in said, said
    twice = [row for row in field.edge.access() if row["upstream_status"].startswith("500, ")]
    assert len(twice) >= 3, "a client would have seen these"
    nothing_was_noticed(sokoul, field, crowd)
    assert "goes back to blue" in field.hook.texts[-1]


def test_a_version_that_dies_after_the_switch_is_left_by_itself(sokoul, place):
    field = place(green=BIN).serve_blue()
    field.run("start")
    field.run("switch")
    with Crowd(field) as crowd:
        child = field.begin("watch", "--minutes", "2", "--slow", "20000")
        eventually(lambda: len(crowd.jobs) > 40, 30)
        os.kill(field.pid("green", "sokoul-api"), signal.SIGKILL)
        code, said = field.end(child)
    print(crowd.report())
    assert code == 1 and "does not answer" in said and not crowd.failed, (said, crowd.failed[:5])
    assert "all traffic is back at blue" in said and "100 % of the traffic" in field.run("status").split("green:")[0]
    assert field.running("green") == [] and "goes back to blue" in field.hook.texts[-1]
    all_settled(sokoul, crowd.jobs)
    check_each_ran_once(sokoul, crowd.jobs)
