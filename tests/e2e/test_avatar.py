# SPDX-License-Identifier: Apache-2.0
"""One's picture."""
import itertools
import os
import stat

import pytest
from pictures import chunk, jpeg, png, upload

numbers = itertools.count(1)
MAX_BYTES = 10 << 20


@pytest.fixture
def api(shared):
    return shared.api


@pytest.fixture
def user(api):
    return api.register(f"ada{next(numbers)}")


@pytest.fixture
def folder(shared):
    return os.path.join(shared.download_dir, ".avatars")


def files(folder):
    return set(os.listdir(folder)) if os.path.isdir(folder) else set()


def put(user, data, kind="image/png", **how):
    return user.request("POST", "/user/avatar", **upload(data, kind, **how))


def padded(size):
    """A picture of so many bytes."""
    return png(2, 2, more=chunk(b"teSt", b"x" * (size - len(png(2, 2)) - 12)))


def test_a_picture_comes_back_as_it_was(api, user):
    assert user.get("/user/avatar").status == 404
    for data, kind, size in ((png(3, 5), "image/png", (3, 5)), (jpeg(640, 480), "image/jpeg", (640, 480))):
        answer = put(user, data, "text/html", name="x.exe")  # what the client calls it is not looked at
        assert answer.status == 201, answer
        assert answer.json == {"type": kind, "width": size[0], "height": size[1], "size": len(data)}
        got = user.get("/user/avatar")
        assert (got.status, got.body, got.headers["Content-Type"]) == (200, data, kind)
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        again = user.get("/user/avatar", headers={"If-None-Match": got.headers["ETag"]})
        assert (again.status, again.body) == (304, b"")
    assert user.get("/user/avatar", headers={"If-None-Match": '"another"'}).status == 200
    assert api.get("/user/avatar").status == 401


def test_what_is_no_jpeg_or_png_is_415_whatever_its_name(user, folder):  # req: S167
    before = files(folder)
    for data in (b"GIF89a\1\0\1\0\0\0\0;", b"#!/bin/sh\nid\n", b"<script>alert(1)</script>", b"", png(2, 2)[:-1],
                 png(2, 2) + b"PK\3\4", jpeg(2, 2) + b"<?php ?>", jpeg(0, 2), png(2, 0), b"\x89PNG\r\n\x1a\n" + b"x" * 100):
        for kind in ("image/png", "image/jpeg"):
            assert put(user, data, kind).status == 415, data[:20]
    assert user.request("POST", "/user/avatar", body=png(2, 2), headers={"Content-Type": "image/png"}).status == 415
    assert user.post("/user/avatar", {"avatar": "x"}).status == 415
    form = upload(png(2, 2), "image/png")
    assert user.request("POST", "/user/avatar", body=form["body"][:-30], headers=form["headers"]).status == 400
    assert files(folder) == before and user.get("/user/avatar").status == 404


def test_what_is_too_large_is_413(user, folder):
    before = files(folder)
    for data in (png(4097, 1), png(1, 4097), jpeg(65535, 1), png(1 << 31, 1), padded(MAX_BYTES + 1), b"x" * (MAX_BYTES + 9000)):
        assert put(user, data).status == 413, len(data)
    assert files(folder) == before
    whole = padded(MAX_BYTES)
    assert len(whole) == MAX_BYTES and put(user, whole).status == 201
    assert user.get("/user/avatar").body == whole
    assert put(user, png(4096, 4096)).status == 201


def test_a_picture_has_a_random_name_in_a_folder_that_nothing_serves(shared, user, folder):  # req: S170
    before = files(folder)
    for escape in ("../../evil.png", "/tmp/evil.png", "..\\evil.png", "a\0b.png"):
        assert put(user, png(2, 2), name=escape).status == 201
    (name,) = files(folder) - before  # one, and the older ones are gone
    assert len(name) == 32 and set(name) <= set("0123456789abcdef")
    inside = os.stat(os.path.join(folder, name))
    assert stat.S_IMODE(inside.st_mode) == 0o640 and stat.S_IMODE(os.stat(folder).st_mode) & 0o007 == 0
    for path in (f"/{name}", f"/user/avatar/{name}", f"/avatars/{name}", f"/.avatars/{name}", f"/downloads/.avatars/{name}",
                 f"/downloads/../.avatars/{name}", f"/assets/{name}", f"/assets/../.avatars/{name}"):
        assert user.get(path).status in (400, 403, 404), path
    assert user.get(f"/{name}").status == 404


def test_each_has_their_own_and_it_goes_with_the_account(api, user, folder):
    other = api.register(f"bob{next(numbers)}")
    before = files(folder)
    assert put(user, png(2, 3)).status == put(other, png(4, 5)).status == 201
    assert len(files(folder) - before) == 2
    assert user.get("/user/avatar").body == png(2, 3) and other.get("/user/avatar").body == png(4, 5)
    assert user.delete("/user/profile").status == 204
    assert len(files(folder) - before) == 1
    assert other.get("/user/avatar").body == png(4, 5)


def test_a_folder_that_cannot_be_used_is_503_and_nothing_is_lost(shared, user, folder):
    assert put(user, png(2, 2)).status == 201
    os.rename(folder, folder + ".away")
    with open(folder, "w", encoding="ascii") as f:
        f.write("no folder")
    try:
        assert put(user, png(3, 3)).status == 503
    finally:
        os.remove(folder)
        os.rename(folder + ".away", folder)
    assert user.get("/user/avatar").body == png(2, 2)
