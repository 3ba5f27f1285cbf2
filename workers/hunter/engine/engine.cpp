/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/engine/engine.h"

#include "workers/hunter/engine/inside.hpp"

#include <libtorrent/load_torrent.hpp>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/write_resume_data.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <future>
#include <sstream>

using namespace inside;

namespace
{

using hold = std::lock_guard<std::mutex>;

const size_t MAX_MAGNET_BYTES = 64 << 10;
const int MAX_PIECES_ASKED = 64;
const int STREAM_STEP_MS = 1000;

record_ptr find(struct engine *engine, const char *id)
{
    auto found = engine->by_id.find(id == nullptr ? "" : id);
    if (found == engine->by_id.end() || found->second->removing)
        throw failure{E_NOT_FOUND, "no such torrent here"};
    return found->second;
}

record_ptr find_with_info(struct engine *engine, const char *id)
{
    record_ptr rec = find(engine, id);
    if (!rec->info || !rec->handle.is_valid())
        throw failure{E_UNAVAILABLE, "the torrent's metadata are not known yet"};
    return rec;
}

void check_id(const char *id, const char *save_dir)
{
    size_t n = id == nullptr ? 0 : strnlen(id, ENGINE_ID_SIZE);
    bool right = n > 0 && n < ENGINE_ID_SIZE;
    for (size_t i = 0; right && i < n; i++)
        right = isalnum(static_cast<unsigned char>(id[i])) || id[i] == '-';
    if (!right)
        throw failure{E_INVALID, "a torrent id is 1 to 64 letters, digits and hyphens"};
    const char *last = save_dir == nullptr ? nullptr : strrchr(save_dir, '/');
    if (last == nullptr || strcmp(last + 1, id) != 0)
        throw failure{E_INVALID, "a torrent's folder must be named by its id"};
}

lt::add_torrent_params parse_magnet(const char *magnet)
{
    if (strnlen(magnet, MAX_MAGNET_BYTES + 1) > MAX_MAGNET_BYTES)
        throw failure{E_INVALID, "the magnet link is too long"};
    lt::error_code ec;
    lt::add_torrent_params params = lt::parse_magnet_uri(magnet, ec);
    if (ec || !(params.info_hashes.has_v1() || params.info_hashes.has_v2()))
        throw failure{E_INVALID, "not a magnet link"};
    return params;
}

lt::add_torrent_params parse_metainfo(const unsigned char *bytes, size_t size)
{
    if (size > static_cast<size_t>(metainfo_limits().max_buffer_size))
        throw failure{E_TOO_LARGE, "the .torrent is larger than 10 MiB"};
    try
    {
        const char *text = reinterpret_cast<const char *>(bytes);
        return lt::load_torrent_buffer({text, static_cast<std::ptrdiff_t>(size)}, metainfo_limits());
    }
    catch (const std::exception &)
    {
        throw failure{E_INVALID, "not a .torrent file"};
    }
}

void check_not_here(const struct engine *engine, const lt::info_hash_t &hashes)
{
    for (const auto &[id, rec] : engine->by_id)
    {
        bool v1 = hashes.has_v1() && rec->hashes.has_v1() && hashes.v1 == rec->hashes.v1;
        bool v2 = hashes.has_v2() && rec->hashes.has_v2() && hashes.v2 == rec->hashes.v2;
        if (v1 || v2)
            throw failure{E_CONFLICT, "the same torrent is here as " + id};
    }
}

/* True if the torrent is here already; then what happened to it is told again. */
bool told_again(struct engine *engine, const struct engine_source *source)
{
    auto found = engine->by_id.find(source->id);
    if (found == engine->by_id.end())
        return false;
    const record &rec = *found->second;
    if (rec.removing)
        throw failure{E_UNAVAILABLE, "the torrent is being removed"};
    if (rec.admitted)
        event_post(engine, rec, ENGINE_METADATA);
    if (rec.progress == step::finished)
        event_post(engine, rec, ENGINE_FINISHED);
    engine->inbox->wake();
    return true;
}

std::string hash_text(const lt::info_hash_t &hashes)
{
    std::ostringstream text;
    if (hashes.has_v1())
        text << hashes.v1;
    else
        text << hashes.v2;
    return text.str();
}

void set_priorities(record &rec, const uint8_t *priorities, size_t count)
{
    std::vector<lt::download_priority_t> wanted;
    bool any = false;
    for (size_t i = 0; i < count; i++)
    {
        if (priorities[i] > 7)
            throw failure{E_INVALID, "a priority is 0 to 7"};
        any = any || priorities[i] != 0;
        wanted.push_back(lt::download_priority_t{priorities[i]});
    }
    bool rest = rec.info && count < static_cast<size_t>(rec.info->num_files());
    if (count > 0 && !any && (!rec.info || !rest))
        throw failure{E_INVALID, "no file would be wanted"};
    rec.priorities = wanted;
}

void add(struct engine *engine, const struct engine_source *source)
{
    check_id(source->id, source->save_dir);
    if (told_again(engine, source))
        return;
    if ((source->magnet == nullptr) == (source->metainfo == nullptr))
        throw failure{E_INVALID, "either a magnet link or a .torrent is needed"};
    record_ptr rec = std::make_shared<record>();
    rec->id = source->id;
    rec->limits.save_dir = source->save_dir;
    rec->limits.max_bytes = source->max_bytes;
    rec->limits.reserve_bytes = source->reserve_bytes;
    rec->payload_ms = clock_mono_ms();
    set_priorities(*rec, source->priorities, source->priorities == nullptr ? 0 : source->priorities_count);

    lt::add_torrent_params params = source->magnet != nullptr
                                        ? parse_magnet(source->magnet)
                                        : parse_metainfo(source->metainfo, source->metainfo_size);
    gate_sources(params);
    if (params.ti)
    {
        gate_info(*params.ti, rec->limits);
        params.info_hashes = params.ti->info_hashes();
    }
    check_not_here(engine, params.info_hashes);
    rec->lock = std::make_shared<torrent_lock>(engine->state_dir, rec->id);
    folder_make(rec->limits.save_dir);
    rec->hashes = params.info_hashes;
    copy_text(rec->stat.info_hash, sizeof rec->stat.info_hash, hash_text(rec->hashes));
    params.save_path = rec->limits.save_dir;
    params.userdata = lt::client_data_t(rec.get());
    engine->by_id[rec->id] = rec;
    torrent_prepare(engine, rec, std::move(params));
}

void tick(struct engine *engine)
{
    int64_t now = clock_mono_ms();
    if (now >= engine->next_update_ms)
    {
        engine->next_update_ms = now + std::min<uint32_t>(engine->progress_ms, 1000);
        engine->session->post_torrent_updates({});
    }
    engine_adjust(engine);
    if (now < engine->next_resume_ms)
        return;
    engine->next_resume_ms = now + engine->resume_ms;
    for (const auto &[id, rec] : engine->by_id)
    {
        if (rec->dirty && rec->admitted && !rec->saving && !rec->removing && rec->progress != step::finishing)
            torrent_save(engine, rec, lt::torrent_handle::only_if_modified);
    }
}

void run_inbox(struct engine *engine)
{
    for (std::function<void()> &what : engine->inbox->take())
        guard(nullptr, what);
}

size_t give(struct engine *engine, struct engine_event *events, size_t max)
{
    size_t n = 0;
    while (n < max && !engine->events.empty())
    {
        events[n++] = engine->events.front();
        engine->events.pop_front();
    }
    return n;
}

size_t work(struct engine *engine, struct engine_event *events, size_t max, int64_t *next_ms)
{
    hold lock(engine->mutex);
    run_inbox(engine);
    alerts_handle(engine);
    tick(engine);
    *next_ms = std::min(engine->next_update_ms, engine->next_resume_ms);
    return give(engine, events, max);
}

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

void want_range(record &rec, const struct engine_range &range)
{
    auto [first, last] = pieces_of(rec, range);
    size_t index = range.file_index;
    if (rec.handle.file_priority(lt::file_index_t{static_cast<int>(index)}) == lt::dont_download)
    {
        rec.priorities.resize(std::max(rec.priorities.size(), index + 1), lt::default_priority);
        rec.priorities[index] = lt::default_priority;
        torrent_apply(rec);
    }
    rec.handle.clear_piece_deadlines();
    int wait_ms = 0;
    for (lt::piece_index_t piece = first; piece <= last; piece++, wait_ms += STREAM_STEP_MS)
        rec.handle.set_piece_deadline(piece, wait_ms);
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

} // namespace

enum err_code engine_open(const struct engine_config *config, struct engine **engine, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     if (config->state_dir == nullptr)
                         throw failure{E_CONFIG, "the BitTorrent engine needs a folder for its state"};
                     folder_make(config->state_dir);
                     std::unique_ptr<struct engine> made = std::make_unique<struct engine>();
                     made->state_dir = config->state_dir;
                     made->boot_id = config->boot_id != nullptr ? config->boot_id : boot_id_read();
                     made->progress_ms = config->progress_ms == 0 ? 1000 : config->progress_ms;
                     made->resume_ms = config->resume_ms == 0 ? 5000 : config->resume_ms;
                     made->inbox = std::make_shared<inside::inbox>();
                     made->stopping = std::make_shared<std::atomic<bool>>(false);
                     made->session = session_open(*config);
                     made->session->set_alert_notify([box = made->inbox] { box->wake(); });
                     *engine = made.release();
                 });
}

