# SPDX-License-Identifier: Apache-2.0
"""Magnet links as people paste them: each is read, and leads to its file."""
import base64
import os
import urllib.parse

import swarm_kit as kit
from client import Api
from swarm import MIB

LINK = "magnet:?xt=urn:btih:{v1}"
TR = "&tr={tracker}"
OTHER = "&tr=udp%3A%2F%2Ftracker.invalid%3A80%2Fannounce"

PASTED = [
    # the hash
    LINK + TR, "magnet:?xt=urn:btih:{V1}" + TR, "magnet:?xt=urn:btih:{base32}" + TR, "magnet:?xt=urn:btih:{small32}" + TR,
    "magnet:?xt=urn:BTIH:{v1}" + TR, "MAGNET:?xt=urn:btih:{v1}" + TR, "Magnet:?XT=URN:BTIH:{V1}" + TR,
    "magnet:?xt.1=urn:btih:{v1}" + TR, "magnet:?xt=urn%3Abtih%3A{v1}" + TR, LINK + "&xt=urn:btih:{v1}" + TR,
    "magnet:?xt=urn:ed2k:354B15E68FB8F36D7CD88FF94116CDC1&xt=urn:btih:{v1}" + TR, LINK + "&xt=urn:md5:x" + TR,
    # its place
    "magnet:?tr={tracker}&xt=urn:btih:{v1}", "magnet:?dn=film&tr={tracker}&xt=urn:btih:{v1}", "magnet:?&&xt=urn:btih:{v1}&&tr={tracker}&",
    # what is around it
    LINK + TR + "\n", "\r\n\t" + LINK + TR + " \r\n", "   " + LINK + TR, LINK + TR + "&",
    LINK + " & dn = film " + TR, LINK + "%0A" + TR, LINK + "%20" + TR, "\u00a0" + LINK + TR, "\ufeff" + LINK + TR,
    # its name
    LINK + "&dn=Big+Buck%20Bunny" + TR, LINK + "&dn=Amélie" + TR, LINK + "&dn=Am%E9lie" + TR,
    LINK + "&dn=%D0%A4%D0%B8%D0%BB%D1%8C%D0%BC" + TR, LINK + "&dn=A & B" + TR, LINK + "&dn=Show #1" + TR,
    LINK + "&dn=100% sure" + TR, LINK + "&dn=%E2%80%AEgpj.exe" + TR, LINK + "&dn=" + TR, LINK + "&dn=a%00b" + TR,
    LINK + "&dn=a%0Ab" + TR, LINK + "&dn=..%2F..%2Fetc" + TR, LINK + "&dn=a/b\\c" + TR, LINK + "&dn=" + "x" * 2000 + TR,
    LINK + "&dn=a&dn=b" + TR, LINK + "&dn=<b>x</b>" + TR, LINK + "&dn=%F0%9F%98%80" + TR, LINK + "&dn" + TR,
    # its trackers
    LINK + "&tr={raw}", LINK + TR + TR + TR, LINK + "&tr.1={tracker}", LINK + "&tr.0={raw}" + OTHER, LINK + "&amp;dn=film&amp;tr={tracker}",
    LINK + "&tr=313131" + TR, LINK + "&tr=dht://x" + TR, LINK + "&tr=wss%3A%2F%2Fx.invalid" + TR, LINK + "&tr=" + TR,
    LINK + "&tr=tracker.invalid:80/announce" + TR, LINK + "&tr=%20{tracker}%0D%0A", LINK + "&tr=udp://x.invalid:80/a b" + TR,
    LINK + "&tr=http://user:pw@x.invalid/announce" + TR, LINK + "&tr=udp://x.invalid:99999/announce" + TR,
    LINK + TR + "".join(f"&tr=udp://t{n}.invalid:1" for n in range(150)),
    # what else stands there
    LINK + "&xl=1048576" + TR, LINK + "&xl=-1&xl=x" + TR, LINK + "&ws=ftp://w.invalid/f" + TR, LINK + "&ws=http://w.invalid/a file" + TR,
    LINK + "&kt=film+2001&mt=http://m.invalid/&as=http://a.invalid/f&xs=http://x.invalid/f" + TR,
    LINK + "&x.pe=tracker.invalid:80&x.pe=x" + TR, LINK + "&=&==&a=b=c&%" + TR]

REFUSED = ["magnet:?xt=urn:btih:{v1}0", "magnet:?xt=urn:btih:{half}", "magnet:?xt=urn:btih:" + "g" * 40, "magnet:?xt=urn:btih:",
           "magnet:?dn=film", "magnet:?", "magnet:", "{v1}", "", "http://x.invalid/?xt=urn:btih:{v1}",
           "magnet:?xt=urn:btmh:1120" + "a" * 64, "magnet:?xt=urn:sha1:{base32}",
           LINK + "&xt=urn:btih:0123456789abcdef0123456789abcdef01234567"]


def pasted(template, torrent):
    base32 = base64.b32encode(bytes.fromhex(torrent.info_hash)).decode()
    words = {"v1": torrent.info_hash, "V1": torrent.info_hash.upper(), "base32": base32, "small32": base32.lower(),
             "half": torrent.info_hash[:39], "raw": torrent.tracker, "tracker": urllib.parse.quote(torrent.tracker, safe="")}
    for word, value in words.items():
        template = template.replace("{" + word + "}", value)
    return template


def test_whatever_is_pasted_leads_to_the_file(sokoul, swarm, hunting):  # part: S42
    """A torrent of its own for each would show no more: the engine is given what our reader wrote."""
    user = Api(sokoul.start("sokoul-api", {"DOWNLOADS_ACTIVE_PER_USER": "1000"}).port).register()
    torrent = swarm.torrent(MIB)
    swarm.seed(torrent)
    hunting.hunter(WORKER_CONCURRENCY=len(PASTED))
    media, wrong, begun = hunting.media(), {}, []
    for template in PASTED:
        link = pasted(template, torrent)
        answer = user.post("/torrents/inspect", {"magnet": link})
        known = answer.status == 200 and (answer.json["info_hash"], torrent.tracker in answer.json["trackers"])
        if known != (torrent.info_hash, True):
            wrong[template] = answer
            continue
        begun.append((template, hunting.download(user, media, magnet=link)))
    for template, download in begun:
        if download.settled(60) != "Completed":
            wrong[template] = download.job("reason, detail")
    assert not wrong, wrong
    assert kit.sha256(os.path.join(begun[0][1].folder, "film.bin")) == torrent.sha256
    for template in REFUSED:
        answer = user.post("/torrents/inspect", {"magnet": pasted(template, torrent)})
        assert answer.status == 400 and answer.json["errors"][0]["field"] == "magnet", (template, answer)
    print(f"{len(PASTED)} pasted links are read, {len(REFUSED)} that are none are refused")
