# SPDX-License-Identifier: Apache-2.0
"""Heads and bodies about whose end two programs in a row may disagree, byte by byte, on whatever libmicrohttpd is there.

Each shape is followed by a request that is well-formed.  It must not be answered: there is one answer, 400 as
problem+json, and the connection ends.
"""
import json
import re

import pytest
from test_http_contract import Raw

pytestmark = pytest.mark.kept

HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
LINE = b"GET /livez HTTP/1.1\r\n"
HOST = b"Host: t\r\n"
GET = LINE + HOST
POST = b"POST /auth/refresh HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
END = b"\r\n"


def get(line):
    return GET + line + END


def post(lines, body=b"{}"):
    return POST + lines + END + body


def chunked(body):
    return CHUNKED + END + body


REFUSED = {
    # lines that end a head, or seem to
    "a line that begins with a colon": get(b":x\r\n"),
    "a colon first of all lines": LINE + b": x\r\n" + HOST + END,
    "a colon alone": get(b":\r\n"),
    "a colon before a length": post(b": x\r\nContent-Length: 2\r\n"),
    "a line that begins with a zero byte": get(b"\0X-A: b\r\n"),
    "a zero byte first of all lines": LINE + b"\0X-A: b\r\n" + HOST + END,
    "a zero byte alone": get(b"\0\r\n"),
    "a zero byte before a length": post(b"\0\r\nContent-Length: 2\r\n"),
    "a blank line that is not empty": get(b" \r\n"),
    "a tab in place of an empty line": get(b"\t\r\n"),
    "a line without a colon": get(b"X-A\r\n"),
    "a line without a colon before a length": post(b"X-A b\r\nContent-Length: 2\r\n"),
    # zero bytes
    "a zero byte in a name": get(b"X\0A: b\r\n"),
    "a zero byte before the colon": get(b"X-A\0: b\r\n"),
    "a zero byte in a value": get(b"X-A: b\0c\r\n"),
    "a zero byte at a value's end": get(b"X-A: b\0\r\n"),
    "a zero byte in a length": post(b"Content-Length: 2\x000\r\n"),
    "a zero byte in an encoding": post(b"Transfer-Encoding: chunked\0x\r\n", b"0\r\n\r\n"),
    "a zero byte in the method": b"GET\0 /livez HTTP/1.1\r\n" + HOST + END,
    "a zero byte inside the method": b"G\0ET /livez HTTP/1.1\r\n" + HOST + END,
    "a zero byte in the path": b"GET /livez\0x HTTP/1.1\r\n" + HOST + END,
    "a zero byte at the path's end": b"GET /livez\0 HTTP/1.1\r\n" + HOST + END,
    "a zero byte in the query": b"GET /livez?\0a=b HTTP/1.1\r\n" + HOST + END,
    "a zero byte in the version": b"GET /livez HTTP/1.\x001\r\n" + HOST + END,
    # ends of lines
    "a bare LF after the request line": b"GET /livez HTTP/1.1\n" + HOST + END,
    "a bare LF after a header": LINE + b"Host: t\nX-A: b\r\n" + END,
    "bare LFs alone": b"GET /livez HTTP/1.1\nHost: t\n\n",
    "a bare LF for the empty line": GET + b"\n",
    "a bare LF before a length": POST + b"X-A: b\nContent-Length: 2\r\n" + END + b"{}",
    "a bare CR in a value": get(b"X-A: b\rc\r\n"),
    "a bare CR before a header": get(b"X-A: b\rContent-Length: 5\r\n"),
    "a CR before the CR": get(b"X-A: b\r\r\n"),
    # folded lines
    "a folded line": get(b"X-A: b\r\n c\r\n"),
    "a line folded with a tab": get(b"X-A: b\r\n\tc\r\n"),
    "a folded line after nothing": get(b"X-A:\r\n b\r\n"),
    "a folded length": post(b"Content-Length:\r\n 2\r\n"),
    "a folded encoding": post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"),
    "a folded first line": LINE + b" X-A: b\r\n" + HOST + END,
    # names
    "a blank before the colon": get(b"X-A : b\r\n"),
    "a blank in a name": get(b"X A: b\r\n"),
    "a tab before the colon": post(b"Content-Length\t: 2\r\n"),
    "a name in brackets": get(b"X(A): b\r\n"),
    "a name that is not ASCII": get(b"X-\xc3\xa4: b\r\n"),
    "a control character in a value": get(b"X-A: b\x01c\r\n"),
    # lengths
    "two lengths": post(b"Content-Length: 2\r\nContent-Length: 3\r\n"),
    "two equal lengths": post(b"Content-Length: 2\r\nContent-Length: 2\r\n"),
    "a list of lengths": post(b"Content-Length: 2, 2\r\n"),
    "an empty length": post(b"Content-Length:\r\n"),
    "a length that is a word": post(b"Content-Length: two\r\n"),
    "a length with a sign": post(b"Content-Length: +2\r\n"),
    "a negative length": post(b"Content-Length: -2\r\n"),
    "a length in hex": post(b"Content-Length: 0x2\r\n"),
    "a length with a fraction": post(b"Content-Length: 2.0\r\n"),
    "a length with a blank in it": post(b"Content-Length: 2 2\r\n"),
    "a length and more": post(b"Content-Length: 2;x\r\n"),
    "a form feed before a length": post(b"Content-Length: \x0c2\r\n"),
    # encodings
    "length and encoding": post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "encoding and length": post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
    "an encoding twice": post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "a list of encodings": post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "chunked and identity": post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "an encoding in quotes": post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"),
    "an unknown encoding": post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "an empty encoding": post(b"Transfer-Encoding:\r\n", b"0\r\n\r\n"),
    "a vertical tab before an encoding": post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    "an encoding in HTTP/1.0": CHUNKED.replace(b"1.1", b"1.0") + END + b"0\r\n\r\n",
    # request lines
    "two blanks after the method": b"GET  /livez HTTP/1.1\r\n" + HOST + END,
    "two blanks before the version": b"GET /livez  HTTP/1.1\r\n" + HOST + END,
    "a blank after the version": b"GET /livez HTTP/1.1 \r\n" + HOST + END,
    "a blank in the path": b"GET /live z HTTP/1.1\r\n" + HOST + END,
    "a tab in the path": b"GET /live\tz HTTP/1.1\r\n" + HOST + END,
    "a tab after the method": b"GET\t/livez HTTP/1.1\r\n" + HOST + END,
    "bytes over 127 in the path": b"GET /liv\xc3\xa9 HTTP/1.1\r\n" + HOST + END,
    "a fragment in the path": b"GET /livez#a HTTP/1.1\r\n" + HOST + END,
    "no version": b"GET /livez\r\n" + HOST + END,
    "another version": b"GET /livez HTTP/1.2\r\n" + HOST + END,
    "HTTP/2": b"GET /livez HTTP/2.0\r\n" + HOST + END,
    "a version in small letters": b"GET /livez http/1.1\r\n" + HOST + END,
    "a method in brackets": b"(GET) /livez HTTP/1.1\r\n" + HOST + END,
    "no host": LINE + b"Accept: */*\r\n" + END,
    "two hosts": get(b"Host: u\r\n"),
    # chunks
    "a chunk's size that is a word": chunked(b"x\r\n{}\r\n0\r\n\r\n"),
    "a chunk without its end": chunked(b"2\r\n{}0\r\n\r\n"),
    "a chunk's size with a sign": chunked(b"+2\r\n{}\r\n0\r\n\r\n"),
    "a chunk's size that no number holds": chunked(b"1ffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    "a chunk's size with a prefix": chunked(b"0x2\r\n{}\r\n0\r\n\r\n"),
    "no size of a chunk": chunked(b"\r\n{}\r\n0\r\n\r\n"),
    "a trailer without a colon": chunked(b"2\r\n{}\r\n0\r\nX-A\r\n\r\n"),
}

# From 1.0 on the library may leave these without a word: it says nothing to us, either.
SILENT = {name for name in REFUSED if re.search("zero byte.* the (method|path|path's end|query|version)$|a tab after", name)}

# Lawful, or at least harmless: one answer of ours, and nothing behind it is read.
LAST = {
    "chunks": chunked(b"2\r\n{}\r\n0\r\n\r\n"),
    "bare LFs between chunks": chunked(b"2\n{}\n0\n\n"),
    "an extension of a chunk": chunked(b"2;a=b\r\n{}\r\n0\r\n\r\n"),
    "a trailer": chunked(b"2\r\n{}\r\n0\r\nX-A: b\r\n\r\n"),
    "a trailer that begins with a colon": chunked(b"2\r\n{}\r\n0\r\n: b\r\nX-A: b\r\n\r\n"),
    "a trailer that begins with a zero byte": chunked(b"2\r\n{}\r\n0\r\n\0\r\nX-A: b\r\n\r\n"),
}

ACCEPTED = {
    "nothing odd": get(b""),
    "no blank after the colon": get(b"X-A:b\r\n"),
    "blanks and tabs around a value": get(b"X-A: \t b \t \r\n"),
    "a blank behind a value": get(b"X-A: b \r\nX-B: c\t\r\n"),
    "an empty value": get(b"X-A:\r\n"),
    "a value of blanks": get(b"X-A:   \r\n"),
    "a value that is not ASCII": get(b"X-A: \xc3\xa4\r\n"),
    "a name of signs": get(b"!#$%&'*+-.^_`|~: b\r\n"),
    "cookies": get(b"Cookie: a=b; c=d\r\n"),
    "many equal headers": get(b"X-A: b\r\n" * 63),
    "the whole address": b"GET http://t/livez HTTP/1.1\r\n" + HOST + END,
    "an empty line before": b"\r\n" + get(b""),
    "a small header's name": get(b"connection: keep-alive\r\n"),
    "a length of nothing": get(b"Content-Length: 0\r\n"),
}


def hear(port, parts):
    raw = Raw(port)
    for part in parts:
        try:
            raw.say(part)
        except OSError:  # it has had enough
            break
    return raw.hear()


def status_of(name):
    return "505" if name in ("another version", "HTTP/2") else "400"


def answers(text):
    """Statuses of all that was heard."""
    return re.findall(r"HTTP/1\.\d (\d{3}) ", text)


@pytest.fixture(params=["at once", "in pieces"])
def send(api, request):
    """Says a text: in one segment, or in three that are cut where it hurts."""
    def whole(text):
        return hear(api.port, [text + HIDDEN])

    def pieces(text):
        third = len(text) // 3
        return hear(api.port, [text[:third], text[third:-1], text[-1:] + HIDDEN])

    return whole if request.param == "at once" else pieces


def test_whatever_is_no_head_has_one_answer_and_ends_the_connection(send):
    wrong = []
    for name, text in REFUSED.items():
        answer = send(text)
        if answer == "" and name in SILENT:
            continue
        head, _, body = answer.partition("\r\n\r\n")
        try:
            assert answers(answer) == [status_of(name)]
            assert "content-type: application/problem+json" in head.lower() and "connection: close" in head.lower()
            found = json.loads(body)
            assert found["status"] == int(status_of(name)) and f"x-request-id: {found['request_id']}" in head.lower()
        except (AssertionError, ValueError):
            wrong.append(f"{name}: {answer!r}")
    assert not wrong, "\n".join(wrong)
    assert len(REFUSED) >= 40


def test_nothing_is_read_behind_chunks(send):
    for name, text in LAST.items():
        answer = send(text)
        assert answers(answer) in (["400"], ["401"]) and "listeners_count" not in answer, f"{name}: {answer}"


def test_what_is_lawful_is_answered_and_the_connection_goes_on(send):
    for name, text in ACCEPTED.items():
        answer = send(text)
        assert answers(answer) == ["200", "200"] and "listeners_count" in answer, f"{name}: {answer!r}"


def test_a_number_that_is_too_large_is_too_large_once(api):
    """Some versions of the library refuse it themselves, and were heard twice."""
    for digits in ("9" * 18, "9" * 19, "18446744073709551616", "9" * 40):
        answer = hear(api.port, [post(f"Content-Length: {digits}\r\n".encode()) + HIDDEN])
        assert answers(answer) in (["400"], ["413"]), answer
        assert json.loads(answer.partition("\r\n\r\n")[2])["status"] in (400, 413)