enum err_code engine_add(struct engine *engine, const struct engine_source *source, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     add(engine, source);
                 });
}

enum err_code engine_pause(struct engine *engine, const char *id, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find(engine, id);
                     rec->paused = true;
                     rec->stat.state = ENGINE_PAUSED;
                     torrent_apply(*rec);
                 });
}

enum err_code engine_resume(struct engine *engine, const char *id, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find(engine, id);
                     rec->paused = false;
                     torrent_recovered(engine, *rec);
                     if (!rec->handle.is_valid())
                         return;
                     rec->handle.clear_error();
                     rec->handle.unset_flags(lt::torrent_flags::upload_mode);
                     torrent_apply(*rec);
                 });
}

enum err_code engine_remove(struct engine *engine, const char *id, enum engine_files_fate fate,
                            struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find(engine, id);
                     rec->removing = true;
                     rec->fate = fate;
                     if (!rec->handle.is_valid())
                         return; /* still being prepared: dropped when it is ready */
                     rec->handle.pause();
                     if (fate == ENGINE_DELETE_FILES)
                         torrent_leave(engine, rec);
                     else
                         torrent_save(engine, rec, {});
                 });
}

enum err_code engine_set_seed_limits(struct engine *engine, const char *id,
                                     const struct engine_seed_limits *limits, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     find(engine, id)->seed_limits = *limits;
                 });
}

