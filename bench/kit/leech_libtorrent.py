# SPDX-License-Identifier: Apache-2.0
"""A plain libtorrent that fetches one torrent: with its defaults, but for what looks for peers elsewhere.

It says "ready", takes {"magnet" or "metainfo" (a path), "folder", "peers", "address", "wait_s"} as one line of JSON, and
says {"verdict", "seconds"}. It may speak to these peers only.
"""
import json
import sys
import time

import libtorrent as lt


def session_of(host, peers):
    session = lt.session({"listen_interfaces": f"{host}:0", "outgoing_interfaces": host, "enable_dht": False,
                          "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False, "ssrf_mitigation": False,
                          "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification})
    only = lt.ip_filter()
    only.add_rule("0.0.0.0", "255.255.255.255", 1)
    for address in [*peers, "127.0.0.1"]:
        only.add_rule(address, address, 0)
    session.set_ip_filter(only)
    return session


def params_of(wanted):
    if "magnet" in wanted:
        params = lt.parse_magnet_uri(wanted["magnet"])
    else:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(wanted["metainfo"])
    params.save_path = wanted["folder"]
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)  # it starts at once, as ours does
    return params


def wait(session, until):
    while time.monotonic() < until:
        time.sleep(0.002)  # session.wait_for_alert() of these bindings may touch an alert that is gone
        for alert in session.pop_alerts():
            if isinstance(alert, lt.torrent_finished_alert):
                return "Completed"
            if isinstance(alert, (lt.torrent_error_alert, lt.metadata_failed_alert)):
                return f"refused: {alert.message()}"
    return "not in time"


def main():
    print("ready", flush=True)
    wanted = json.loads(sys.stdin.readline())
    session = session_of(wanted["address"], wanted["peers"])
    begun = time.monotonic()
    try:
        session.async_add_torrent(params_of(wanted))
        verdict = wait(session, begun + wanted["wait_s"])
    except RuntimeError as e:
        verdict = f"refused: {e}"
    print(json.dumps({"verdict": verdict, "seconds": time.monotonic() - begun}), flush=True)


if __name__ == "__main__":
    main()
