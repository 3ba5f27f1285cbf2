# SPDX-License-Identifier: Apache-2.0
"""Who may do what: every route that the program has, asked as everybody, for things of everybody.

A new route needs a row in BODIES when it takes a body, and one in THINGS when its path names a thing.
"""
import itertools
import os
import subprocess
import uuid

import rows
from client import Api
from pictures import png, upload
from stack_under_test import BIN, eventually

PASSWORD = "correct horse battery"
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "matrix.txt")
WRITE = os.environ.get("MATRIX") == "write"
LAST = ("DELETE /user/profile",)  # who has asked this is gone
numbers = itertools.count(1)


def routes():
    """(method, pattern, who, "key" or "login") of every route, as the program says."""
    lines = subprocess.run([os.path.join(BIN, "sokoul-api"), "--routes"], capture_output=True, text=True, check=True)
    found = [tuple(line.split("\t")) for line in lines.stdout.splitlines()]
    return sorted(found, key=lambda route: f"{route[0]} {route[1]}" in LAST)


# ---- what a path names: made anew for each request ------------------------------------------------------------

def film(stack, _owner):
    return rows.media(stack, next(numbers))


def favorite(stack, owner):
    title = film(stack, owner)
    stack.sql("INSERT INTO favorites (user_id, media_id) VALUES (%s, %s)", (owner, title))
    return title


def job(stack, owner, status="Pending"):
    return stack.value("INSERT INTO jobs (job_id, kind, worker, user_id, status, reason, finished_at) VALUES "
                       "(%s, 'noop', 'scout', %s, %s, %s, %s) RETURNING job_id::text",
                       (str(uuid.uuid4()), owner, status, *(("exhausted", "now") if status == "Failed" else (None, None))))


def download(stack, owner):
    return stack.value("INSERT INTO downloads (id, user_id, media_id, job_id) VALUES (%s, %s, %s, %s) RETURNING id::text",
                       (str(uuid.uuid4()), owner, film(stack, owner), job(stack, owner)))


def letter(stack, owner):
    return stack.value("INSERT INTO dead_letters (id, job_id, kind, reason, detail) VALUES (%s, %s, 'noop', 'exhausted', "
                       "'It failed') RETURNING id::text", (str(uuid.uuid4()), job(stack, owner, "Failed")))


def api_key(stack, owner):
    return stack.value("INSERT INTO api_keys (id, user_id, name, scopes, key_hash) VALUES (%s, %s, 'a key', '{read}', %s) "
                       "RETURNING id::text", (str(uuid.uuid4()), owner, str(uuid.uuid4())))


def session(stack, owner):
    return stack.value("INSERT INTO refresh_tokens (id, user_id, family, token_hash, expires_at) VALUES (%s, %s, "
                       "gen_random_uuid(), %s, now() + interval '1 day') RETURNING family::text",
                       (str(uuid.uuid4()), owner, str(uuid.uuid4())))


def somebody(stack, _owner):
    name = f"somebody{next(numbers)}"
    return stack.value("INSERT INTO users (id, username, email, password_hash) VALUES (%s, %s, %s, '!') RETURNING id::text",
                       (str(uuid.uuid4()), name, f"{name}@example.org"))


def invitation(stack, owner):
    return stack.value("INSERT INTO invitations (id, code_hash, created_by, expires_at) VALUES (%s, %s, %s, now() + "
                       "interval '1 day') RETURNING id::text", (str(uuid.uuid4()), str(uuid.uuid4()), owner))


OWNED, SHARED = ("own", "other", "nothing"), ("there", "nothing")
PRIVATE = ("own", "other's", "nothing")  # an admin's are the admin's own, too
MARKED = ("own", "not own", "nothing")  # the path names what is everybody's, the answer is about what one has marked
THINGS = {  # what the path begins with: whose things there are, and how one is made
    "/downloads/{id}": (OWNED, download),
    "/jobs/{id}": (OWNED, job),
    "/media/favorite/{media_id}": (MARKED, favorite),
    "/media/{id}": (SHARED, film),
    "/admin/dlq/{id}": (SHARED, letter),
    "/user/api-keys/{id}": (PRIVATE, api_key),
    "/auth/sessions/{id}": (PRIVATE, session),
    "/admin/users/{id}": (SHARED, somebody),
    "/admin/invitations/{id}": (SHARED, invitation),
}


def things_of(pattern):
    if "{" not in pattern:
        return ("-",), None
    found = [thing for begin, thing in THINGS.items() if pattern.startswith(begin)]
    assert found, f"matrix_kit.THINGS has no row for {pattern}: how is such a thing made?"
    return found[0]


# ---- what is sent ---------------------------------------------------------------------------------------------

def newcomer(_people):
    name = f"new{next(numbers)}"
    return {"username": name, "email": f"{name}@example.org", "password": PASSWORD}


def fresh_token(people):
    return {"refresh_token": people.api.post("/auth/login", {"username": "other", "password": PASSWORD}).json["refresh_token"]}


