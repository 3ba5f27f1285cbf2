# SPDX-License-Identifier: Apache-2.0
"""A second factor: codes of an app at the login, and codes on paper."""
import base64
import hashlib
import hmac
import itertools
import struct
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest

PASSWORD = "correct horse battery"
numbers = itertools.count(1)


def code_of(secret, ahead=0):
    """What an app shows now, or `ahead` steps later (RFC 6238)."""
    key = base64.b32decode(secret)
    mac = hmac.new(key, struct.pack(">Q", int(time.time()) // 30 + ahead), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


def another(code):
    return f"{(int(code) + 1) % 1000000:06d}"


@pytest.fixture
def api(shared):
    return shared.api


@pytest.fixture
def user(api):
    return api.register(f"ada{next(numbers)}")


class Second:
    """A user with a second factor that is confirmed."""

    def __init__(self, stack, user):
        self.stack, self.user = stack, user
        self.id, self.name = user.user["id"], user.user["username"]
        begun = user.post("/user/totp")
        assert begun.status == 201, begun
        self.secret, self.url = begun.json["secret"], begun.json["otpauth_url"]
        confirmed = user.post("/user/totp/confirm", {"code": code_of(self.secret)})
        assert confirmed.status == 200, confirmed
        self.recovery_codes = confirmed.json["recovery_codes"]
        self.forget_step()

    def forget_step(self):
        """As if the code had been taken long ago, so that it need not be waited for the next."""
        self.stack.sql("UPDATE totp SET last_step = 0 WHERE user_id = %s", (self.id,))

    def login(self, **code):
        return self.stack.api.post("/auth/login", {"username": self.name, "password": PASSWORD, **code})


@pytest.fixture
def second(shared, user):
    return Second(shared, user)


def is_asked_for(answer):
    return answer.status == 401 and answer.json["type"] == "urn:sokoul:problem:second_factor_required"


def test_a_second_factor_is_begun_confirmed_and_asked_for(shared, user):
    name = user.user["username"]
    begun = user.post("/user/totp").json
    url = urllib.parse.urlsplit(begun["otpauth_url"])
    assert (url.scheme, url.netloc, url.path) == ("otpauth", "totp", f"/Sokoul:{name}")
    assert dict(urllib.parse.parse_qsl(url.query)) == {"secret": begun["secret"], "issuer": "Sokoul"}
    assert shared.api.post("/auth/login", {"username": name, "password": PASSWORD}).status == 200  # not before it is confirmed
    assert user.get("/user/totp").json == {"enabled": False, "recovery_codes": 0}
    wrong = user.post("/user/totp/confirm", {"code": another(code_of(begun["secret"]))})
    assert wrong.status == 400 and wrong.json["errors"][0]["field"] == "code"
    confirmed = user.post("/user/totp/confirm", {"code": code_of(begun["secret"])})
    assert confirmed.status == 200 and len(set(confirmed.json["recovery_codes"])) == 10
    assert user.get("/user/totp").json == {"enabled": True, "recovery_codes": 10}
    assert is_asked_for(shared.api.post("/auth/login", {"username": name, "password": PASSWORD}))
    assert user.post("/user/totp").status == 409  # a stolen session cannot put its own in the place of it
    assert user.post("/user/totp/confirm", {"code": code_of(begun["secret"], 1)}).status == 404
    assert shared.sql("SELECT action FROM logs WHERE user_id = %s AND action LIKE 'totp%%'", (user.user["id"],)) == \
        [("totp_enabled",)]


def test_a_login_needs_a_right_code_and_each_works_once(second):
    assert is_asked_for(second.login())
    assert is_asked_for(second.login(code=another(code_of(second.secret))))
    code = code_of(second.secret, 1)  # a clock may be off by a step
    assert second.login(code=code).status == 200
    assert is_asked_for(second.login(code=code))
    assert is_asked_for(second.login(code=code_of(second.secret)))  # an earlier one that nobody has used
    second.forget_step()
    assert is_asked_for(second.login(code=code_of(second.secret, 3)))
    assert second.stack.value("SELECT count(*) FROM logs WHERE user_id = %s AND action = 'login_failed' AND subject = "
                              "'second factor'", (second.id,)) == 4


def test_of_logins_at_once_with_one_code_one_gets_in(second):
    with ThreadPoolExecutor(8) as pool:
        code = code_of(second.secret)
        statuses = list(pool.map(lambda _: second.login(code=code).status, range(8)))
    assert statuses.count(200) == 1 and set(statuses) <= {200, 401, 429}, statuses


def test_a_wrong_password_is_told_whatever_the_code_is(second):
    for code in ({}, {"code": code_of(second.secret)}):
        answer = second.stack.api.post("/auth/login", {"username": second.name, "password": "wrong password", **code})
        assert answer.status == 401 and answer.json["type"] == "urn:sokoul:problem:unauthenticated"
    assert second.login(code=code_of(second.secret)).status == 200  # it was not used up


def test_five_wrong_codes_and_no_more_are_looked_at_but_recovery_codes_are(second):
    wrong = another(code_of(second.secret))
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(lambda _: second.login(code=wrong).status, range(8)))
    assert statuses == [401] * 5 + [429] * 3
    answer = second.login(code=code_of(second.secret))
    assert answer.status == 429 and 1 <= int(answer.headers["Retry-After"]) <= 300
    assert second.login(code=second.recovery_codes[0]).status == 200
    second.stack.sql("UPDATE totp SET wrong_at = ARRAY(SELECT t - interval '5 minutes' FROM unnest(wrong_at) t) "
                     "WHERE user_id = %s", (second.id,))
    assert second.login(code=code_of(second.secret)).status == 200


def test_a_recovery_code_works_once_however_it_is_typed(second):
    first, other = second.recovery_codes[:2]
    assert second.login(code=first.upper().replace("-", " ")).status == 200
    assert is_asked_for(second.login(code=first))
    assert second.user.get("/user/totp").json["recovery_codes"] == 9
    assert is_asked_for(second.login(code="abcd-efgh-ijkl-mnop"))
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda _: second.login(code=other).status, range(6)))
    assert sorted(statuses) == [200] + [401] * 5
    stored = second.stack.value("SELECT string_agg(r::text, ' ') FROM recovery_codes r WHERE user_id = %s", (second.id,))
    assert not any(code.replace("-", "") in stored.lower() for code in second.recovery_codes)


def test_it_is_removed_with_the_password_and_a_code(second):
    def remove(password, code):
        return second.user.request("DELETE", "/user/totp", {"password": password, "code": code}).status

    code = code_of(second.secret)
    assert remove("wrong password", code) == 403
    assert remove(PASSWORD, another(code)) == 403
    assert second.user.request("DELETE", "/user/totp", {"password": PASSWORD}).status == 400
    assert is_asked_for(second.login())
    assert remove(PASSWORD, second.recovery_codes[3]) == 204
    assert second.login().status == 200
    assert second.stack.value("SELECT count(*) FROM recovery_codes WHERE user_id = %s", (second.id,)) == 0
    assert remove(PASSWORD, code) == 404


def test_it_goes_with_the_account(second):
    assert second.user.delete("/user/profile").status == 204
    assert second.stack.value("SELECT count(*) FROM totp WHERE user_id = %s", (second.id,)) == 0


def test_no_secret_of_it_stands_in_a_log(second):
    assert is_asked_for(second.login(code="abcd-efgh-ijkl-mnop"))
    assert second.login(code=second.recovery_codes[0]).status == 200
    logs = "".join(program.log_text() for program in second.stack.programs)
    assert not [secret for secret in [second.secret, *second.recovery_codes] if secret in logs]
