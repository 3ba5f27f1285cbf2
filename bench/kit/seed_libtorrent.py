# SPDX-License-Identifier: Apache-2.0
"""A libtorrent that seeds what it is told of: seed_libtorrent.py ADDRESS PORT FOLDER; see Child in seeders.py."""
import sys
import threading
import time

import libtorrent as lt

SETTINGS = {"enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False}


def say(text):
    print(text, flush=True)


def tell_when_it_seeds(name, handle):
    while not handle.status().is_seeding:
        time.sleep(0.02)
    say(f"seeds {name}")


def main():
    address, port = sys.argv[1:3]
    session = lt.session({**SETTINGS, "listen_interfaces": f"{address}:{port}"})
    say("ready")
    for line in sys.stdin:
        name, folder, path = line.rstrip("\n").split("\t")
        try:
            params = lt.add_torrent_params()
            params.ti, params.save_path = lt.torrent_info(path), folder
            params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)  # seeds at once
            handle = session.add_torrent(params)
        except RuntimeError as e:
            say(f"cannot {name} {e}")
            continue
        say(f"takes {name}")
        threading.Thread(target=tell_when_it_seeds, args=(name, handle), daemon=True).start()


if __name__ == "__main__":
    main()