BODIES = {
    "POST /auth/register": newcomer,
    "POST /auth/login": lambda _: {"username": "other", "password": PASSWORD},
    "POST /auth/refresh": fresh_token,
    "POST /auth/logout": lambda _: {"refresh_token": "x"},
    "POST /auth/password/forgot": lambda _: {"email": f"nobody{next(numbers)}@example.org"},
    "POST /auth/password/reset": lambda _: {"token": "A" * 43, "password": PASSWORD},
    "PATCH /admin/users/{id}": lambda _: {"role": "moderator"},
    "PATCH /user/profile": lambda _: {},
    "POST /user/api-keys": lambda _: {"name": "another"},
    "POST /user/avatar": lambda _: (png(2, 2), "image/png"),
    "POST /user/totp/confirm": lambda _: {"code": "000000"},
    "DELETE /user/totp": lambda _: {"password": PASSWORD, "code": "000000"},
    "POST /search": lambda _: {"query": "inception", "wait_ms": 0},
    "POST /media/favorite": lambda people: {"media_id": people.title},
    "POST /watch-history": lambda people: {"media_id": people.title, "position_s": 5},
    "POST /torrents/inspect": lambda _: {"magnet": rows.magnet()},
    "POST /downloads/start": lambda people: {"media_id": people.title, "magnet": rows.magnet(next(numbers))},
    "POST /jobs": lambda _: {"kind": "noop"},
}
QUERIES = {"GET /search": {"query": "inception"}}


# ---- who asks -------------------------------------------------------------------------------------------------

class People:
    """A client of each role that asks, by name, and the id of whom "own" is then."""

    def __init__(self, stack):
        self.stack = stack
        self.api = api = self.start()
        self.title = rows.media(stack, next(numbers))
        self.other = api.register("other").user["id"]
        self.clients = {"none": api, "user": api.register("user")}
        for role in ("moderator", "admin"):
            stack.sql("UPDATE users SET role = %s WHERE id = %s", (role, api.register(role).user["id"]))
            self.clients[role] = self.login(api, role)
        self.clients["disabled"] = self.disabled()
        self.clients["expired"] = self.expired()
        self.clients["key:read"] = self.key("user", "read")
        self.clients["key:write"] = self.key("user", "read", "write")
        self.clients["key:admin"] = self.key("admin", "read", "write", "admin")
        self.clients["key:disabled"] = self.disabled_key

    def start(self, **settings):
        return Api(self.stack.start("sokoul-api", {"DOWNLOADS_ACTIVE_PER_USER": "1000", **settings}).port)

    @staticmethod
    def login(api, name):
        answer = api.post("/auth/login", {"username": name, "password": PASSWORD})
        assert answer.status == 200, answer
        client = api.with_token(answer.json["access_token"])
        client.user = answer.json["user"]
        return client

    def key(self, role, *scopes):
        return self.key_of(self.clients[role], *scopes)

    def key_of(self, client, *scopes):
        answer = client.post("/user/api-keys", {"name": "matrix", "scopes": list(scopes)})
        assert answer.status == 201, answer
        asks = Api(self.api.port, headers={"X-Api-Key": answer.json["key"]})
        asks.user = client.user
        return asks

    def disabled(self):
        client = self.api.register("gone")
        self.disabled_key = self.key_of(client, "read", "write")
        assert self.clients["admin"].patch(f"/admin/users/{client.user['id']}", {"disabled": True}).status == 200
        eventually(lambda: client.get("/user/profile").status == 401, 5, "the end of a disabled user's token")
        return client

    def expired(self):
        short = self.start(ACCESS_TOKEN_TTL_S="1").register("late")
        client = self.api.with_token(short.token)
        client.user = short.user
        eventually(lambda: client.get("/user/profile").status == 401, 10, "the end of a token's life")
        return client

    def owner(self, role, whose):
        mine = getattr(self.clients[role], "user", None) or self.clients["user"].user
        return mine["id"] if whose == "own" else self.other

    def ask(self, role, route, whose, make):
        method, pattern = route[:2]
        name = f"{method} {pattern}"
        path = pattern
        if make is not None:
            thing = str(uuid.uuid4()) if whose == "nothing" else make(self.stack, self.owner(role, whose))
            path = pattern[:pattern.index("{")] + thing + pattern[pattern.index("}") + 1:]
        body = BODIES[name](self) if name in BODIES else None
        if isinstance(body, tuple):
            return self.clients[role].request(method, path, **upload(*body)).status
        return self.clients[role].request(method, path, json=body, query=QUERIES.get(name)).status


def walk(people):
    """{(route, whose): {role: status}}"""
    cells = {}
    for route in routes():
        whose_all, make = things_of(route[1])
        for whose in whose_all:
            asked = {role: people.ask(role, route, whose, make) for role in reversed(people.clients)}
            cells[route, whose] = dict(reversed(asked.items()))
    return cells


def table(cells):
    """The cells as the text of the golden file."""
    roles = list(next(iter(cells.values())))
    lines = ["# Who gets which status: route, for whom it is, whose thing its path names, and then a column for each who asks.",
             "# Written by `MATRIX=write make test T=matrix`, which says what has changed; read it before you commit it.",
             "# " + f"{'route':46}{'for':11}{'with':7}{'whose':9}" + "".join(f"{role:>13}" for role in roles)]
    for (route, whose), statuses in cells.items():
        lines.append(f"{route[0] + ' ' + route[1]:48}{route[2]:11}{route[3]:7}{whose:9}" +
                     "".join(f"{statuses[role]:>13}" for role in roles))
    return "\n".join(lines) + "\n"
