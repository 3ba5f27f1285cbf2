# SPDX-License-Identifier: Apache-2.0
"""NATS_REPLICAS: how many servers keep each stream, on a cluster and on a single one."""
import os
import sys

import pytest
from client import Api
from job_kit import run
from stack.proc import free_ports
from stack_under_test import ROOT, eventually

sys.path.insert(0, os.path.join(ROOT, "deploy", "cluster"))
from cluster import PORTS, STREAMS, Cluster  # noqa: E402

SOON_S = 40


@pytest.fixture
def nodes(tmp_path):
    """The nats-servers of deploy/cluster."""
    nats = Cluster(tmp_path / "cluster", free_ports(PORTS)).nats
    try:
        for node in nats.nodes:
            node.prepare()
            node.start()
        for node in nats.nodes:
            node.wait_ready()
        yield nats
    finally:
        for node in nats.nodes:
            node.stop()


def on(sokoul, nats, replicas):
    sokoul.settings.update(NATS_URL=nats.url(), NATS_REPLICAS=replicas)
    return sokoul.start("sokoul-api")


def streams(nats):
    with nats.connect() as client:
        return {s: client.js(f"STREAM.INFO.{s}") for s in STREAMS}


def whole(nats, replicas):
    return eventually(lambda: nats.whole(replicas) and {s["config"]["num_replicas"] for s in streams(nats).values()} ==
                      {replicas}, SOON_S, f"streams and consumers on {replicas} servers")


def test_an_existing_stream_gets_its_replicas_in_place(sokoul, nodes):
    first = on(sokoul, nodes, 1)
    api = Api(first.port)
    ids = sokoul.admin(api).post("/jobs", {"kind": "noop", "payload": {}, "count": 5}).json["job_ids"]
    whole(nodes, 1)
    kept = eventually(lambda: next((s for s in [streams(nodes)["JOBS"]] if s["state"]["messages"] == 5), None), SOON_S, "5 messages")
    first.stop()
    for replicas in (3, 1, 3):
        program = on(sokoul, nodes, replicas)
        whole(nodes, replicas)
        now = streams(nodes)["JOBS"]
        assert (now["created"], now["state"]["messages"]) == (kept["created"], 5), "changed in place, and nothing is lost"
        assert sokoul.ctl("doctor", check=False).stdout.count("NATS_REPLICAS") == 0
        program.stop()
    sokoul.start("sokoul-scout")
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE job_id = ANY(%s::uuid[]) AND status = 'Completed'",
                                    (ids,)) == 5, SOON_S, "the five jobs")


def test_a_cluster_with_too_few_servers_gives_what_it_has_and_says_so(sokoul, nodes):
    api = on(sokoul, nodes, 5)
    sokoul.start("sokoul-scout")
    whole(nodes, 3)
    told(sokoul, api, "NATS's cluster has not as many servers with room as NATS_REPLICAS says",
         "NATS_REPLICAS is 5, and stream JOBS has 3")


def test_a_single_server_says_that_it_is_no_cluster_and_jobs_run(sokoul):
    api = sokoul.start("sokoul-api", {"NATS_REPLICAS": 3})
    sokoul.start("sokoul-scout", {"NATS_REPLICAS": 3})
    sokoul.settings["NATS_REPLICAS"] = 3
    told(sokoul, api, "NATS_REPLICAS is 3, and this NATS is no cluster", "NATS_REPLICAS is 3, and stream JOBS has 1")


def told(sokoul, api, in_health, by_doctor):
    """In health, in the log and by doctor; and jobs run all the same."""
    assert run(sokoul, "noop", {})["status"] == "Completed"
    eventually(lambda: in_health in (Api(api.port).get("/health/deep").json["components"]["nats"]["error"] or ""), SOON_S,
               "the words in health")
    assert any(in_health in row["message"] for row in api.log(event="jetstream_trouble"))
    assert by_doctor in sokoul.ctl("doctor", check=False).stdout
    assert run(sokoul, "noop", {})["status"] == "Completed"