enum err_code engine_purge(struct engine *engine, const char *id, const char *save_dir, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     check_id(id, save_dir);
                     hold lock(engine->mutex);
                     if (engine->by_id.count(id) != 0)
                     {
                         record_ptr rec = find(engine, id);
                         rec->removing = true;
                         rec->fate = ENGINE_DELETE_FILES;
                         torrent_leave(engine, rec);
                         return;
                     }
                     record_ptr rec = std::make_shared<record>();
                     rec->id = id;
                     rec->limits.save_dir = save_dir;
                     rec->payload_ms = clock_mono_ms();
                     rec->lock = std::make_shared<torrent_lock>(engine->state_dir, rec->id);
                     rec->removing = true;
                     rec->fate = ENGINE_DELETE_FILES;
                     engine->by_id[rec->id] = rec;
                     torrent_gone(engine, rec);
                 });
}

enum err_code engine_select(struct engine *engine, const char *id, const uint8_t *priorities, size_t count,
                            struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find(engine, id);
                     set_priorities(*rec, priorities, count);

                     if (rec->admitted)
                         torrent_apply(*rec);
                 });
}

enum err_code engine_want_range(struct engine *engine, const char *id, const struct engine_range *range,
                                struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     want_range(*find_with_info(engine, id), *range);
                 });
}

