# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that is as bad as it is told to be; the same seed is bad in the same way.

    with FaultProxy(("127.0.0.1", 5432), seed=7) as proxy:
        connect to proxy.port
        proxy.delay_s = 0.25          each piece waits so long, both ways: half a second per round trip
        proxy.piece_bytes = 1         written byte by byte
        proxy.reset_every_bytes = 9000  about so many bytes live, then the connection is reset
        proxy.hold("up"), proxy.hold("down"), proxy.hold("both")     nothing arrives any more, silently
        proxy.release()
        proxy.cut()                   resets what is connected now

"up" is from client to server.  Threads: one for accepting, two per connection; the attributes
may be changed at any time from any thread.  Bytes that are held are delivered after release().
"""
import random
import socket
import struct
import threading

CHUNK = 65536
BEAT_S = 0.05


class FaultProxy:
    def __init__(self, target, seed=1):
        self.target = target
        self.random = random.Random(seed)
        self.delay_s = 0.0
        self.piece_bytes = 0
        self.reset_every_bytes = 0
        self.held = set()
        self.changed = threading.Condition()
        self.pairs = []
        self.threads = []
        self.over = False
        self.resets = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        self._spawn(self._accept)
        return self

    def __exit__(self, *_):
        self.close()

    def hold(self, way):
        with self.changed:
            self.held = {"up", "down"} if way == "both" else {way}

    def release(self):
        with self.changed:
            self.held = set()
            self.changed.notify_all()

    def heal(self):
        """Good as new; what is connected stays."""
        self.delay_s, self.piece_bytes, self.reset_every_bytes = 0.0, 0, 0
        self.release()

    def cut(self):
        with self.changed:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            self._reset(pair)

    def close(self):
        with self.changed:
            self.over = True
            self.changed.notify_all()
        self.listener.close()
        self.cut()
        for thread in self.threads:
            thread.join(5)

    def _change(self, data, _way, _sink):
        """What is passed on instead; for proxies that know a protocol."""
        return data

    # ---- inside -----------------------------------------------------------------------------------

    def _spawn(self, target, *words):
        thread = threading.Thread(target=target, args=words, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self):
        self.listener.settimeout(BEAT_S)
        while not self.over:
            try:
                client, _ = self.listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, 5)
            except OSError:
                self._reset((client,))
                continue
            for s in (client, server):
                s.settimeout(None)
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = (client, server)
            with self.changed:
                self.pairs.append(pair)
                life = self.reset_every_bytes and int(self.reset_every_bytes * (0.5 + self.random.random()))
            budget = [life]
            self._spawn(self._pump, client, server, "up", pair, budget)
            self._spawn(self._pump, server, client, "down", pair, budget)

    def _reset(self, pair):
        """An RST, not a goodbye."""
        for s in pair:
            try:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def _pump(self, source, sink, way, pair, budget):
        try:
            while not self.over:
                data = source.recv(CHUNK)
                if not data or not self._pass_on(sink, data, way, budget):
                    break
        except OSError:
            pass
        with self.changed:
            if pair in self.pairs:
                self.pairs.remove(pair)
        self._reset(pair)

    def _pass_on(self, sink, data, way, budget):
        with self.changed:
            if self.delay_s:
                self.changed.wait_for(lambda: self.over, self.delay_s)
            self.changed.wait_for(lambda: self.over or way not in self.held)
        if self.over:
            return False
        data = self._change(data, way, sink)
        if budget[0]:
            budget[0] -= len(data)
            if budget[0] <= 0:
                sink.sendall(data[:len(data) // 2])
                self.resets += 1
                return False
        size = self.piece_bytes or len(data) or 1
        for at in range(0, len(data), size):
            sink.sendall(data[at:at + size])
        return True
