# SPDX-License-Identifier: Apache-2.0
"""Torrents of version 2, and hybrids, from the link to the file."""
import functools
import http.server
import os
import threading

import pytest
import swarm_kit as kit
from stack_under_test import SLOW
from swarm import MIB, Field
from torrents_kit import Versioned, link

PIECE = 65536


@pytest.fixture
def field(swarm):
    return Field(swarm)


def send(user, metainfo):
    answer = user.post("/torrents/inspect", body=metainfo, headers={"Content-Type": "application/x-bittorrent"})
    assert answer.status == 200, answer
    return answer.json["torrent_id"]


def kept(sokoul, download):
    return bytes(sokoul.value("SELECT metainfo FROM torrents WHERE id = %s", (str(download.torrent_id),)))


def intact(download, torrent):
    return kit.sha256(os.path.join(download.folder, torrent.name)) == torrent.sha256


WAYS = [("2", "file"), ("2", "v2"), ("12", "file"), ("12", "v1"), ("12", "v2"), ("12", "both")]


@pytest.mark.parametrize("version, way", WAYS, ids=["-".join(way) for way in WAYS])
def test_version_2_survives_a_kill_and_is_shared(sokoul, api, field, hunting, version, way):
    """part: S117"""
    ada, bob = api.register("ada"), api.register("bob")
    torrent = field.place(Versioned(version, 6 * MIB + 4321, piece=PIECE))
    by_link = {"v1": (torrent.v1, None), "v2": (None, torrent.v2), "both": (torrent.v1, torrent.v2)}
    source = ({"torrent_id": send(ada, torrent.file_with(field.url))} if way == "file" else
              {"magnet": link(*by_link[way], [field.url])})
    film = hunting.media()
    hunter = hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=1500)
    mine = hunting.download(ada, film, **source)
    mine.half(30 * SLOW, 0.3)
    hunter.kill()
    hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=1500)
    assert intact(mine.completed(60 * SLOW), torrent)
    assert torrent.layers and kit.bencode(torrent.layers)[1:-1] in kept(sokoul, mine)
    assert ada.get(f"/downloads/{mine.id}").json["total_bytes"] == torrent.size
    theirs = hunting.download(bob, film, magnet=link(*by_link.get(way, (None, torrent.v2)), [field.url]))
    assert theirs.completed(20 * SLOW).torrent_id == mine.torrent_id


class Web(http.server.SimpleHTTPRequestHandler):
    """Ranges of one file, and how many bytes of it were given."""
    protocol_version = "HTTP/1.1"
    given = 0

    def log_message(self, *_):
        pass

    def do_GET(self):
        with open(self.translate_path(self.path), "rb") as file:
            data = file.read()
        first, last = self.headers["Range"].removeprefix("bytes=").split("-")
        body = data[int(first):int(last) + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        type(self).given += len(body)
        self.wfile.write(body)


@pytest.fixture
def web(tmp_path):
    (tmp_path / "web").mkdir()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(type("Given", (Web,), {}), directory=str(tmp_path / "web")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown(), server.server_close(), thread.join()


def test_a_web_seed_alone_brings_version_2_piece_by_piece(sokoul, user, web, hunting, tmp_path):
    """No peer tells the hashes of the pieces, before a kill and after it."""
    torrent = Versioned("2", 6 * MIB + 4321, piece=PIECE)
    (tmp_path / "web" / torrent.name).write_bytes(torrent.data)
    whole = {"info": torrent.info, **torrent.layers, "url-list": f"http://127.0.0.1:{web.server_port}/"}
    hunter = hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=1500)
    download = hunting.download(user, torrent_id=send(user, kit.bencode(whole)))
    download.half(30 * SLOW, 0.3)
    hunter.kill()
    held = web.RequestHandlerClass.func.given
    hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=1500)
    assert intact(download.completed(60 * SLOW), torrent)
    again = web.RequestHandlerClass.func.given - torrent.size
    assert again < torrent.size // 4, f"{again} bytes of {torrent.size} were asked for again after {held}"
