# SPDX-License-Identifier: Apache-2.0
"""A fake Prowlarr: `prowlarr.releases` is a list of rows that a test may change.

    prowlarr.add("Sintel.2010.1080p.WEB-DL.x264-GRP", info_hash="08ad...")
    prowlarr.add("Sintel 2010", leads_to="magnet:?xt=...")     a downloadUrl that answers 301
    prowlarr.add("Sintel 2010", leads_to=b"d4:info...")        ... or a .torrent
    prowlarr.finds_all = True   whatever is asked for
    prowlarr.endless()     every page is full, of the same guids; new=True: of new ones
"""
import json

from fakes.faulty import Faulty
from stack import providers

KEY = "prowlarr-test-key-0123456789"
SINTEL = "08ada5a7a6183aae1e09d831df6748d566095a10"
BUNNY = "dd8255ecdc7ca55fb0bbf81323d87062db1f6d1c"


class FakeProwlarr(Faulty):
    def __init__(self):
        super().__init__()
        self.key = KEY
        self.releases = []
        self.links = {}
        self.without_end = ""
        self.finds_all = False
        self.add("Sintel.2010.1080p.BluRay.x264-OPEN", info_hash=SINTEL, seeders=120, size=2 << 30)
        self.add("Sintel.2010.1080p.BluRay.x264-OPEN", info_hash=SINTEL.upper(), seeders=80, indexer="Second")
        self.add("Sintel.2010.720p.WEB-DL.x265-OPEN", info_hash="1" * 40, seeders=40, size=700 << 20)
        self.add("Sintel.2010.CAM.XviD-BAD", info_hash="2" * 40, seeders=900, size=600 << 20)
        self.add("Big.Buck.Bunny.2008.1080p.WEB-DL.x264-OPEN", info_hash=BUNNY, seeders=50)
        self.add("Tears.of.Steel.2012.1080p.WEB-DL.x264-OPEN",
                 leads_to="magnet:?xt=urn:btih:209c8226b299b308beaf2b9cd3fb49212dbd13ec&dn=Tears+of+Steel")

    def add(self, title, info_hash=None, leads_to=None, **row):
        guid = f"guid-{len(self.releases)}"
        if leads_to is not None:
            self.links[guid] = leads_to
            row["download_url"] = f"{self.url}/1/download?apikey={self.key}&link={guid}"
        elif info_hash:
            row.setdefault("magnet_url", f"magnet:?xt=urn:btih:{info_hash}&dn={title}")
        self.releases.append(providers.release(guid, title, info_hash=info_hash, **row))
        return guid

    def endless(self, new=False):
        self.without_end = "new" if new else "same"

    def respond(self, request):
        if self.without_end and request.route == "/api/v1/search":
            return self._page_without_end(request.query)
        query = {**request.query, "query": ""} if self.finds_all else request.query
        return providers.Prowlarr(self.releases, self.key, self.links).answer(request.route, query, request.names)

    def _page_without_end(self, query):
        limit, offset = int(query.get("limit", "100")), int(query.get("offset", "0"))
        first = offset if self.without_end == "new" else 0
        rows = [providers.release(f"endless-{n}", f"Sintel.2010.1080p.WEB-DL.x264-G{n}", info_hash=f"{n:040x}",
                                  magnet_url=f"magnet:?xt=urn:btih:{n:040x}") for n in range(first, first + limit)]
        return 200, {"Content-Type": "application/json"}, json.dumps(rows).encode()
