# SPDX-License-Identifier: Apache-2.0
"""Where the programs may be led to by names: a name server of one's own says what it likes, and changes its mind."""
import pytest
from client import Api
from name_server import NameServer, has_own_mounts

INSIDE = (["127.0.0.1"], ["10.1.2.3", "127.0.0.1"], ["203.0.113.9", "169.254.169.254", "127.0.0.1"])


@pytest.mark.skipif(not has_own_mounts(), reason="a resolv.conf of its own")
def test_a_name_that_leads_inside_is_looked_up_and_not_connected_to(sokoul, tmdb, tmp_path):
    there = {"TMDB_BASE_URL": f"http://films.example:{tmdb.url.rsplit(':', 1)[1].split('/')[0]}"}
    with NameServer() as names:
        sokoul.front = names.front(str(tmp_path))
        strict = sokoul.start("sokoul-api", {**there, "ALLOW_PRIVATE_PROVIDERS": "false"})
        user = Api(strict.port).register()
        for number, addresses in enumerate(INSIDE):
            names.addresses = addresses  # each time it is asked anew the name means something else
            answer = user.get("/search", query={"query": f"dune {number}"})
            assert answer.status == 503 and "127" not in answer.text, answer
        assert "films.example" in names.asked and tmdb.count() == 0
        names.addresses = ["127.0.0.1"]
        free = sokoul.start("sokoul-api", {**there, "ALLOW_PRIVATE_PROVIDERS": "true"})
        assert user.at("127.0.0.1", free.port).get("/search", query={"query": "dune"}).status == 200 and tmdb.count() > 0
