# SPDX-License-Identifier: Apache-2.0
"""Films that may be shared freely, for the demo provider.

Titles, years and ids are those of themoviedb.org.  A film without releases has none whose
public magnet link is known for certain; a demo invents no hashes.
"""
from collections import namedtuple
from urllib.parse import quote

Film = namedtuple("Film", "id title year date genres overview")
Release = namedtuple("Release", "film title info_hash size seeders indexer how")

FILMS = [
    Film(45745, "Sintel", 2010, "2010-07-18", (16, 14), "A girl searches for the dragon she once raised. Blender Foundation, CC BY."),
    Film(10378, "Big Buck Bunny", 2008, "2008-04-10", (16, 35), "A giant rabbit takes revenge on three rodents. Blender Foundation, CC BY."),
    Film(133701, "Tears of Steel", 2012, "2012-09-26", (878, 28), "Scientists stage the past to save the world from robots. Blender Foundation, CC BY."),
    Film(358332, "Cosmos Laundromat", 2015, "2015-08-10", (16, 35), "A sheep on a desolate island meets a salesman. Blender Foundation, CC BY."),
    Film(9761, "Elephants Dream", 2006, "2006-03-24", (16, 878), "Two men explore an endless machine. Blender Foundation, CC BY."),
    Film(593048, "Spring", 2019, "2019-04-04", (16, 14), "A shepherd girl and her dog wake the spring. Blender Foundation, CC BY."),
    Film(20529, "Sita Sings the Blues", 2008, "2008-02-11", (16, 10402), "The Ramayana, told by shadow puppets and songs. Nina Paley, CC0."),
    Film(10331, "Night of the Living Dead", 1968, "1968-10-04", (27,), "Strangers hide in a farmhouse from the dead. Public domain in the United States."),
    Film(653, "Nosferatu", 1922, "1922-02-16", (27, 14), "A vampire moves to Wisborg. Public domain in the United States."),
    Film(961, "The General", 1926, "1926-12-25", (28, 35), "A railway engineer goes after his stolen locomotive. Public domain in the United States."),
    Film(4808, "Charade", 1963, "1963-12-01", (35, 9648), "A widow is chased through Paris for a fortune. Public domain in the United States."),
    Film(3085, "His Girl Friday", 1940, "1940-01-18", (35, 10749), "An editor tries to keep his best reporter. Public domain in the United States."),
]

SINTEL = "08ada5a7a6183aae1e09d831df6748d566095a10"
BUNNY = "dd8255ecdc7ca55fb0bbf81323d87062db1f6d1c"
TEARS = "209c8226b299b308beaf2b9cd3fb49212dbd13ec"
COSMOS = "c9e15763f722f23e98a29decdfae341b98d53056"

# how: "magnet" carries the link, "redirect" only a downloadUrl that answers 301 to it.
RELEASES = [
    Release(45745, "Sintel.2010.720p.WEB-DL.x264-BLENDER", SINTEL, 129302391, 87, "Open Films", "magnet"),
    Release(45745, "Sintel (2010) 720p WEB", SINTEL, 129302391, 61, "Public Library", "redirect"),
    Release(10378, "Big.Buck.Bunny.2008.720p.WEB-DL.x264-BLENDER", BUNNY, 276445467, 92, "Open Films", "magnet"),
    Release(133701, "Tears.of.Steel.2012.720p.WEB-DL.x264-BLENDER", TEARS, 571346576, 44, "Open Films", "magnet"),
    Release(358332, "Cosmos.Laundromat.2015.1080p.WEB-DL.x264-BLENDER", COSMOS, 220087570, 30, "Open Films", "redirect"),
]

TRACKERS = ["udp://tracker.opentrackr.org:1337/announce", "wss://tracker.openwebtorrent.com",
            "udp://explodie.org:6969"]


def magnet(release):
    film = next(f for f in FILMS if f.id == release.film)
    trackers = "".join(f"&tr={quote(t, safe='')}" for t in TRACKERS)
    return f"magnet:?xt=urn:btih:{release.info_hash}&dn={quote(film.title)}{trackers}"
