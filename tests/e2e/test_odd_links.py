# SPDX-License-Identifier: Apache-2.0
"""Download links of all sorts, each of the best release, with a good one behind it: in the end the file is there."""
import gzip
import os
import sys
import threading
import urllib.parse

import pytest
import swarm_kit as kit
from client import Api
from stack_under_test import SLOW
from swarm import MIB

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "tools"))

from stack.serve import Serve, cut  # noqa: E402

BOM = b"\xef\xbb\xbf"
PAGE = b"<!DOCTYPE html><html><body>Download limit reached, come back tomorrow</body></html>"
READ = None  # the link leads to the torrent after all
TIMEOUT_S = 3


def head(status=200, *lines, length=None):
    lines = [f"HTTP/1.1 {status} So", *lines] + ([f"Content-Length: {length}"] if length is not None else [])
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8", "surrogateescape")


def whole(body, *lines, status=200):
    return head(status, *lines, length=len(body)) + body


def away(location, status=302):
    return whole(b"<html>moved</html>", f"Location: {location}", status=status)


def chunks(body, size=1000):
    parts = [body[n:n + size] for n in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def chunked(body):
    return head(200, "Transfer-Encoding: chunked") + body


class Link:
    """`answer` is what is sent, bytes or a function of the indexer; `left` the reason for which the release is left, READ
    if it is not.  `tries`: so often is it asked."""

    def __init__(self, label, left, answer, tries=1):
        self.label, self.left, self.answer, self.tries = label, left, answer, tries


def drip(indexer, connection):
    connection.sendall(head(length=600))
    for _ in range(600):
        connection.sendall(b"d")
        if indexer.over.wait(0.5):
            break


def never_ends(indexer, connection):
    connection.sendall(head())
    for _ in range(1 << 10):
        connection.sendall(b"d" * (1 << 16))


def headers_never_end(indexer, connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for n in range(4096):
        connection.sendall(b"X-%d: %s\r\n" % (n, b"x" * 100))


def hangs(indexer, connection):
    indexer.over.wait(60)


HOSTILE = kit.bencode({"info": {"name": "../../etc", "piece length": 16384, "pieces": b"x" * 20, "length": 5}})

LINKS = [
    # what is read all the same
    Link("a redirect with blanks", READ, lambda i: away(f"{i.url}/a file.torrent")),
    Link("a redirect in Latin-1", READ, lambda i: away("/Am\udce9lie.torrent")),
    Link("a redirect in UTF-8", READ, lambda i: away("/Amélie.torrent")),
    Link("a redirect to where it stands", READ, lambda i: away("file.torrent?x=1")),
    Link("a redirect with a part", READ, lambda i: away("/file.torrent#part")),
    Link("a redirect that is permanent", READ, lambda i: away("/file.torrent", 308)),
    Link("three redirects", READ, lambda i: away("/twice")),
    Link("a redirect to a magnet link", READ, lambda i: away(i.magnet, 301)),
    Link("a redirect to a magnet link with blanks", READ, lambda i: away(f" {i.magnet}&dn=Am\udce9lie 2010 ")),
    Link("a redirect to MAGNET:", READ, lambda i: away(i.magnet.replace("magnet:?xt=urn:btih", "MAGNET:?XT=URN:BTIH"))),
    Link("gzip without a word", READ, lambda i: whole(gzip.compress(i.torrent))),
    Link("gzip as announced", READ, lambda i: whole(gzip.compress(i.torrent), "Content-Encoding: gzip")),
    Link("a line end before it", READ, lambda i: whole(b"\r\n" + i.torrent)),
    Link("a byte order mark before it", READ, lambda i: whole(BOM + b"\r\n " + i.torrent)),
    Link("line ends behind it", READ, lambda i: whole(i.torrent + b"\r\n\r\n")),
    Link("a magnet link for a body", READ, lambda i: whole(i.magnet.encode())),
    Link("a magnet link for a body, with marks and blanks", READ, lambda i: whole(BOM + f"\r\n{i.magnet}\r\n".encode())),
    Link("no length", READ, lambda i: head() + i.torrent),
    Link("in chunks", READ, lambda i: chunked(chunks(i.torrent))),
    Link("called a page", READ, lambda i: whole(i.torrent, "Content-Type: text/html; charset=utf-8")),
    Link("another status of success", READ, lambda i: whole(i.torrent, status=203)),
    Link("a word before the answer", READ, lambda i: b"HTTP/1.1 100 Continue\r\n\r\n" + whole(i.torrent)),
    # what is none, and will not be one
    Link("a page", "refused", whole(PAGE, "Content-Type: text/html")),
    Link("JSON", "refused", whole(b'{"error":"Download limit reached"}', "Content-Type: application/json")),
    Link("nothing", "refused", whole(b"")),
    Link("no content", "refused", head(204)),
    Link("random bytes", "refused", lambda i: whole(b"\0" + os.urandom(5000))),
    Link("one letter", "refused", whole(b"d")),
    Link("a broken torrent", "invalid", whole(b"d4:infod4:name4:Filmee")),
    Link("a torrent that was cut by a wrong length", "invalid", lambda i: head(length=len(i.torrent) // 2) + i.torrent),
    Link("a hostile torrent", "refused", whole(HOSTILE)),
    Link("a broken magnet link", "refused", whole(b"magnet:?xt=urn:btih:short")),
    Link("gzip that is cut", "refused", lambda i: whole(gzip.compress(i.torrent)[:-9])),
    Link("gzip that never ends", "refused", whole(gzip.compress(b"d" * (64 << 20)))),
    Link("not found", "not_found", whole(b"{}", status=404)),
    Link("gone", "refused", whole(b"{}", status=410)),
    Link("forbidden", "refused", whole(b"{}", status=403)),
    Link("a bad request", "refused", whole(PAGE, status=400)),
    Link("payment", "refused", whole(PAGE, status=402)),
    Link("the law", "refused", whole(PAGE, status=451)),
    Link("a wrong key", "configuration", whole(b"{}", status=401)),
    Link("a redirect to another server", "refused", away("http://127.0.0.2:9/x.torrent")),
    Link("a redirect to https", "refused", lambda i: away(i.url.replace("http:", "https:") + "/file.torrent")),
    Link("a redirect to a file", "refused", away("file:///etc/passwd")),
    Link("a redirect to nowhere", "refused", whole(b"", status=302)),
    Link("a redirect to no address", "refused", away("http://[:::")),
    Link("a redirect to itself", "refused", lambda i: away(f"{i.url}/loop")),
    Link("a redirect to a broken magnet link", "refused", away("magnet:?dn=x")),
    # quotas: whoever waits for these waits long
    Link("a quota", "rate_limited", whole(b"<error code='500' description='Request limit reached'/>", status=429)),
    Link("a quota until tomorrow", "rate_limited", whole(PAGE, "Retry-After: 80000", status=429)),
    Link("out of order for long", "provider", whole(PAGE, "Retry-After: 3600", status=503)),
    # what might work later, and does not
    Link("an error", "provider", whole(PAGE, status=500), tries=4),
    Link("a bad gateway", "provider", whole(PAGE, status=502), tries=4),
    Link("out of order for a second", "provider", whole(PAGE, "Retry-After: 1", status=503), tries=4),
    Link("a status that is none", "provider", whole(PAGE, status=999), tries=4),
    Link("a choice of addresses", "provider", whole(PAGE, status=300), tries=4),
    Link("a body that is cut", "provider", lambda i: head(length=len(i.torrent) + 9) + i.torrent, tries=4),
    Link("a chunk without a size", "provider", chunked(b"size\r\nd\r\n0\r\n\r\n"), tries=4),
    Link("chunks that are cut", "provider", lambda i: chunked(chunks(i.torrent)[:-5]), tries=4),
    Link("plain where gzip is announced", "provider", lambda i: whole(i.torrent, "Content-Encoding: gzip"), tries=4),
    Link("no answer", "provider", b"", tries=4),
    Link("no HTTP", "provider", b"220 mail.example ESMTP\r\n", tries=4),
    Link("headers that never end", "provider", headers_never_end, tries=4),
    Link("a body that never ends", "provider", never_ends, tries=4),
    Link("a body byte by byte", "provider", drip, tries=4),
    Link("silence", "provider", hangs, tries=4),
]


class Indexer:
    """Prowlarr, as far as downloads go: /1/download?link=N answers by the N-th row of LINKS."""

    def __init__(self, torrent):
        self.torrent, self.magnet = torrent.file.read_bytes(), torrent.magnet()
        self.asked, self.over = [], threading.Event()
        self.server = Serve(self.answer)
        self.url = self.server.start().url

    def link(self, number):
        return f"{self.url}/1/download?apikey=~apikey~&link={number}"

    def answer(self, request):
        connection, path = request.connection, urllib.parse.unquote(request.route, errors="surrogateescape")
        if path == "/loop":
            connection.sendall(away("/loop"))
        elif path == "/twice":
            connection.sendall(away("/once"))
        elif path == "/once":
            connection.sendall(away("/file.torrent"))
        elif path != "/1/download":
            assert path in ("/a file.torrent", "/Am\udce9lie.torrent", "/Amélie.torrent", "/file.torrent",
                            "/1/file.torrent"), path
            connection.sendall(whole(self.torrent))
        else:
            self.asked.append(int(request.query["link"]))
            self.send(connection, LINKS[self.asked[-1]].answer)
        cut(request)

    def send(self, connection, answer):
        if isinstance(answer, bytes):
            connection.sendall(answer)
        elif answer.__code__.co_argcount == 1:
            connection.sendall(answer(self))
        else:
            answer(self, connection)

    def stop(self):
        self.over.set()
        self.server.stop()


@pytest.fixture
def film(swarm):
    torrent = swarm.torrent(MIB, "film.bin")
    swarm.seed(torrent)
    return torrent


@pytest.fixture
def indexer(film):
    made = Indexer(film)
    yield made
    made.stop()


def faults(number, link, download, good, indexer):
    """What is wrong with how it ended."""
    status, attempts = download.job("status, attempts")
    tries = [(one["title"], one["reason"]) for one in download.tries]
    wanted = [] if link.left is READ else [("Film.2010.odd", link.left)]
    if status != "Completed":
        yield status, download.job("reason, detail")
    if (download.release_id == good) != (link.left is not READ) or tries != wanted:
        yield "it was left" if tries else "it was not left", download.tries
    if any(not one["detail"] for one in download.tries):
        yield "no word why", download.tries
    if attempts != link.tries or indexer.asked.count(number) < link.tries:  # of a job that was handed back: once more
        yield attempts, "attempts, asked", indexer.asked.count(number)


def test_behind_every_odd_link_the_good_release_is_found(sokoul, film, indexer, hunting):
    """All at once: what may pass is asked four times in 14 s."""
    user = Api(sokoul.start("sokoul-api", {"DOWNLOADS_ACTIVE_PER_USER": "1000"}).port).register()
    hunting.hunter(PROWLARR_URL=indexer.url, HTTP_TIMEOUT_S=TIMEOUT_S, WORKER_CONCURRENCY=len(LINKS))
    begun = []
    for number, link in enumerate(LINKS):
        media = hunting.media()
        hunting.release(media, "Film.2010.odd", 90, download_url=indexer.link(number))
        good = hunting.release(media, "Film.2010.good", 50, magnet=film.magnet(), info_hash=film.info_hash)
        begun.append((number, link, hunting.download(user, media), good))
    for _, _, download, _ in begun:
        download.settled(120)
    wrong = {link.label: found for number, link, download, good in begun
             if (found := list(faults(number, link, download, good, indexer)))}
    assert not wrong, wrong
    folder = begun[0][2].folder
    assert kit.sha256(os.path.join(folder, "film.bin")) == film.sha256
    print(f"{len(LINKS)} links: {sum(link.left is READ for link in LINKS)} lead to the torrent, the others to the next release")


def test_a_quota_that_is_all_there_is_is_waited_for(sokoul, user, film, indexer, hunting, monkeypatch):
    """Without another release a link that asks to wait is asked again, and leads to the torrent."""
    answers = iter([whole(PAGE, "Retry-After: 1", status=429), whole(indexer.torrent)])
    monkeypatch.setattr(LINKS[0], "answer", lambda i: next(answers))
    hunting.hunter(PROWLARR_URL=indexer.url)
    media = hunting.media()
    hunting.release(media, "Film.2010", 90, download_url=indexer.link(0))
    download = hunting.download(user, media).completed(30 * SLOW)
    assert (download.job("attempts"), download.tries) == ((2,), [])


def test_an_error_that_passes_does_not_cost_the_best_release(sokoul, user, film, indexer, hunting, monkeypatch):
    answers = iter([whole(PAGE, status=500), whole(PAGE, status=502), whole(indexer.torrent)])
    monkeypatch.setattr(LINKS[0], "answer", lambda i: next(answers))
    hunting.hunter(PROWLARR_URL=indexer.url)
    media = hunting.media()
    best = hunting.release(media, "Film.2010", 90, download_url=indexer.link(0))
    hunting.release(media, "Film.2010.CAM", 10, magnet=film.magnet(), info_hash=film.info_hash)
    download = hunting.download(user, media).completed(30 * SLOW)
    assert (download.release_id, download.tries, download.job("attempts")) == (best, [], (3,))


def test_the_last_error_is_the_downloads_own(sokoul, user, indexer, hunting, monkeypatch):
    monkeypatch.setattr(LINKS[0], "answer", whole(PAGE, status=500))
    hunting.hunter(PROWLARR_URL=indexer.url)
    media = hunting.media()
    hunting.release(media, "Film.2010", 90, download_url=indexer.link(0))
    download = hunting.download(user, media)
    assert download.settled(40) == "Failed"
    assert download.job("reason, attempts") == ("exhausted", 4)
    assert [(one["title"], one["reason"], one["detail"]) for one in download.tries] == [
        ("Film.2010", "provider", "Prowlarr answers with status 500")]