enum err_code engine_range_ready(struct engine *engine, const char *id, const struct engine_range *range,
                                 uint64_t *ready_bytes, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     *ready_bytes = range_ready(*find_with_info(engine, id), *range);
                 });
}

enum err_code engine_read_stat(struct engine *engine, const char *id, struct engine_stat *stat,
                               struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find(engine, id);
                     *stat = rec->stat;
                     stat->idle_s = static_cast<uint32_t>((clock_mono_ms() - rec->payload_ms) / 1000);
                 });
}

enum err_code engine_files(struct engine *engine, const char *id, struct engine_file_list **files,
                           struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     *files = files_new(*find_with_info(engine, id));
                 });
}

void engine_files_free(struct engine_file_list *files)
{
    free(files);
}

enum err_code engine_metainfo(struct engine *engine, const char *id, unsigned char **bytes, size_t *size,
                              struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find_with_info(engine, id);
                     lt::add_torrent_params params;
                     params.ti = std::const_pointer_cast<lt::torrent_info>(rec->info);
                     params.trackers.assign(rec->tracker_urls.begin(), rec->tracker_urls.end());
                     std::vector<char> text = lt::write_torrent_file_buf(params, {});
                     unsigned char *copy = static_cast<unsigned char *>(malloc(text.size()));
                     if (copy == nullptr)
                         throw std::bad_alloc();
                     std::copy(text.begin(), text.end(), copy);
                     *bytes = copy;
                     *size = text.size();
                 });
}

enum err_code engine_connect_peer(struct engine *engine, const char *id, const char *peer, struct err *err)
{
    return guard(err,
                 [&]
                 {
                     hold lock(engine->mutex);
                     record_ptr rec = find(engine, id);
                     std::string text = peer;
                     size_t colon = text.rfind(':');
                     lt::error_code ec;
                     lt::address address =
                         lt::make_address(text.substr(0, colon == std::string::npos ? 0 : colon), ec);
                     long port =
                         colon == std::string::npos ? 0 : strtol(text.c_str() + colon + 1, nullptr, 10);
                     if (ec || port < 1 || port > 65535)
                         throw failure{E_INVALID, "not an address and port"};
                     if (!rec->handle.is_valid())
                         throw failure{E_UNAVAILABLE, "the torrent is still being prepared"};
                     rec->handle.connect_peer({address, static_cast<uint16_t>(port)});
                 });
}

uint16_t engine_port(struct engine *engine)
{
    uint16_t port = 0;
    guard(nullptr,
          [&] { port = engine->session->is_listening() ? engine->session->listen_port() : uint16_t{0}; });
    return port;
}

size_t engine_poll(struct engine *engine, struct engine_event *events, size_t max, uint32_t wait_ms)
{
    size_t n = 0;
    guard(nullptr,
          [&]
          {
              int64_t until = clock_mono_ms() + wait_ms;
              while (true)
              {
                  int64_t next_ms = 0;
                  n = work(engine, events, max, &next_ms);
                  int64_t now = clock_mono_ms();
                  if (n > 0 || now >= until)
                      return;
                  engine->inbox->wait(std::min(until, next_ms) - now);
              }
          });
    return n;
}

void engine_wake(struct engine *engine)
{
    engine->inbox->wake();
}

const char *engine_state_name(enum engine_state state)
{
    static const char *const names[ENGINE_STATE_COUNT] = {"preparing",   "metadata", "checking",
                                                          "downloading", "seeding",  "paused"};
    return state < ENGINE_STATE_COUNT ? names[state] : "unknown";
}
