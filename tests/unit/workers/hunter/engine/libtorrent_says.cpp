/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/workers/hunter/engine/libtorrent_says.h"

extern "C"
{
#include "common/media/paths.h"
#include "common/media/torrent.h"
}
#undef fail /* the streams of C++ have a function of that name */

#include <libtorrent/load_torrent.hpp>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/torrent_info.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <sstream>
#include <vector>

namespace
{

bool say(char **said, const std::function<void(std::ostream &)> &tell)
{
    std::ostringstream text;
    bool is_taken = true;
    try
    {
        tell(text);
    }
    catch (const std::exception &why)
    {
        text.str(why.what());
        is_taken = false;
    }
    *said = strdup(text.str().c_str());
    return is_taken;
}

lt::add_torrent_params load(const void *bytes, size_t len)
{
    lt::load_torrent_limits limits;
    limits.max_buffer_size = 10 << 20;
    limits.max_pieces = 262144;
    limits.max_decode_depth = 100;
    limits.max_decode_tokens = 2000000;
    return lt::load_torrent_buffer({static_cast<const char *>(bytes), static_cast<std::ptrdiff_t>(len)},
                                   limits);
}

void tell_hashes(std::ostream &text, const lt::info_hash_t &hashes)
{
    if (hashes.has_v1())
        text << "v1 " << hashes.v1 << '\n';
    if (hashes.has_v2())
        text << "v2 " << hashes.v2 << '\n';
}

bool is_line(const std::string &url)
{
    return std::none_of(url.begin(), url.end(), [](unsigned char c) { return c < ' '; });
}

void tell_sources(std::ostream &text, const lt::add_torrent_params &params)
{
    for (const std::string &url : params.trackers)
        text << (is_line(url) ? "tr " + url + "\n" : "");
    for (const std::string &url : params.url_seeds)
        text << (is_line(url) ? "ws " + url + "\n" : "");
}

void tell_files(std::ostream &text, const lt::file_storage &files)
{
    std::vector<std::string> names;
    std::vector<const char *> paths;
    std::unique_ptr<struct arena, void (*)(struct arena *)> arena(arena_new(TORRENT_ARENA_BYTES), arena_free);
    for (lt::file_index_t i : files.file_range())
    {
        if (!files.pad_file_at(i))
            names.push_back(files.file_path(i));
    }
    for (const std::string &name : names)
        paths.push_back(name.c_str());
    if (!paths.empty() && paths_tell_apart(arena.get(), paths.data(), paths.size(), nullptr) != E_OK)
        text << "a file where another has its folder\n";
    size_t at = 0;
    for (lt::file_index_t i : files.file_range())
    {
        if (!files.pad_file_at(i))
            text << "file " << i << ' ' << files.file_size(i) << ' ' << paths[at++] << '\n';
    }
}

} // namespace

bool libtorrent_says_torrent(const void *bytes, size_t len, char **said)
{
    return say(said,
               [=](std::ostream &text)
               {
                   lt::add_torrent_params params = load(bytes, len);
                   const lt::torrent_info &info = *params.ti;
                   tell_hashes(text, info.info_hashes());
                   text << "name " << info.name() << "\npieces " << info.num_pieces() << ' '
                        << info.piece_length() << "\nprivate " << info.priv() << '\n';
                   tell_files(text, info.orig_files());
               });
}

bool libtorrent_says_sources(const void *bytes, size_t len, char **said)
{
    return say(said, [=](std::ostream &text) { tell_sources(text, load(bytes, len)); });
}

bool libtorrent_says_magnet(const char *link, char **said)
{
    return say(said,
               [=](std::ostream &text)
               {
                   lt::add_torrent_params params = lt::parse_magnet_uri(link);
                   tell_hashes(text, params.info_hashes);
                   text << "name " << params.name << '\n';
                   tell_sources(text, params);
               });
}
