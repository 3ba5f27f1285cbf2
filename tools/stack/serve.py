# SPDX-License-Identifier: Apache-2.0
"""A small HTTP server of threads around a function, for the demo provider and the fakes.

    server = Serve(handle, port=0).start()    server.url    server.stop()

handle(request) gets a BaseHTTPRequestHandler with .route (path), .query (dict) and .names
(headers with lower-case names) and answers by send(request, status, headers, body).
"""
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a client that went away is nothing to tell


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def answer(self):
        parts = urlsplit(self.path)
        self.route = parts.path
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.names = {k.lower(): v for k, v in self.headers.items()}
        size = self.names.get("content-length", "0")
        self.body = self.rfile.read(int(size)) if size.isdigit() else b""
        self.server.handle(self)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

    def log_message(self, *_):
        pass


def send(request, status, headers, body):
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)


class Serve:
    def __init__(self, handle, port=0, address="127.0.0.1"):
        self.http = Server((address, port), Request)
        self.http.handle = handle
        self.port = self.http.server_address[1]
        self.url = f"http://{address}:{self.port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(5)


def cut(request):
    """Ends a connection without another word."""
    request.close_connection = True
    try:
        request.connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
