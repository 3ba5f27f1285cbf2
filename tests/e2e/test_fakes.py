# SPDX-License-Identifier: Apache-2.0
"""The fakes and the servers of the tests do what the tests rely on."""
import http.client
import json
import time
from urllib.parse import urlencode, urlsplit

import pytest
from stack.nats import NatsError


def get(fake, path, headers=None, wait_s=5, **query):
    connection = http.client.HTTPConnection("127.0.0.1", fake.server.port, timeout=wait_s)
    try:
        connection.request("GET", f"{path}?{urlencode(query)}", headers=headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def test_tmdb_pages_its_results_and_checks_the_key(tmdb):
    first = json.loads(get(tmdb, "/3/search/movie", api_key=tmdb.key, query="sequel", page=1)[2])
    last = json.loads(get(tmdb, "/3/search/movie", api_key=tmdb.key, query="sequel", page=3)[2])
    assert (len(first["results"]), first["total_pages"], first["total_results"], len(last["results"])) == (20, 3, 45, 5)
    assert get(tmdb, "/3/search/movie", api_key="wrong", query="sequel")[0] == 401
    assert get(tmdb, "/3/movie/1", {"Authorization": f"Bearer {tmdb.key}"})[0] == 404
    assert tmdb.count("/3/search/movie") == 3


def test_a_fault_hits_as_often_as_it_was_told(tmdb):
    tmdb.fail("status", status=429, headers={"Retry-After": "2"}, times=1)
    status, headers, _ = get(tmdb, "/3/movie/603", api_key=tmdb.key)
    assert (status, headers["Retry-After"]) == (429, "2")
    assert get(tmdb, "/3/movie/603", api_key=tmdb.key)[0] == 200


def test_a_page_that_is_broken_is_only_that_page(prowlarr):
    prowlarr.fail("html", match="offset=2")
    key = {"X-Api-Key": prowlarr.key}
    assert len(json.loads(get(prowlarr, "/api/v1/search", key, query="sintel", limit=2, offset=0)[2])) == 2
    assert get(prowlarr, "/api/v1/search", key, query="sintel", limit=2, offset=2)[2].startswith(b"<!DOCTYPE")


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_slow_fake_outlasts_its_client_and_stops_at_once(tmdb, fault):
    tmdb.fail(fault)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        connection = http.client.HTTPConnection("127.0.0.1", tmdb.server.port, timeout=0.5)
        connection.request("GET", "/3/movie/603")
        connection.getresponse().read(1 << 20) if fault == "hang" else connection.getresponse().read(10)
    assert time.monotonic() - began < 5


def test_prowlarr_without_an_end_gives_full_pages(prowlarr):
    prowlarr.endless(new=True)
    key = {"X-Api-Key": prowlarr.key}
    pages = [json.loads(get(prowlarr, "/api/v1/search", key, query="x", limit=50, offset=o)[2]) for o in (0, 50)]
    guids = {r["guid"] for page in pages for r in page}
    assert len(guids) == 100


def test_a_download_url_leads_to_a_magnet(prowlarr):
    row = prowlarr.releases[-1]
    parts = urlsplit(row["downloadUrl"])
    status, headers, _ = get(prowlarr, f"{parts.path}", **dict(p.split("=") for p in parts.query.split("&")))
    assert status == 301 and headers["Location"].startswith("magnet:?xt=urn:btih:209c")


def test_the_nats_client_publishes_with_headers_and_asks_jetstream(servers):
    with servers.nats.connect() as nats:
        sid = nats.subscribe("sokoul.events.>")
        nats.publish("sokoul.events.a", b"one", {"X-Request-ID": "r-1"})
        message = nats.next(sid)
        assert (message.data, message.headers["X-Request-ID"]) == (b"one", "r-1")
        nats.js("STREAM.CREATE.T", {"name": "T", "subjects": ["t.>"], "storage": "file"})
        assert nats.js_publish("t.x", b"1", {"Nats-Msg-Id": "a"})["seq"] == 1
        assert nats.js_publish("t.x", b"1", {"Nats-Msg-Id": "a"})["duplicate"] is True
        with pytest.raises(NatsError, match="stream not found"):
            nats.js("STREAM.INFO.NONE")


def test_a_killed_server_comes_back_with_what_it_had(servers):
    assert servers.nats.stores()
    servers.nats.kill()
    assert not servers.nats.ready()
    servers.restart(servers.nats)
    with servers.nats.connect() as nats:
        assert nats.js("STREAM.INFO.PROBE")["state"]["messages"] == 1
