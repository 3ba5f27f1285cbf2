/* SPDX-License-Identifier: Apache-2.0 */
#include "common/provider/tmdb.h"

#include <stddef.h>

/* TMDB's official lists, films and series together; ids never change their meaning. */
static const struct
{
    int64_t id;
    const char *name;
} genres[] = {
    {12, "Adventure"},
    {14, "Fantasy"},
    {16, "Animation"},
    {18, "Drama"},
    {27, "Horror"},
    {28, "Action"},
    {35, "Comedy"},
    {36, "History"},
    {37, "Western"},
    {53, "Thriller"},
    {80, "Crime"},
    {99, "Documentary"},
    {878, "Science Fiction"},
    {9648, "Mystery"},
    {10402, "Music"},
    {10749, "Romance"},
    {10751, "Family"},
    {10752, "War"},
    {10759, "Action & Adventure"},
    {10762, "Kids"},
    {10763, "News"},
    {10764, "Reality"},
    {10765, "Sci-Fi & Fantasy"},
    {10766, "Soap"},
    {10767, "Talk"},
    {10768, "War & Politics"},
    {10770, "TV Movie"},
};

const char *tmdb_genre(int64_t genre_id)
{
    for (size_t i = 0; i < sizeof genres / sizeof genres[0]; i++)
        if (genres[i].id == genre_id)
            return genres[i].name;
    return NULL;
}
