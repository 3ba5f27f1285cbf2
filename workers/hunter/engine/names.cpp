/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the same path would overwrite each other.  libtorrent renames them in a .torrent, in its own way
 * and also when they differ in capitals only, and does not rename them in the metadata of a magnet link. Here
 * both get the names that the reader of .torrents shows (paths.h): a .torrent's files are renamed before it
 * is in the session, a magnet's when its metadata are known, before a byte is written.
 */
#include "workers/hunter/engine/inside.hpp"

extern "C"
{
#include "common/media/paths.h"
#include "common/media/torrent.h"
}

namespace inside
{

namespace
{

using name_map = std::map<lt::file_index_t, std::string>;

/* The files that need another name than the torrent's own; none if no different names can be found, which the
 * gate refuses. */
name_map names_apart(const lt::file_storage &files)
{
    std::vector<lt::file_index_t> indexes;
    std::vector<std::string> texts;
    std::vector<const char *> paths;
    name_map apart;
    for (lt::file_index_t i : files.file_range())
    {
        if (!files.pad_file_at(i))
            indexes.push_back(i), texts.push_back(files.file_path(i));
    }
    for (const std::string &text : texts)
        paths.push_back(text.c_str());
    std::unique_ptr<struct arena, void (*)(struct arena *)> arena(arena_new(TORRENT_ARENA_BYTES), arena_free);
    if (!arena || paths.empty() || paths_tell_apart(arena.get(), paths.data(), paths.size(), nullptr) != E_OK)
        return apart;
    for (size_t i = 0; i < paths.size(); i++)
    {
        if (paths[i] != texts[i].c_str())
            apart[indexes[i]] = paths[i];
    }
    return apart;
}

} // namespace

void names_settle(lt::add_torrent_params &params)
{
    const lt::file_storage &mended = params.ti->orig_files();
    name_map wanted;
    for (lt::file_index_t i : mended.file_range())
    {
        if (!mended.pad_file_at(i))
            wanted[i] = mended.file_path(i);
    }
    for (const auto &[index, name] : names_apart(mended))
        wanted[index] = name;
    for (const auto &[index, name] :
         params.renamed_files) /* from resume data: the files have these names on the disk */
        wanted[index] = name;
    for (const auto &[index, name] : wanted)
        params.ti->rename_file(index, name);
}

uint32_t names_ask(const lt::torrent_handle &handle)
{
    std::shared_ptr<const lt::torrent_info> info = handle.torrent_file();
    name_map apart = info ? names_apart(info->files()) : name_map();
    for (const auto &[index, name] : apart)
        handle.rename_file(index, name);
    return count_of(static_cast<int64_t>(apart.size()));
}

} // namespace inside
