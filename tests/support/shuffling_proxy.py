# SPDX-License-Identifier: Apache-2.0
"""A proxy before NATS that delivers jobs in another order than the server; the same seed, the same order.

    with ShufflingProxy(("127.0.0.1", 4222), seed=7) as proxy:
        proxy.window = 20       so many deliveries are held together, then passed on shuffled; 0: none
        proxy.let_go()          what is held, now
        proxy.moved             how many were passed on at another place than their own

A delivery is what the server sends with a reply subject of JetStream's; all else goes its way at
once, and so overtakes.
"""
import threading

from fault_proxy import FaultProxy

DELIVERY = b"$JS.ACK."
CARRYING = (b"MSG ", b"HMSG ")


class ShufflingProxy(FaultProxy):
    def __init__(self, target, seed=1, window=0):
        super().__init__(target, seed)
        self.window = window
        self.moved = 0
        self.order = threading.Lock()  # guards what is below
        self.rests = {}   # of each connection: bytes that are not yet a whole frame
        self.kept = {}    # of each connection: deliveries that are held

    def let_go(self):
        with self.order:
            for sink, kept in self.kept.items():
                try:
                    sink.sendall(self._shuffled(kept))
                except OSError:
                    continue

    def _change(self, data, way, sink):
        if way == "up":
            return data
        with self.order:
            frames, self.rests[sink] = cut_frames(self.rests.get(sink, b"") + data)
            kept, now = self.kept.setdefault(sink, []), []
            for frame in frames:
                (kept if self.window and is_delivery(frame) else now).append(frame)
            if len(kept) >= self.window:
                now.append(self._shuffled(kept))
            return b"".join(now)

    def _shuffled(self, kept):
        order = list(range(len(kept)))
        self.random.shuffle(order)
        self.moved += sum(at != was for at, was in enumerate(order))
        mixed = b"".join(kept[n] for n in order)
        kept.clear()
        return mixed


def is_delivery(frame):
    return frame.startswith(CARRYING) and DELIVERY in frame.partition(b"\r\n")[0]


def cut_frames(data):
    """Whole frames of the NATS protocol, and the bytes that are left."""
    frames, at = [], 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return frames, data[at:]
        line, end = data[at:end], end + 2
        if line.startswith(CARRYING):
            end += int(line.split()[-1]) + 2
        if end > len(data):
            return frames, data[at:]
        frames.append(data[at:end])
        at = end
