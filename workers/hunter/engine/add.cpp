/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a record of a caller's engine_source. */
#include "workers/hunter/engine/inside.hpp"

#include <libtorrent/load_torrent.hpp>
#include <libtorrent/magnet_uri.hpp>

#include <algorithm>
#include <cstring>
#include <sstream>

namespace inside
{

void torrent_check_id(const char *id, const char *save_dir)
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
namespace
{

const size_t MAX_MAGNET_BYTES = 64 << 10;
const size_t MAX_ASKED = 200;

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

/* True if the torrent is here already; then its events are posted again. */
bool posted_again(struct engine *engine, const struct engine_source *source)
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

/* Adds addresses that are new, as long as there is room. */
void join_list(std::vector<std::string> &to, const std::vector<std::string> &from)
{
    for (const std::string &url : from)
    {
        if (to.size() < MAX_ASKED && std::find(to.begin(), to.end(), url) == to.end())
            to.push_back(url);
    }
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
} // namespace

ask_list links_read(const char *links)
{
    ask_list all;
    std::istringstream lines(links == nullptr ? "" : links);
    std::string line;
    while (std::getline(lines, line))
    {
        guard(nullptr, /* a hostile link must not hold up the others */
              [&]
              {
                  lt::add_torrent_params params = parse_magnet(line.c_str());
                  gate_sources(params);
                  join_list(all.trackers, params.trackers);
                  join_list(all.web_seeds, params.url_seeds);
              });
    }
    return all;
}

ask_list asks_of(const record &rec)
{
    ask_list all = rec.own;
    join_list(all.trackers, rec.linked.trackers);
    join_list(all.web_seeds, rec.linked.web_seeds);
    return all;
}

void torrent_link(record &rec)
{
    ask_list all = asks_of(rec);
    std::set<std::string> urls(all.trackers.begin(), all.trackers.end());
    if (!rec.handle.is_valid())
        return; /* posted when it is prepared */
    if (urls != rec.tracker_urls)
    {
        rec.tracker_urls = urls;
        for (auto at = rec.trackers.begin(); at != rec.trackers.end();)
            at = urls.count(at->first) != 0 ? std::next(at) : rec.trackers.erase(at);
        rec.handle.replace_trackers({all.trackers.begin(), all.trackers.end()});
    }
    std::set<std::string> seeds(all.web_seeds.begin(), all.web_seeds.end());
    for (const std::string &url : rec.handle.url_seeds())
    {
        if (seeds.erase(url) == 0)
            rec.handle.remove_url_seed(url);
    }
    for (const std::string &url : seeds)
        rec.handle.add_url_seed(url);
}

void torrent_select(record &rec, const uint8_t *priorities, size_t count)
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

void torrent_add(struct engine *engine, const struct engine_source *source)
{
    torrent_check_id(source->id, source->save_dir);
    if (posted_again(engine, source))
        return;
    if ((source->magnet == nullptr) == (source->metainfo == nullptr))
        throw failure{E_INVALID, "either a magnet link or a .torrent is needed"};
    record_ptr rec = std::make_shared<record>();
    rec->id = source->id;
    rec->limits.save_dir = source->save_dir;
    rec->limits.max_bytes = source->max_bytes;
    rec->seeds_only = source->aim == ENGINE_SEED;
    rec->payload_ms = clock_mono_ms();
    torrent_select(*rec, source->priorities, source->priorities == nullptr ? 0 : source->priorities_count);

    lt::add_torrent_params params = source->magnet != nullptr
                                        ? parse_magnet(source->magnet)
                                        : parse_metainfo(source->metainfo, source->metainfo_size);
    gate_sources(params);
    rec->own = {params.trackers, params.url_seeds};
    rec->linked = links_read(source->links);
    if (params.ti)
    {
        names_settle(params);
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

} // namespace inside
