# SPDX-License-Identifier: Apache-2.0
"""The bench's own tracker, which alone brings its peers together."""
import http.server
import socket
import struct
import threading
import urllib.parse

import swarm_kit as kit


class Tracker:
    """Answers each announce with the peers that the page has for that hash; .url({hash: peers}) makes a page."""

    def __init__(self):
        self.pages = []
        tracker = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path, _, query = self.path.partition("?")
                asked = dict(word.split("=", 1) for word in query.split("&"))
                info_hash = urllib.parse.unquote_to_bytes(asked["info_hash"])
                found = tracker.pages[int(path.split("/")[1])].get(info_hash, ())
                peers = b"".join(socket.inet_aton(host) + struct.pack(">H", port) for host, port in found)
                body = kit.bencode({"interval": 1800, "peers": peers})
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
                try:
                    self.wfile.write(head.encode() + body)
                except OSError:
                    pass  # it has gone, as those do who have all

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, page):
        self.pages.append(page)
        return f"http://127.0.0.1:{self.server.server_port}/{len(self.pages) - 1}/announce"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
