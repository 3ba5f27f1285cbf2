# SPDX-License-Identifier: Apache-2.0
"""The audit trail: what is written down, that it is sealed and copied, and that sokoulctl finds what was altered."""
import json

from client import Api
from stack_under_test import eventually
from test_reload import reload


def copies(sokoul):
    """What the stream LOGS has of the trail, by action."""
    with sokoul.nats.connect() as nats:
        last = nats.js("STREAM.INFO.LOGS")["state"]["last_seq"]
        found = [nats.js("STREAM.MSG.GET.LOGS", {"seq": n})["message"] for n in range(1, last + 1)]
    return found


def test_the_trail_is_sealed_copied_and_found_out(sokoul):  # req: S188 S189 S100 part: S190
    api, scout = sokoul.start("sokoul-api"), sokoul.start("sokoul-scout")
    user = Api(api.port).register("ada")
    Api(api.port).post("/auth/login", {"username": "ada", "password": "wrong horse battery"}, headers={"X-Request-ID": "bad-1"})
    admin = sokoul.admin(Api(api.port))
    reload(api, ACCESS_TOKEN_TTL_S="77")
    reload(scout, HTTP_TIMEOUT_S="7")
    sokoul.ctl("user", "role", "ada", "moderator")
    user.request("DELETE", "/user/profile", json={"password": "correct horse battery"})
    wanted = {"register", "login_failed", "config_changed", "role_changed", "user_deleted"}
    eventually(lambda: wanted <= {a for a, in sokoul.sql("SELECT action FROM logs")}, what="all of these acts")
    changed = eventually(lambda: len(found := sorted(sokoul.sql(
        "SELECT subject, detail->>'settings' FROM logs WHERE action = 'config_changed'"))) == 2 and found, what="both words")
    assert changed == [("sokoul-api", "ACCESS_TOKEN_TTL_S"), ("sokoul-scout", "HTTP_TIMEOUT_S")]
    (user_id, ip, request_id, at), = sokoul.sql("SELECT user_id, ip, request_id, at FROM logs WHERE action = 'login_failed'")
    assert user_id and ip == "127.0.0.1" and request_id == "bad-1" and at
    count = sokoul.value("SELECT count(*) FROM logs")
    eventually(lambda: sokoul.value("SELECT copied_seq FROM log_chain") == count, what="all copies")
    seen = copies(sokoul)
    assert len(seen) == count and wanted <= {m["subject"].split(".")[-1] for m in seen}
    assert admin.get("/admin/logs", query={"action": "config_changed"}).json["total"] == 2
    found = json.loads(sokoul.ctl("audit", "verify", "--json").stdout)
    assert (found["intact"], found["sealed"], found["unsealed"]) == (True, count, 0)
    altered, = sokoul.sql("SELECT id::text FROM logs ORDER BY at OFFSET 1 LIMIT 1")
    sokoul.sql("ALTER TABLE logs DISABLE TRIGGER USER")
    sokoul.sql("ALTER TABLE logs_rest DISABLE TRIGGER USER")
    sokoul.sql("UPDATE logs SET ip = '10.9.9.9' WHERE id = %s", altered)
    told = sokoul.ctl("audit", "verify", check=False)
    assert told.returncode == 1 and "BROKEN: the entry was altered" in told.stdout and altered[0] in told.stdout, told
