/* SPDX-License-Identifier: Apache-2.0 */
/* From a source to the session: resume data, the data that a kill left on the disk, the gate. */
#include "workers/hunter/engine/inside.hpp"

namespace inside
{

namespace
{

/* At least one hash is known of both, and no known one differs. */
bool is_same(const lt::add_torrent_params &old, const lt::add_torrent_params &fresh)
{
    lt::info_hash_t had = old.ti ? old.ti->info_hashes() : old.info_hashes;
    const lt::info_hash_t &asked = fresh.info_hashes;
    bool v1 = had.has_v1() && asked.has_v1();
    bool v2 = had.has_v2() && asked.has_v2();
    return (v1 || v2) && (!v1 || had.v1 == asked.v1) && (!v2 || had.v2 == asked.v2);
}

/* Resume data that began with a magnet link may have fewer hashes than the .torrent. */
void join_hashes(lt::add_torrent_params &params, lt::add_torrent_params &fresh)
{
    if (fresh.merkle_trees.empty())
        return;
    params.merkle_trees.resize(fresh.merkle_trees.size());
    params.merkle_tree_mask.resize(fresh.merkle_trees.size());
    params.verified_leaf_hashes.resize(fresh.merkle_trees.size());
    for (lt::file_index_t i : fresh.ti->files().file_range())
    {
        if (params.merkle_trees[i].size() >= fresh.merkle_trees[i].size())
            continue;
        params.merkle_trees[i] = std::move(fresh.merkle_trees[i]);
        params.merkle_tree_mask[i] = std::move(fresh.merkle_tree_mask[i]);
        params.verified_leaf_hashes[i].clear();
    }
}

/* Uses resume data of the same torrent; after an unclean end of the machine only a part of them is trusted.
 */
void use_resume(lt::add_torrent_params &params, resume_data &old, const std::string &boot_id,
                const std::atomic<bool> &stop)
{
    if (!is_same(old.params, params))
        return;
    lt::add_torrent_params fresh = std::move(params);
    params = std::move(old.params);
    params.save_path = fresh.save_path;
    params.userdata = fresh.userdata;
    if (fresh.ti)
        params.ti = fresh.ti;
    if (params.ti)
        names_settle(params);
    join_hashes(params, fresh);
    params.info_hashes = params.ti ? params.ti->info_hashes() : fresh.info_hashes;
    params.piece_priorities.clear(); /* they were set for a stream that has ended */
    params.file_priorities.clear();  /* all zero if they were saved at the gate */
    params.peers.insert(params.peers.end(), fresh.peers.begin(), fresh.peers.end());
    if (old.end == ending::clean)
        return;
    bool v1 = params.ti && params.ti->info_hashes().has_v1();
    if (old.boot_id == boot_id && !boot_id.empty() && v1)
    {
        recover_pieces(params, stop);
        return;
    }
    if (old.boot_id == boot_id && !boot_id.empty() && !params.ti)
        return;
    params.have_pieces.clear(); /* libtorrent hashes all data on the disk */
    params.verified_pieces.clear();
    params.unfinished_pieces.clear();
}

uint64_t bytes_had(const lt::add_torrent_params &params)
{
    uint64_t bytes = 0;
    if (!params.ti || params.have_pieces.size() != params.ti->num_pieces())
        return 0;
    const lt::file_storage &files = params.ti->files();
    for (lt::piece_index_t piece : params.ti->piece_range())
    {
        if (!params.have_pieces.get_bit(piece))
            continue;
        for (const lt::file_slice &part : files.map_block(piece, 0, params.ti->piece_size(piece)))
            bytes += files.pad_file_at(part.file_index) ? 0 : size_of(part.size);
    }
    return bytes;
}

void set_flags(lt::add_torrent_params &params)
{
    params.flags = lt::torrent_flags::update_subscribe | lt::torrent_flags::duplicate_is_error |
                   lt::torrent_flags::apply_ip_filter | lt::torrent_flags::need_save_resume;
    if (!params.ti)
        params.flags |= at_the_gate;
    else
        params.flags |= lt::torrent_flags::paused; /* until its priorities are set */
    params.storage_mode = lt::storage_mode_sparse;
}

/* The checker is done: adds the torrent to the session, if it is still wanted. */
void prepared(struct engine *engine, const record_ptr &rec,
              const std::shared_ptr<lt::add_torrent_params> &params)
{
    if (rec->removing)
    {
        torrent_gone(engine, rec);
        return;
    }
    guard(nullptr,
          [&]
          {
              try
              {
                  ask_list asks = asks_of(
                      *rec); /* addresses in resume data came from users who may not want it any more */
                  params->trackers = asks.trackers;
                  params->tracker_tiers.clear();
                  params->url_seeds = asks.web_seeds;
                  params->http_seeds.clear();
                  params->dht_nodes.clear();
                  if (params->ti)
                  {
                      rec->limits.have_bytes = bytes_had(*params);
                      gate_info(*params->ti, rec->limits);
                  }
                  for (const std::string &url : params->trackers)
                      rec->tracker_urls.insert(url);
                  params->file_priorities = rec->priorities;
                  set_flags(*params);
                  if (rec->seeds_only)
                      params->flags |= lt::torrent_flags::upload_mode;
                  engine_adjust(engine);
                  engine->session->async_add_torrent(*params);
              }
              catch (const failure &why)
              {
                  torrent_refuse(engine, rec, why);
              }
          });
}
} // namespace

void torrent_prepare(struct engine *engine, const record_ptr &rec, lt::add_torrent_params given)
{
    std::shared_ptr<lt::add_torrent_params> params =
        std::make_shared<lt::add_torrent_params>(std::move(given));
    std::string path = resume_path(engine->state_dir, rec->id);
    engine->checker.push(
        [=, boot = engine->boot_id, box = engine->inbox, stop = engine->stopping]
        {
            std::string proven;
            guard(nullptr,
                  [&]
                  {
                      std::unique_ptr<resume_data> old = resume_read(path);
                      if (old)
                      {
                          use_resume(*params, *old, boot, *stop);
                          proven = old->proven;
                      }
                  });
            box->post(
                [=]
                {
                    rec->proven = proven;
                    prepared(engine, rec, params);
                });
        });
}

} // namespace inside
