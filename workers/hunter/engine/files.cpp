/* SPDX-License-Identifier: Apache-2.0 */
/* Files and ranges of a torrent whose metadata are known. */
#include "workers/hunter/engine/inside.hpp"

#include <libtorrent/extensions.hpp>

#include <algorithm>
#include <cstdlib>

namespace inside
{

namespace
{

const int MAX_PIECES_ASKED = 64;
const int STREAM_STEP_MS = 1000;
const int STREAM_BEHIND_MS = 3600 * 1000;

std::pair<lt::piece_index_t, lt::piece_index_t> pieces_of(const record &rec, const struct engine_range &range)
{
    const lt::file_storage &files = rec.info->files();
    lt::file_index_t index{static_cast<int>(range.file_index)};
    if (range.file_index >= static_cast<uint32_t>(files.num_files()) || files.pad_file_at(index) ||
        range.size_bytes == 0 || range.size_bytes > static_cast<uint64_t>(files.file_size(index)) ||
        range.offset_bytes > static_cast<uint64_t>(files.file_size(index)) - range.size_bytes)
        throw failure{E_INVALID, "the range lies outside the file"};
    int64_t from = static_cast<int64_t>(range.offset_bytes);
    lt::peer_request first = files.map_file(index, from, 1);
    lt::peer_request last = files.map_file(index, from + static_cast<int64_t>(range.size_bytes) - 1, 1);
    return {first.piece, last.piece};
}

/* When the first piece gets a deadline, libtorrent cancels its requests for pieces without one, and waits for
 * the peers' answers. Transmission 3 sends none, and nothing more would come from it.  So pieces that were
 * requested get deadlines behind those of the range, all in one turn of the session's thread; and deadlines
 * never run out before new ones are set. */
void hurry(const lt::torrent_handle &handle, std::pair<lt::piece_index_t, lt::piece_index_t> now,
           std::pair<lt::piece_index_t, lt::piece_index_t> before)
{
    int wait_ms = 0;
    for (lt::piece_index_t piece = now.first; piece <= now.second; piece++, wait_ms += STREAM_STEP_MS)
        handle.set_piece_deadline(piece, wait_ms);
    for (lt::piece_index_t piece = before.first; piece <= before.second; piece++)
    {
        if (piece < now.first || piece > now.second)
            handle.reset_piece_deadline(piece);
    }
    for (const lt::partial_piece_info &asked : handle.get_download_queue())
    {
        if (asked.piece_index < now.first || asked.piece_index > now.second)
            handle.set_piece_deadline(asked.piece_index, wait_ms + STREAM_BEHIND_MS);
    }
}

std::string bencoded(const std::string &text)
{
    return std::to_string(text.size()) + ":" + text;
}

/* Version 2's hashes of pieces, by the hashes of their files; empty until all are known. */
std::map<std::string, std::string> layers_of(const record &rec)
{
    std::map<std::string, std::string> layers;
    if (!rec.info->v2())
        return layers;
    std::vector<std::vector<lt::sha256_hash>> known = rec.handle.piece_layers();
    const lt::file_storage &files = rec.info->orig_files();
    for (lt::file_index_t i : files.file_range())
    {
        if (files.pad_file_at(i) || files.file_size(i) <= files.piece_length())
            continue;
        size_t index = static_cast<size_t>(static_cast<int>(i));
        if (index >= known.size() || known[index].size() != static_cast<size_t>(files.file_num_pieces(i)))
            return {};
        std::string &layer = layers[files.root(i).to_string()];
        layer.clear(); /* two files of the same content share it */
        for (const lt::sha256_hash &hash : known[index])
        {
            if (hash.is_all_zeros())
                return {};
            layer += hash.to_string();
        }
    }
    return layers;
}

} // namespace

void range_want(record &rec, const struct engine_range &range)
{
    auto [first, last] = pieces_of(rec, range);
    size_t index = range.file_index;
    if (rec.handle.file_priority(lt::file_index_t{static_cast<int>(index)}) == lt::dont_download)
    {
        rec.priorities.resize(std::max(rec.priorities.size(), index + 1), lt::default_priority);
        rec.priorities[index] = lt::default_priority;
        torrent_apply(rec);
    }
    std::pair<lt::piece_index_t, lt::piece_index_t> before{lt::piece_index_t{0}, lt::piece_index_t{-1}};
    if (rec.range.size_bytes > 0)
        before = pieces_of(rec, rec.range);
    rec.handle
        .add_extension(/* adds no plugin: the function that would make one runs on the session's thread */
                       [now = std::make_pair(first, last), before](const lt::torrent_handle &handle,
                                                                   lt::client_data_t)
                       {
                           hurry(handle, now, before);
                           return std::shared_ptr<lt::torrent_plugin>();
                       });
    rec.range = range;
}

uint64_t range_ready(const record &rec, const struct engine_range &range)
{
    auto [first, last] = pieces_of(rec, range);
    lt::piece_index_t piece = first;
    int asked = 0;
    while (piece <= last && asked++ < MAX_PIECES_ASKED && rec.handle.have_piece(piece))
        piece++;
    if (piece > last)
        return range.size_bytes;
    int64_t file_start = rec.info->files().file_offset(lt::file_index_t{static_cast<int>(range.file_index)});
    int64_t piece_start = int64_t{static_cast<int>(piece)} * rec.info->piece_length();
    int64_t range_start = file_start + static_cast<int64_t>(range.offset_bytes);
    return piece_start <= range_start ? 0 : static_cast<uint64_t>(piece_start - range_start);
}

/* The hashes of pieces are left out when the metainfo would be too large to be read again. */
std::string metainfo_of(const record &rec)
{
    lt::span<char const> info = rec.info->info_section();
    std::string bare = "d4:info" + std::string(info.begin(), info.end());
    std::string text;
    for (const auto &[root, layer] : layers_of(rec))
        text += bencoded(root) + bencoded(layer);
    std::string whole = bare + bencoded("piece layers") + "d" + text + "ee";
    bool fits = whole.size() <= static_cast<size_t>(metainfo_limits().max_buffer_size);
    return text.empty() || !fits ? bare + "e" : whole;
}

/* One block: the list, its rows, then their texts. */
struct engine_file_list *files_new(const record &rec)
{
    const lt::file_storage &files = rec.info->files();
    std::vector<int64_t> done = rec.handle.file_progress(lt::torrent_handle::piece_granularity);
    std::vector<lt::download_priority_t> priorities = rec.handle.get_file_priorities();
    std::vector<std::string> paths;
    size_t text = 0;
    for (lt::file_index_t i : files.file_range())
    {
        paths.push_back(files.file_path(i));
        text += paths.back().size() + 1;
    }
    size_t head = sizeof(struct engine_file_list) + paths.size() * sizeof(struct engine_file);
    void *block = calloc(1, head + text);
    if (block == nullptr)
        throw std::bad_alloc();
    struct engine_file_list *list = static_cast<struct engine_file_list *>(block);
    list->file = reinterpret_cast<struct engine_file *>(list + 1);
    char *to = static_cast<char *>(block) + head;
    for (size_t i = 0; i < paths.size(); i++)
    {
        lt::file_index_t index{static_cast<int>(i)};
        if (files.pad_file_at(index))
            continue;
        struct engine_file *file = &list->file[list->count++];
        file->path = to;
        to = std::copy(paths[i].begin(), paths[i].end(), to) + 1;
        file->size_bytes = static_cast<uint64_t>(files.file_size(index));
        file->done_bytes = i < done.size() ? static_cast<uint64_t>(done[i]) : 0;
        file->offset_bytes = static_cast<uint64_t>(files.file_offset(index));
        file->index = static_cast<uint32_t>(i);
        file->priority = i < priorities.size() ? static_cast<uint8_t>(priorities[i]) : uint8_t{4};
    }
    return list;
}

} // namespace inside
