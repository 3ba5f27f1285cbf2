# SPDX-License-Identifier: Apache-2.0
"""A fake TMDB: `tmdb.movies` and `tmdb.shows` are lists that a test may change."""
from fakes.faulty import Faulty
from stack import providers

KEY = "tmdb-test-key-0123456789"


class FakeTmdb(Faulty):
    def __init__(self):
        super().__init__()
        self.key = KEY
        self.movies = [providers.movie(45745, "Sintel", "2010-07-18", (16, 14), "A girl and a dragon."),
                       providers.movie(10378, "Big Buck Bunny", "2008-04-10", (16, 35), "A rabbit's revenge."),
                       providers.movie(133701, "Tears of Steel", "2012-09-26", (878, 28), "Robots in Amsterdam."),
                       providers.movie(27205, "Inception", "2010-07-15", (28, 878), "A thief of dreams."),
                       providers.movie(603, "The Matrix", "1999-03-31", (28, 878), "A hacker wakes up."),
                       providers.movie(194, "Amélie", "2001-04-25", (35, 10749), "Paris, „Montmartre“ <b>&</b> more.")]
        self.movies += [providers.movie(900000 + n, f"Sequel Part {n}", f"20{n:02d}-01-01") for n in range(1, 46)]
        self.shows = [providers.show(1396, "Breaking Bad", "2008-01-20", (18, 80), "A teacher cooks."),
                      providers.show(1399, "Game of Thrones", "2011-04-17", (18,), "Winter is coming.")]

    def respond(self, request):
        return providers.Tmdb(self.movies, self.shows, self.key).answer(request.route, request.query, request.names)
