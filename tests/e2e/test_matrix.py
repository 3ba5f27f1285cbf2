# SPDX-License-Identifier: Apache-2.0
"""Every route, asked by everybody, for their own things, others' and none: the answers are those of matrix.txt."""
import difflib

import pytest
from matrix_kit import GOLDEN, WRITE, People, table, walk

RANK = {"none": 0, "disabled": 0, "expired": 0, "key:disabled": 0, "user": 1, "key:read": 1, "key:write": 1,
        "moderator": 2, "admin": 3, "key:admin": 3}
NEEDED = {"all": 0, "user": 1, "moderator": 2, "admin": 3}
# Who may, but nothing is there to be done.
UNFIT = {("POST", "/auth/password/reset"): 400, ("POST", "/user/totp/confirm"): 400, ("DELETE", "/user/totp"): 404}
ENDED_OK = "/auth/logout"  # ending what has ended is no failure


@pytest.fixture(scope="module")
def golden():
    try:
        with open(GOLDEN, encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def in_scope(route, role):
    method, path, _, credential = route
    if not role.startswith("key:"):
        return True
    lets_in = path.startswith(("/auth/sessions", "/user/api-keys", "/user/totp"))
    about_accounts = lets_in or method != "GET" and path.startswith(("/user/", "/admin/users", "/admin/invitations"))
    return credential == "key" and not about_accounts and (role != "key:read" or method == "GET")


def wrong(route, whose, role, status):
    """What no table may say, or None."""
    needed = NEEDED.get(route[2], 9)
    if status >= 500:
        return "fails"
    if RANK[role] > 0 and not in_scope(route, role):
        return None if status == 403 else "is not refused to such a key"
    if needed == 0 or RANK[role] >= needed:
        if whose == "other's" and status not in (403, 404) or whose == "other" and RANK[role] < NEEDED["admin"] and status != 403:
            return "is not 403 for what is another's"
        if UNFIT.get(route[:2]) == status:
            return None
        return None if whose not in ("own", "there", "-") or status < 400 or needed == 0 and RANK[role] == 0 else \
            "refuses who may"
    if route[1] == ENDED_OK and role == "disabled":
        return None
    if status != (401 if RANK[role] == 0 else 403):
        return "is not refused"
    return None


def test_each_route_answers_everybody_as_the_golden_table_says(sokoul, golden):  # req: S158 part: S63
    cells = walk(People(sokoul))
    now = table(cells)
    changed = "\n".join(difflib.unified_diff(golden.splitlines(), now.splitlines(), "matrix.txt", "now", lineterm="", n=0))
    if WRITE:
        with open(GOLDEN, "w", encoding="utf-8") as f:
            f.write(now)
    bad = [f"{route[0]} {route[1]} for {role}, {whose}: {status} {wrong(route, whose, role, status)}"
           for (route, whose), statuses in cells.items() for role, status in statuses.items()
           if wrong(route, whose, role, status)]
    assert not bad, "\n".join(bad)
    assert WRITE or not changed, f"who may do what has changed; if it is meant, MATRIX=write make test T=matrix\n{changed}"
