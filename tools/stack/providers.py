# SPDX-License-Identifier: Apache-2.0
"""What TMDB v3 and Prowlarr v1 answer, over lists that the caller gives.

    tmdb = Tmdb(movies, shows, key)          prowlarr = Prowlarr(releases, key, base_url)
    answer = tmdb.answer(path, query, headers)

An Answer is (status, headers, body).  `query` maps a name to its last value; header names are
in lower case.  Movies and shows are TMDB's own objects (dicts with id, title or name, ...),
releases are Prowlarr's.  No sockets here; any thread.
"""
import json
from collections import namedtuple

Answer = namedtuple("Answer", "status headers body")

PAGE = 20
PAGES_MAX = 500


def json_answer(status, value, headers=None):
    head = {"Content-Type": "application/json;charset=utf-8"}
    return Answer(status, {**head, **(headers or {})}, json.dumps(value).encode())


def words_of(text):
    return "".join(c.lower() if c.isalnum() else " " for c in text).split()


class Tmdb:
    GENRES = {12: "Adventure", 14: "Fantasy", 16: "Animation", 18: "Drama", 27: "Horror", 28: "Action", 35: "Comedy",
              80: "Crime", 878: "Science Fiction", 9648: "Mystery", 10402: "Music", 10749: "Romance"}

    def __init__(self, movies, shows, key):
        self.movies = movies
        self.shows = shows
        self.key = key

    def error(self, status, code, text):
        return json_answer(status, {"success": False, "status_code": code, "status_message": text})

    def answer(self, path, query, headers):
        given = query.get("api_key") or headers.get("authorization", "").removeprefix("Bearer ")
        if self.key and given != self.key:
            return self.error(401, 7, "Invalid API key: You must be granted a valid key.")
        parts = [p for p in path.split("/") if p]
        parts = parts[1:] if parts[:1] == ["3"] else parts
        if parts == ["configuration"]:
            return json_answer(200, {"images": {"base_url": "http://image.tmdb.org/t/p/",
                                                "secure_base_url": "https://image.tmdb.org/t/p/"}})
        if len(parts) == 2 and parts[0] == "search" and parts[1] in ("multi", "movie", "tv"):
            return self.search(parts[1], query)
        if len(parts) == 2 and parts[0] in ("movie", "tv"):
            return self.details(parts[0], parts[1], query.get("append_to_response", "").split(","))
        return self.error(404, 34, "The resource you requested could not be found.")

    def search(self, kind, query):
        try:
            page = int(query.get("page", "1"))
        except ValueError:
            page = 0
        if not 1 <= page <= PAGES_MAX:
            return self.error(400, 22, "Invalid page: Pages start at 1 and max at 500. They are expected to be an integer.")
        wanted = words_of(query.get("query", ""))
        pools = {"multi": [("movie", self.movies), ("tv", self.shows)], "movie": [("movie", self.movies)],
                 "tv": [("tv", self.shows)]}[kind]
        found = []
        for media_type, pool in pools:
            for item in pool:
                title = words_of(item.get("title") or item.get("name") or "")
                if wanted and all(any(t.startswith(w) for t in title) for w in wanted):
                    found.append({**item, "media_type": media_type} if kind == "multi" else item)
        return json_answer(200, {"page": page, "results": found[(page - 1) * PAGE:page * PAGE],
                                 "total_pages": max(1, -(-len(found) // PAGE)), "total_results": len(found)})

    def details(self, kind, number, more):
        """`names` and `days` of an item (its other names; per season a list of days) are told when asked for."""
        for item in self.movies if kind == "movie" else self.shows:
            if str(item["id"]) == number:
                full = {k: v for k, v in item.items() if k not in ("genre_ids", "names", "days")}
                days = item.get("days", {})
                if "alternative_titles" in more:
                    full["alternative_titles"] = {"titles" if kind == "movie" else "results": [
                        {"iso_3166_1": "XX", "title": name, "type": ""} for name in item.get("names", ())]}
                if kind == "tv":
                    full["seasons"] = [{"season_number": s, "episode_count": len(d)} for s, d in days.items()]
                for season, aired in days.items():
                    if f"season/{season}" in more:
                        full[f"season/{season}"] = {"episodes": [{"episode_number": n + 1, "air_date": day}
                                                                 for n, day in enumerate(aired)]}
                full["genres"] = [{"id": g, "name": self.GENRES.get(g, "Other")} for g in item.get("genre_ids", ())]
                return json_answer(200, full)
        return self.error(404, 34, "The resource you requested could not be found.")


class Prowlarr:
    """`links` maps a release's guid to where its downloadUrl redirects to, or to the bytes it answers."""

    def __init__(self, releases, key, links=None):
        self.releases = releases
        self.key = key
        self.links = links or {}

    def answer(self, path, query, headers):
        given = headers.get("x-api-key") or query.get("apikey")
        if self.key and given != self.key:
            return json_answer(401, {"error": "Unauthorized"})
        if path == "/api/v1/search":
            return self.search(query)
        parts = path.strip("/").split("/")
        if len(parts) == 2 and parts[1] == "download":
            return self.download(query.get("link", ""))
        return json_answer(404, {"message": "NotFound"})

    def search(self, query):
        wanted = [w for w in words_of(query.get("query", ""))]
        found = [r for r in self.releases if all(w in words_of(r["title"]) for w in wanted)]
        try:
            offset = max(0, int(query.get("offset", "0")))
            limit = max(0, int(query.get("limit", "100")))
        except ValueError:
            return json_answer(400, {"message": "limit and offset are numbers"})
        return json_answer(200, found[offset:offset + limit])

    def download(self, guid):
        there = self.links.get(guid)
        if there is None:
            return json_answer(404, {"message": "NotFound"})
        if isinstance(there, bytes):
            return Answer(200, {"Content-Type": "application/x-bittorrent"}, there)
        return Answer(301, {"Location": there}, b"")


def movie(number, title, date, genres=(18,), overview=""):
    """A movie as TMDB's search shows it."""
    return {"adult": False, "backdrop_path": f"/backdrop{number}.jpg", "genre_ids": list(genres), "id": number,
            "original_language": "en", "original_title": title, "overview": overview, "popularity": 10.5,
            "poster_path": f"/poster{number}.jpg", "release_date": date, "title": title, "video": False,
            "vote_average": 7.5, "vote_count": 1000}


def show(number, name, date, genres=(18,), overview=""):
    """A series as TMDB's search shows it."""
    return {"adult": False, "backdrop_path": f"/backdrop{number}.jpg", "genre_ids": list(genres), "id": number,
            "origin_country": ["US"], "original_language": "en", "original_name": name, "overview": overview,
            "popularity": 10.5, "poster_path": f"/poster{number}.jpg", "first_air_date": date, "name": name,
            "vote_average": 7.5, "vote_count": 1000}


def release(guid, title, *, size=1 << 30, seeders=10, indexer="Indexer", info_hash=None, magnet_url=None,
            download_url=None, date="2024-01-01T00:00:00Z", category=2000):
    """A release as Prowlarr's search shows it; what is None is left out, as Prowlarr does."""
    row = {"guid": guid, "age": 100, "ageHours": 2400.0, "ageMinutes": 144000.0, "size": size, "grabs": 1,
           "indexerId": 1, "indexer": indexer, "title": title, "sortTitle": title.lower(), "imdbId": 0, "tmdbId": 0,
           "tvdbId": 0, "tvMazeId": 0, "publishDate": date, "downloadUrl": download_url, "magnetUrl": magnet_url,
           "infoUrl": f"https://indexer.example/{guid}", "infoHash": info_hash, "indexerFlags": [],
           "categories": [{"id": category, "name": "Movies" if category < 5000 else "TV", "subCategories": []}],
           "seeders": seeders, "leechers": 1, "protocol": "torrent", "fileName": f"{title}.torrent"}
    return {k: v for k, v in row.items() if v is not None}
