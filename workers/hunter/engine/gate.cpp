/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Torrents come from outside.  libtorrent mends odd names silently.  Hostile names, which no honest torrent
 * has, are refused here instead; for that the raw dictionary is read.
 */
#include "workers/hunter/engine/inside.hpp"

extern "C"
{
#include "common/media/filename.h"
}

#include <libtorrent/bdecode.hpp>
#include <libtorrent/string_view.hpp>

#include <algorithm>

namespace inside
{

namespace
{

const int MAX_FILES = 50000;
const int MAX_PIECES = 262144;
const int MAX_PIECE_BYTES = 64 << 20;
const int64_t MAX_TOTAL_BYTES = int64_t{64} << 40;
const size_t MAX_URLS = 100; /* of trackers, and of web seeds */
const size_t MAX_URL_BYTES = 2048;
const size_t MAX_PATH_BYTES = 1024;
const int MAX_PATH_DEPTH = 32;

[[noreturn]] void refuse(const std::string &why)
{
    throw failure{E_REFUSED, why};
}

/* The same rules as in the reader of .torrent files, so that they hold for a magnet link, too. */
void check_name(lt::string_view name)
{
    char mended[FILENAME_SIZE];
    struct err err = {};
    if (filename_mend(name.data(), name.size(), mended, &err) != E_OK)
        refuse(err.text);
}

void check_path(const lt::bdecode_node &list)
{
    if (!list)
        return;
    if (list.type() != lt::bdecode_node::list_t || list.list_size() == 0)
        refuse("a file has no path");
    if (list.list_size() > MAX_PATH_DEPTH)
        refuse("folders are nested too deeply");
    for (int i = 0; i < list.list_size(); i++)
    {
        if (list.list_at(i).type() != lt::bdecode_node::string_t)
            refuse("a file path is not text");
        check_name(list.list_at(i).string_value());
    }
}

void check_no_link(const lt::bdecode_node &file)
{
    if (file.dict_find("symlink path") ||
        file.dict_find_string_value("attr").find('l') != lt::string_view::npos)
        refuse("it holds symbolic links");
}

void check_files_v1(const lt::bdecode_node &info)
{
    lt::bdecode_node files = info.dict_find_list("files");
    check_no_link(info);
    for (int i = 0; files && i < files.list_size(); i++)
    {
        lt::bdecode_node file = files.list_at(i);
        if (file.type() != lt::bdecode_node::dict_t)
            refuse("its file list is broken");
        check_no_link(file);
        check_path(file.dict_find("path"));
        check_path(file.dict_find("path.utf-8"));
    }
}

void check_tree_v2(const lt::bdecode_node &tree, int depth)
{
    if (depth > MAX_PATH_DEPTH)
        refuse("folders are nested too deeply");
    for (int i = 0; i < tree.dict_size(); i++)
    {
        std::pair<lt::string_view, lt::bdecode_node> item = tree.dict_at(i);
        if (item.second.type() != lt::bdecode_node::dict_t)
            continue;
        if (item.first.empty()) /* the file itself */
        {
            check_no_link(item.second);
            continue;
        }
        check_name(item.first);
        check_tree_v2(item.second, depth + 1);
    }
}

void check_raw(const lt::torrent_info &torrent)
{
    lt::error_code ec;
    lt::span<char const> section = torrent.info_section();
    lt::bdecode_node info = lt::bdecode(section, ec, nullptr, 100, 500000);
    if (ec || info.type() != lt::bdecode_node::dict_t)
        refuse("its description is broken");
    for (const char *key : {"name", "name.utf-8"})
    {
        if (info.dict_find(key))
            check_name(info.dict_find_string_value(key));
    }
    check_files_v1(info);
    lt::bdecode_node tree = info.dict_find_dict("file tree");
    if (tree)
        check_tree_v2(tree, 0);
}

/* Files of the same path have got different names by now, where that can be done (names.cpp). */
void check_unique(const lt::file_storage &files)
{
    std::set<std::string> paths;
    for (lt::file_index_t i : files.file_range())
    {
        if (!files.pad_file_at(i) && !paths.insert(files.file_path(i)).second)
            refuse("two of its files have the same path");
    }
    for (const std::string &path : paths)
    {
        for (size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1))
        {
            if (paths.count(path.substr(0, at)) != 0)
                refuse("it has a file where another file has its folder");
        }
    }
}

/* Checks the names after libtorrent has mended them, since those will be on the disk. */
void check_storage(const lt::file_storage &files, const std::string &save_dir)
{
    for (lt::file_index_t i : files.file_range())
    {
        if (files.file_absolute_path(i) || (files.file_flags(i) & lt::file_storage::flag_symlink))
            refuse("a file would lie outside its folder");
        if (files.file_path(i).size() > MAX_PATH_BYTES || files.file_path(i, save_dir).size() > 4000)
            refuse("a file path is longer than 1024 bytes");
    }
    check_unique(files);
}

bool is_usable(const std::string &url, std::initializer_list<const char *> schemes)
{
    auto is_bad = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; };
    size_t colon = url.find("://");
    if (url.size() > MAX_URL_BYTES || colon == std::string::npos ||
        std::any_of(url.begin(), url.end(), is_bad))
        return false;
    std::string scheme = url.substr(0, colon);
    std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                   [](unsigned char c) { return static_cast<char>(tolower(c)); });
    if (std::none_of(schemes.begin(), schemes.end(), [&](const char *name) { return scheme == name; }))
        return false;
    std::string rest = url.substr(colon + 3);
    std::string host = rest.substr(0, rest.find_first_of("/?#"));
    return !host.empty() && host.find('@') == std::string::npos;
}

/* The first addresses that may be asked, each once. */
std::vector<std::string> usable_of(const std::vector<std::string> &urls,
                                   std::initializer_list<const char *> schemes)
{
    std::vector<std::string> kept;
    for (const std::string &url : urls)
    {
        if (kept.size() < MAX_URLS && is_usable(url, schemes) &&
            std::find(kept.begin(), kept.end(), url) == kept.end())
            kept.push_back(url);
    }
    return kept;
}

} // namespace

uint64_t bytes_of(const lt::file_storage &files)
{
    uint64_t bytes = 0;
    for (lt::file_index_t i : files.file_range())
        bytes += files.pad_file_at(i) ? 0 : size_of(files.file_size(i));
    return bytes;
}

void gate_sources(lt::add_torrent_params &params)
{
    params.trackers = usable_of(params.trackers, {"http", "https", "udp"});
    params.tracker_tiers.clear();
    params.url_seeds = usable_of(params.url_seeds, {"http", "https"});
    params.http_seeds.clear(); /* an old protocol that nobody serves */
    params.dht_nodes.clear();
}

void gate_info(const lt::torrent_info &info, const gate_limits &limits)
{
    if (!info.is_valid() || info.num_files() < 1 || info.num_pieces() < 1)
        refuse("it holds no files");
    if (info.num_files() > MAX_FILES)
        refuse("it holds more than 50000 files");
    if (info.num_pieces() > MAX_PIECES)
        refuse("it has more than 262144 pieces");
    if (info.piece_length() > MAX_PIECE_BYTES || info.piece_length() < 1024)
        refuse("its piece length is absurd");
    if (info.total_size() > MAX_TOTAL_BYTES)
        refuse("its size is absurd");
    if (bytes_of(info.files()) < 1)
        refuse("it has no data");
    if (limits.max_bytes != 0 && bytes_of(info.files()) > limits.max_bytes)
        refuse("it is larger than the quota allows");
    check_raw(info);
    check_storage(info.files(), limits.save_dir);
}

} // namespace inside
