# SPDX-License-Identifier: Apache-2.0
"""A hunter whose port for BitTorrent is taken says so; it is not found at another one."""
import socket

import pytest
from stack.proc import free_ports


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize("host,family", [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_a_busy_port_ends_the_hunter_with_a_sentence(sokoul, kind, host, family):
    port = free_ports(1)
    with socket.socket(family, kind) as s:
        s.bind((host, port))
        if kind == socket.SOCK_STREAM:
            s.listen()
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        hunter = sokoul.start("sokoul-hunter", {"TORRENT_LISTEN": where}, ready=False)
        assert hunter.wait(20) == 69
    assert f"TORRENT_LISTEN: port {port} is in use by another program: stop that one" in hunter.log_text()
    sokoul.start("sokoul-hunter", {"TORRENT_LISTEN": where})
