# SPDX-License-Identifier: Apache-2.0
"""Accounts: sessions, forgotten passwords, who may come in, and what administrators may do with them."""
import hashlib
import re
import threading
import time

import pytest
from client import Api
from conftest import NoFake
from fakes.smtp import FakeSmtp
from stack.throwaway import ThrowAway
from stack_under_test import SLOW, Sokoul, eventually
from test_auth import PASSWORD, fields
from test_sessions import access_token, logged_in

NEW = "a quite different one"
BROWSER = {"User-Agent": "Mozilla/5.0 (tests)"}
CLEAN = ("DELETE FROM users WHERE role <> 'system'", "DELETE FROM password_asks", "DELETE FROM login_failures",
         "DELETE FROM invitations")


@pytest.fixture(scope="module")
def house(session_postgres, migrated, tmp_path_factory):
    """Servers, a database and an API that all tests of this file share."""
    session_postgres.sql(f"CREATE DATABASE accounts OWNER sokoul TEMPLATE {migrated}")
    with ThrowAway(("nats", "redis")) as servers:
        stack = Sokoul(tmp_path_factory.mktemp("accounts"), session_postgres, servers.nats, servers.redis, "accounts",
                       NoFake, NoFake)
        try:
            stack.start("sokoul-api")
            yield stack
            stack.stop_all()
        finally:
            for program in stack.programs:
                if program.running():
                    program.kill()
            session_postgres.sql("DROP DATABASE IF EXISTS accounts WITH (FORCE)")


@pytest.fixture
def sokoul(house):
    """The house without people; what a test starts ends with it."""
    for statement in CLEAN:
        house.sql(statement)
    yield house
    for program in house.programs[1:]:
        if program.running():
            program.stop()


@pytest.fixture
def api(sokoul):
    return Api(sokoul.programs[0].port)


@pytest.fixture
def smtp():
    fake = FakeSmtp().start()
    yield fake
    fake.stop()


def jobs(sokoul, condition="true"):
    """How many mails of this test's questions wait, or have been."""
    return sokoul.value("SELECT count(*) FROM jobs JOIN password_asks a ON a.id::text = payload->>'ask_id' "
                        f"WHERE {condition}")


def text_of(mail):
    return mail.message.get_content().replace("\r\n", "\n")


def person(sokoul, name, email=None, role="user"):
    """An account that nobody can log in to, without the cost of a password."""
    return sokoul.value("INSERT INTO users (id, username, email, password_hash, role) VALUES (gen_random_uuid(), %s, %s, "
                        "'!', %s) RETURNING id::text", (name, email or f"{name}@example.org", role))


def sessions(client):
    return client.get("/auth/sessions").json["items"]


def ends(client, wait_s=5):
    began = time.monotonic()
    eventually(lambda: client.get("/user/profile").status == 401, wait_s, "the token refused")
    return time.monotonic() - began


# ---- sessions -----------------------------------------------------------------------------------


def test_sessions_are_listed_and_each_can_be_ended(sokoul, api):
    api.headers = BROWSER
    here = api.register()
    there = logged_in(Api(api.port, headers={"User-Agent": "curl/8\x9b" + "x" * 400}))
    other = api.register("bob")
    mine = sessions(here)
    assert len(mine) == 2 and [s["current"] for s in mine] == [False, True]
    assert mine[1]["user_agent"] == "Mozilla/5.0 (tests)" and mine[1]["ip"] == "127.0.0.1"
    assert len(mine[0]["user_agent"]) <= 200 and mine[0]["user_agent"].startswith("curl/8")
    assert all(s[k].endswith("Z") for s in mine for k in ("created_at", "last_used_at", "expires_at"))
    began = mine[1]["created_at"]
    assert here.post("/auth/refresh", {"refresh_token": here.refresh_token}).status == 200
    assert [(s["current"], s["created_at"] == began, s["last_used_at"] > began) for s in sessions(here)][0] == \
        (True, True, True)
    assert here.get("/auth/sessions", query={"limit": 1}).json["total"] == 2
    assert other.delete(f"/auth/sessions/{mine[0]['id']}").status == 403  # not theirs, and
    assert other.delete(f"/auth/sessions/{other.user['id']}").status == 403  # what is nobody's
    assert there.get("/user/profile").status == 200
    assert here.delete(f"/auth/sessions/{mine[0]['id']}").status == 204
    assert ends(there) < 1 * SLOW + 1
    assert there.post("/auth/refresh", {"refresh_token": there.refresh_token}).status == 401
    assert [s["current"] for s in sessions(here)] == [True]
    assert here.delete(f"/auth/sessions/{mine[0]['id']}").status == 204  # twice is once
    assert sokoul.value("SELECT count(*) FROM logs WHERE action = 'session_ended' AND subject = %s", (mine[0]["id"],)) == 2
    assert api.get("/auth/sessions").status == 401


