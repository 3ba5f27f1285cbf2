# SPDX-License-Identifier: Apache-2.0
"""An rqbit that seeds what it is told of: seed_rqbit.py ADDRESS PORT FOLDER; see Child in seeders.py."""
import sys
import threading
import time

import pyrqbit


def say(text):
    print(text, flush=True)


def tell_when_it_seeds(name, handle):
    while handle.stats()["progress_percent"] < 100 or not handle.is_live:
        time.sleep(0.02)
    say(f"seeds {name}")


def main():
    _, port, folder = sys.argv[1:4]
    session = pyrqbit.pyrqbit.Session(folder, listen_port=int(port), disable_dht=True, disable_trackers=True)
    say("ready")
    for line in sys.stdin:
        name, folder, path = line.rstrip("\n").split("\t")
        try:
            handle = session.add_torrent(path, output_folder=folder, overwrite=True)
        except Exception as e:  # whatever the library raises is its answer
            say(f"cannot {name} {' '.join(str(e).split())[:200]}")
            continue
        say(f"takes {name}")
        threading.Thread(target=tell_when_it_seeds, args=(name, handle), daemon=True).start()


if __name__ == "__main__":
    main()
