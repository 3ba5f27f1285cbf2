# SPDX-License-Identifier: Apache-2.0
"""A fake peer that has every byte of some torrents in memory, and the tracker that tells of it.

    peer.url                                 its tracker, "http://127.0.0.1:40001/announce"
    peer.share(info, data, piece, *hashes)   the bencoded info, what its pieces cover, their length, and the
                                             hashes by which it may be asked for (20 bytes each)

It serves what a real client would not take, so that the other side has to judge.  Metadata by BEP 9, pieces by
BEP 3; no encryption, and of version 2 only files that are no longer than a piece.
"""
import http.server
import re
import socketserver
import struct
import threading

BLOCK = 16384
EXTENDED, HASH_REQUEST, HASH_REJECT = 20, 21, 23
RESERVED = bytes([0, 0, 0, 0, 0, 0x10, 0, 0x10])  # extensions, version 2


class Session(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.settimeout(120)
        self.metadata_id = 0
        try:
            self.serve()
        except OSError:
            pass  # the other side went away

    def read(self, count):
        got = b""
        while len(got) < count:
            part = self.request.recv(count - len(got))
            if not part:
                raise ConnectionError
            got += part
        return got

    def send(self, kind, body=b""):
        self.request.sendall(struct.pack(">IB", len(body) + 1, kind) + body)

    def serve(self):
        if self.read(20) != b"\x13BitTorrent protocol":
            return
        self.read(8)
        digest = self.read(20)
        self.shared = self.server.shared.get(digest)
        if self.shared is None:
            return
        self.read(20)
        self.request.sendall(b"\x13BitTorrent protocol" + RESERVED + digest + b"-FK0001-abcdefghijkl")
        info, data, piece = self.shared
        self.send(EXTENDED, b"\0d1:md11:ut_metadatai1ee13:metadata_sizei%dee" % len(info))
        pieces = -(-len(data) // piece)
        full = (1 << pieces) - 1 << -pieces % 8
        self.send(5, full.to_bytes(-(-pieces // 8), "big"))
        self.send(1)
        while True:
            size = struct.unpack(">I", self.read(4))[0]
            if size:
                body = self.read(size)
                self.answer(body[0], body[1:])

    def answer(self, kind, body):
        info, data, piece = self.shared
        if kind == 6:
            index, begin, length = struct.unpack(">III", body)
            at = index * piece + begin
            self.send(7, struct.pack(">II", index, begin) + data[at:at + length])
        elif kind == HASH_REQUEST:
            self.send(HASH_REJECT, body)
        elif kind == EXTENDED and body[0] == 0:
            found = re.search(rb"11:ut_metadatai(\d+)e", body)
            self.metadata_id = int(found[1]) if found else 0
        elif kind == EXTENDED and body[0] == 1 and b"8:msg_typei0e" in body and self.metadata_id:
            number = int(re.search(rb"5:piecei(\d+)e", body)[1])
            head = b"d8:msg_typei1e5:piecei%de10:total_sizei%dee" % (number, len(info))
            self.send(EXTENDED, bytes([self.metadata_id]) + head + info[number * BLOCK:(number + 1) * BLOCK])


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512


class Announce(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        host, port = self.server.peer
        peers = bytes(map(int, host.split("."))) + struct.pack(">H", port)
        body = b"d8:intervali60e5:peers6:" + peers + b"e"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Peer:
    def __init__(self, host="127.0.0.1"):
        self.seeder = Server((host, 0), Session)
        self.seeder.shared = {}
        self.tracker = http.server.ThreadingHTTPServer((host, 0), Announce)
        self.tracker.peer = self.seeder.server_address
        self.url = f"http://{host}:{self.tracker.server_address[1]}/announce"
        for server in (self.seeder, self.tracker):
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def share(self, info, data, piece, *hashes):
        for digest in hashes:
            self.seeder.shared[digest] = (info, data, piece)

    def stop(self):
        for server in (self.seeder, self.tracker):
            server.shutdown()
            server.server_close()