# ---- a forgotten password -----------------------------------------------------------------------


@pytest.fixture
def mailed(sokoul, api, smtp):
    """Asks for a new password and gives the token that the mail has."""
    sokoul.start("sokoul-scout", {"SMTP_URL": smtp.url, "PUBLIC_URL": "https://media.home.example/"})

    def ask(email):
        before = len(smtp.mails)
        assert api.post("/auth/password/forgot", {"email": email}).status == 202
        mail = eventually(lambda: smtp.mails[before:], 30, "the mail")[0]
        return re.search(r"https://media\.home\.example/#reset/([\w-]{43})\n", text_of(mail)).group(1)
    return ask


def forget(api, email):
    return api.post("/auth/password/forgot", {"email": email})


def reset(api, token, password=NEW):
    return api.post("/auth/password/reset", {"token": token, "password": password})


def test_a_forgotten_password_is_set_anew_by_mail(sokoul, api, user, smtp, mailed):
    token = mailed("ADA@Example.org")
    assert smtp.mails[0].recipients == ["ada@example.org"] and "ada" in text_of(smtp.mails[0])
    whole = str(sokoul.sql("SELECT payload, progress, checkpoint, detail FROM jobs") + sokoul.sql("SELECT result FROM job_results"))
    assert token not in whole and "example.org" not in whole  # it rests nowhere
    assert sokoul.value("SELECT token_hash FROM password_resets") == hashlib.sha256(token.encode()).hexdigest()
    weak = reset(api, token, "password1")
    assert weak.status == 400 and fields(weak) == {"password"}
    assert fields(reset(api, token, "ada@example.org")) == {"password"}  # it knows whose it is
    assert reset(api, token).status == 204
    assert ends(user) < 1 * SLOW + 1  # whoever had the old one is out
    assert api.post("/auth/refresh", {"refresh_token": user.refresh_token}).status == 401
    assert api.post("/auth/login", {"username": "ada", "password": PASSWORD}).status == 401
    assert api.post("/auth/login", {"username": "ada", "password": NEW}).status == 200
    assert reset(api, token).status == 400  # once
    assert sokoul.value("SELECT count(*) FROM logs WHERE action = 'password_reset' AND user_id = %s",
                        (user.user["id"],)) == 1
    assert token not in "".join(program.log_text() for program in sokoul.programs)


def test_a_reset_link_ends_after_15_minutes(sokoul, api, user, mailed):  # req: S153
    token = mailed("ada@example.org")
    assert 14.5 * 60 < float(sokoul.value("SELECT extract(epoch FROM expires_at - now()) FROM password_resets")) <= 15 * 60
    for age, status in (("15 minutes 1 second", 400), ("14 minutes 30 seconds", 204)):
        sokoul.sql("UPDATE password_resets SET created_at = now() - %s::interval, "
                   "expires_at = now() - %s::interval + interval '15 minutes'", (age, age))
        assert reset(api, token).status == status, age
    for bad in (token, token[:-1], "x" * 43, "nonsense"):
        assert reset(api, bad).status == 400


def test_a_reset_link_ends_with_what_it_was_mailed_for(sokoul, api, user, mailed):
    token = mailed("ada@example.org")
    moved = user.patch("/user/profile", {"email": "new@example.org", "current_password": PASSWORD})
    assert moved.status == 200 and reset(api, token).status == 400  # the old mailbox is not theirs any more
    token = mailed("new@example.org")
    assert user.patch("/user/profile", {"password": NEW, "current_password": PASSWORD}).status == 200
    assert reset(api, token).status == 400
    token = mailed("new@example.org")
    sokoul.sql("UPDATE users SET disabled_at = now()")
    assert reset(api, token).status == 400


def test_of_two_who_use_one_link_at_once_one_wins(sokoul, api, user, mailed):
    token = mailed("ada@example.org")
    answers = []
    both = [threading.Thread(target=lambda n=n: answers.append(reset(api, token, f"{NEW} {n}").status)) for n in range(4)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert sorted(answers) == [204, 400, 400, 400]


def test_the_sixth_question_within_an_hour_is_refused(sokoul, api, user):  # req: S154
    for email in ("ada@example.org", "nobody@example.org"):  # nothing is learned
        answers = [forget(api, email.upper() if n % 2 else email) for n in range(6)]
        assert [a.status for a in answers] == [202] * 5 + [429], email
        assert answers[0].text == answers[4].text and 3500 < int(answers[5].headers["Retry-After"]) <= 3600
    assert jobs(sokoul) == jobs(sokoul, "user_id = '00000000-0000-0000-0000-000000000000'") == 10
    sokoul.sql("UPDATE password_asks SET asked = ARRAY(SELECT at - interval '59 minutes' FROM unnest(asked) at)")
    assert int(forget(api, "ada@example.org").headers["Retry-After"]) <= 60
    sokoul.sql("UPDATE password_asks SET asked[1] = asked[1] - interval '1 minute'")
    assert [forget(api, "ada@example.org").status for _ in range(2)] == [202, 429]
    for bad in ("nowhere", "a\u202e@b.org", 7, None):
        assert fields(forget(api, bad)) == {"email"}
    user.delete("/user/profile")
    assert sokoul.sql("SELECT email FROM password_asks") == [("nobody@example.org",)]


def test_an_address_of_nobody_gets_no_mail(sokoul, api, user, smtp):
    sokoul.start("sokoul-scout", {"SMTP_URL": smtp.url})
    assert forget(api, "nobody@example.org").status == 202
    sokoul.sql("UPDATE users SET disabled_at = now() WHERE username = 'ada'")
    assert forget(api, "ada@example.org").status == 202
    eventually(lambda: jobs(sokoul, "status = 'Completed'") == 2, 30, "both jobs done")
    assert smtp.mails == [] and sokoul.value("SELECT count(*) FROM password_resets") == 0


def test_a_mail_server_that_is_away_loses_nothing(sokoul, api, user, smtp):
    smtp.fail("reply", at="RCPT", code=451, times=1)
    sokoul.start("sokoul-scout", {"SMTP_URL": smtp.url})
    assert forget(api, "ada@example.org").status == 202
    [mail] = eventually(lambda: list(smtp.mails), 30, "the mail of the second try")
    assert reset(api, re.search(r"^([\w-]{43})$", text_of(mail), re.M).group(1)).status == 204


@pytest.mark.parametrize("told", [False, True])
def test_without_a_mail_server_a_link_is_logged_only_if_wished(sokoul, api, user, told):
    scout = sokoul.start("sokoul-scout", {"PASSWORD_RESET_TO_LOG": "true"} if told else {})
    assert forget(api, "ada@example.org").status == 202
    eventually(lambda: jobs(sokoul, "status = 'Completed'") == 1, 30, "the job done")
    lines = scout.log(event="password_reset")
    assert bool(lines) == told and sokoul.value("SELECT count(*) FROM password_resets") == int(told)
    if told:
        assert reset(api, re.search(r"\n([\w-]{43})\n", lines[0]["message"]).group(1)).status == 204


# ---- weak passwords and names -------------------------------------------------------------------


def test_weak_passwords_are_refused_with_a_reason(api, user):  # req: S40
    for password, word in (("12345678", "common"), ("Passw0rd!", "common"), ("lovelace-1815", "like the name"),
                           ("ada.l@example.org", "like the name")):
        answer = api.post("/auth/register", {"username": "Lovelace-1815", "email": "ada.l@example.org", "password": password})
        assert answer.status == 400 and fields(answer) == {"password"}, answer
        assert password not in answer.text and word in answer.json["errors"][0]["message"], answer
    weak = user.patch("/user/profile", {"password": "ada@example.org", "current_password": PASSWORD})
    assert weak.status == 400 and fields(weak) == {"password"}  # it knows whose it is


def test_names_that_lie_and_addresses_without_mail_are_refused(api, user):
    for name in ("ad\u200ba", "\u202eada", "ada\x9b31m", "ada\u2066x\u2069", "a\u00adda", "\u3164\u3164\u3164", "ada\u00a0", "\ufeffada"):
        answer = api.post("/auth/register", {"username": name, "email": "x@example.org", "password": PASSWORD})
        assert answer.status == 400 and fields(answer) == {"username"}, (name, answer)
        assert fields(user.patch("/user/profile", {"username": name})) == {"username"}
    for email in ("a@b.invalid", "a@host.example", "a@x.onion", "zoë@example.org", "a@exämple.org", "a@127.0.0.1", "a@b.c"):
        answer = api.post("/auth/register", {"username": "bob", "email": email, "password": PASSWORD})
        assert answer.status == 400 and fields(answer) == {"email"}, (email, answer)


def test_sokoulctl_shows_what_is_not_seen(sokoul):
    person(sokoul, "old\u202eada\x9b")
    done = sokoul.ctl("user", "role", "old\u202eada\x9b", "admin")
    assert "old\\u202eada\\u009b" in done.stdout and "\u202e" not in done.stdout
    done = sokoul.ctl("user", "role", "no\u202ebody\u200b\U000e0041", "admin", check=False)
    assert done.returncode == 1 and "no\\u202ebody\\u200b\\udb40\\udc41" in done.stderr, done.stderr
    done = sokoul.ctl("jo\u202eb", check=False)
    assert "\u202e" not in done.stderr and "\\u202e" in done.stderr


# ---- guessing -----------------------------------------------------------------------------------


def test_guessing_is_slowed_down_and_nobody_is_locked_out(sokoul):  # also names that nobody has
    settings = {"RATE_LIMIT_ALLOW": "192.0.2.200", "TRUSTED_PROXIES": "127.0.0.0/8", "LOGIN_FAILURES_MAX": "2",
                "LOGIN_FAILURES_PER_ADDRESS_MAX": "5"}
    api = Api(sokoul.start("sokoul-api", settings).port)
    user = api.register()

    def at(address, name="ada", password="wrong horse battery"):
        return api.post("/auth/login", {"username": name, "password": password}, headers={"X-Forwarded-For": address})

    for name in ("ada", "nobody"):
        answers = [at("192.0.2.1", name if n % 2 else name.upper()) for n in range(3)]
        assert [a.status for a in answers] == [401, 401, 429], name
        assert 800 < int(answers[2].headers["Retry-After"]) <= 900
    assert at("192.0.2.1", password=PASSWORD).status == 429  # a guess is not told to be right
    assert at("192.0.2.2", password=PASSWORD).status == 200  # nobody is locked out
    assert [at("2001:db8::1", "carla").status for _ in range(2)] == [401] * 2
    assert at("2001:db8::ffff:2", "carla").status == 429  # one network, one guesser
    assert at("2001:db8:0:1::1", "carla").status == 401
    assert [at("192.0.2.3", f"user {n}").status for n in range(6)] == [401] * 5 + [429]
    assert [at("192.0.2.200", "ada").status for _ in range(3)] == [401] * 3  # RATE_LIMIT_ALLOW
    sokoul.sql("UPDATE login_failures SET at = at - interval '15 minutes'")
    assert at("192.0.2.1", password=PASSWORD).status == 200
    assert "ada" not in str(sokoul.sql("SELECT account FROM login_failures"))
    wrong = {"password": NEW, "current_password": "wrong horse battery"}
    there = {"X-Forwarded-For": "192.0.2.4"}
    assert [user.patch("/user/profile", wrong, headers=there).status for _ in range(3)] == [403, 403, 429]


# ---- who may come in ----------------------------------------------------------------------------


def newcomer(name, **codes):
    return {"username": name, "email": f"{name}@example.org", "password": PASSWORD, **codes}


def set_up_code(program):
    [line] = eventually(lambda: program.log(event="setup_code"), 10, "the set-up code")
    return re.search(r"[0-9A-Z]{5}(-[0-9A-Z]{5}){4}", line["message"]).group()


def test_the_first_account_is_made_by_the_set_up_code(sokoul):
    programs = [sokoul.start("sokoul-api", {"REGISTRATION": "closed"}) for _ in range(2)]
    api, other = (Api(program.port) for program in programs)
    codes = [set_up_code(program) for program in programs]
    assert codes[0] not in str(sokoul.sql("SELECT code_hash FROM invitations"))
    assert api.post("/auth/register", newcomer("eve")).status == 403
    assert api.post("/auth/register", newcomer("eve", setup_code="00000-" * 4 + "00000")).status == 403
    answers = []
    both = [threading.Thread(target=lambda a=a, n=n, c=c: answers.append(a.post("/auth/register", newcomer(n, setup_code=c))))
            for a, n, c in ((api, "ada", codes[1].lower().replace("-", " ")), (other, "eve", codes[0]))]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert sorted(a.status for a in answers) == [201, 403]
    first = next(a for a in answers if a.status == 201).json
    assert first["user"]["role"] == "admin" and api.with_token(first["access_token"]).get("/admin/users").status == 200
    assert [api.post("/auth/register", newcomer("bob", setup_code=code)).status for code in codes] == [403, 403]
    assert sokoul.value("SELECT count(*) FROM logs WHERE action = 'set_up' AND user_id = %s", (first["user"]["id"],)) == 1
    again = sokoul.start("sokoul-api")
    assert again.log(event="setup_code") == []


def test_an_invitation_lets_one_person_in(sokoul):
    api = Api(sokoul.start("sokoul-api", {"REGISTRATION": "invite", "PUBLIC_URL": "https://media.home.example"}).port)
    person(sokoul, "root", role="admin")
    family = sokoul.value("INSERT INTO refresh_tokens (id, user_id, family, token_hash, expires_at) SELECT gen_random_uuid(), id, "
                          "gen_random_uuid(), 'x', now() + interval '1 day' FROM users WHERE username = 'root' RETURNING family::text")
    root = api.with_token(access_token(sokoul, sokoul.value("SELECT id::text FROM users WHERE username = 'root'"), family, "admin"))
    assert api.post("/auth/register", newcomer("bob")).status == 403
    made = root.post("/admin/invitations", {"expires_in_s": 3600})
    assert made.status == 201 and made.json["url"] == f"https://media.home.example/#invitation/{made.json['code']}", made
    assert api.post("/auth/register", newcomer("bob", invitation="x")).status == 403
    assert api.post("/auth/register", newcomer("bob", invitation=made.json["code"], setup_code=made.json["code"])).status == 403
    bob = api.post("/auth/register", newcomer("bob", invitation=made.json["code"]))
    assert bob.status == 201 and bob.json["user"]["role"] == "user", bob
    assert api.post("/auth/register", newcomer("eve", invitation=made.json["code"])).status == 403
    listed = root.get("/admin/invitations").json
    assert listed["total"] == 1 and listed["items"][0]["used_by"] == bob.json["user"]["id"] and "code" not in str(listed)
    other, late = (root.post("/admin/invitations").json for _ in range(2))
    assert root.delete(f"/admin/invitations/{other['id']}").status == 204
    assert root.delete(f"/admin/invitations/{other['id']}").status == 404
    assert api.post("/auth/register", newcomer("eve", invitation=other["code"])).status == 403
    taken = api.post("/auth/register", newcomer("bob", invitation=late["code"]))
    assert taken.status == 409  # and the invitation is still good, until
    sokoul.sql("UPDATE invitations SET expires_at = now() WHERE id = %s", (late["id"],))
    assert api.post("/auth/register", newcomer("eve", invitation=late["code"])).status == 403
    assert fields(root.post("/admin/invitations", {"expires_in_s": 1})) == {"expires_in_s"}
    member = api.with_token(bob.json["access_token"])
    assert [member.request(m, p).status for m, p in (("GET", "/admin/invitations"), ("POST", "/admin/invitations"),
                                                      ("GET", "/admin/users"))] == [403] * 3
    assert [a for a, in sokoul.sql("SELECT action FROM logs WHERE action ~ '^invit' ORDER BY at")] == \
        ["invited", "invited", "invited", "invitation_deleted"]


def test_registration_is_open_on_loopback_only_unless_a_setting_says_so(sokoul):
    away = Api(sokoul.start("sokoul-api", host="0.0.0.0").port)
    assert away.post("/auth/register", newcomer("ada")).status == 403
    bad = sokoul.start("sokoul-api", {"REGISTRATION": "maybe"}, ready=False)
    bad.logs_json = False  # one plain line, before there is a log
    assert bad.wait(20) == 78 and "REGISTRATION" in bad.log_text()


# ---- administrators -----------------------------------------------------------------------------


def test_administrators_find_users_and_what_they_change_bites_within_a_second(sokoul, api, user, admin):
    person(sokoul, "zoe", "zoe@elsewhere.org", role="moderator")
    everybody = admin.get("/admin/users").json
    assert everybody["total"] == 3 and [u["username"] for u in everybody["items"]] == ["zoe", "root", "ada"]
    assert set(everybody["items"][0]) == {"id", "username", "email", "role", "created_at", "updated_at", "disabled", "disabled_at"}
    for query, names in (({"role": "moderator"}, ["zoe"]), ({"query": "ELSE"}, ["zoe"]), ({"disabled": "true"}, []),
                         ({"query": "%"}, []), ({"query": "a", "role": "user"}, ["ada"])):
        assert [u["username"] for u in admin.get("/admin/users", query=query).json["items"]] == names, query
    assert fields(admin.get("/admin/users", query={"role": "king"})) == {"role"}
    ada, path = user.user["id"], f"/admin/users/{user.user['id']}"
    for bad in ({}, {"role": "system"}, {"disabled": "yes"}, {"role": 7}):
        assert admin.patch(path, bad).status == 400, bad
    assert admin.patch("/admin/users/00000000-0000-0000-0000-000000000000", {"role": "user"}).status == 404
    assert admin.patch(f"/admin/users/{admin.user['id'][:-1]}0", {"role": "user"}).status == 404
    assert user.patch(path, {"role": "admin"}).status == 403
    raised = admin.patch(path, {"role": "moderator"})
    assert raised.status == 200 and raised.json["role"] == "moderator" and not raised.json["disabled"]
    moderator = logged_in(api)
    assert moderator.get("/admin/logs").status == 200
    assert admin.patch(path, {"role": "user"}).status == 200
    began = time.monotonic()
    eventually(lambda: moderator.get("/admin/logs").status == 401, 5, "the role gone")
    assert time.monotonic() - began < 1 * SLOW + 1
    assert admin.patch(path, {"disabled": True}).json["disabled"]
    assert ends(user) < 1 * SLOW + 1
    assert api.post("/auth/refresh", {"refresh_token": moderator.refresh_token}).status == 401
    wrong = api.post("/auth/login", {"username": "ada", "password": "wrong horse battery"})
    right = api.post("/auth/login", {"username": "ada", "password": PASSWORD})
    assert right.status == 401 and right.json["detail"] == wrong.json["detail"]
    assert [u["username"] for u in admin.get("/admin/users", query={"disabled": "true"}).json["items"]] == ["ada"]
    assert not admin.patch(path, {"disabled": False}).json["disabled"]
    assert user.get("/user/profile").status == 401  # what has ended stays ended
    back = logged_in(api)
    eventually(lambda: back.get("/user/profile").status == 200, 5, "ada again")
    acts = sokoul.sql("SELECT action, detail->>'role' FROM logs WHERE subject = %s ORDER BY at", (ada,))
    assert acts == [("role_changed", "moderator"), ("role_changed", "user"), ("user_disabled", None), ("user_enabled", None)]


def test_the_last_administrator_stays(sokoul, api, admin):
    path = f"/admin/users/{admin.user['id']}"
    for change in ({"role": "user"}, {"disabled": True}):
        assert admin.patch(path, change).status == 409, change
    second = sokoul.admin(api, "second")
    answers = []
    pairs = ((admin, second.user["id"]), (second, admin.user["id"]))
    both = [threading.Thread(target=lambda by=by, whom=whom: answers.append(
        by.patch(f"/admin/users/{whom}", {"role": "user"}).status)) for by, whom in pairs]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert answers.count(200) == 1, answers  # the other one is refused, or is none any more
    assert sokoul.value("SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL") == 1
