/* SPDX-License-Identifier: Apache-2.0 */
/* Disk space: which torrents may begin, and which has to end when another program fills the disk. */
#include "workers/hunter/engine/inside.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/statvfs.h>

namespace inside
{

namespace
{

const uint64_t AUTO_RESERVE_SHARE = 20;
const uint64_t AUTO_RESERVE_MAX = uint64_t{2} << 30;

struct disk
{
    uint64_t free_bytes;
    uint64_t all_bytes;
};

disk disk_of(const std::string &folder)
{
    struct statvfs found;
    if (statvfs(folder.c_str(), &found) != 0)
        throw failure{E_UNAVAILABLE, std::string("cannot see the download folder: ") + strerror(errno)};
    return {static_cast<uint64_t>(found.f_bavail) * found.f_frsize,
            static_cast<uint64_t>(found.f_blocks) * found.f_frsize};
}

uint64_t reserve_of(const struct engine &engine, const disk &disk)
{
    return engine.reserve_bytes != 0 ? engine.reserve_bytes
                                     : std::min(disk.all_bytes / AUTO_RESERVE_SHARE, AUTO_RESERVE_MAX);
}

uint64_t left_of(const record &rec)
{
    if (!rec.admitted || rec.removing || rec.progress != step::none)
        return 0;
    uint64_t had = std::max(rec.stat.done_bytes, rec.limits.have_bytes);
    return rec.limits.wanted_bytes > had ? rec.limits.wanted_bytes - had : 0;
}

/* How much all other begun torrents will still write. */
uint64_t promised(const struct engine &engine, const record &but)
{
    uint64_t bytes = 0;
    for (const auto &[id, rec] : engine.by_id)
        bytes += rec.get() != &but ? left_of(*rec) : 0;
    for (const auto &[id, left] : engine.promised)
        bytes += engine.by_id.count(id) == 0 ? left : 0;
    return bytes;
}

} // namespace

void space_claim(const struct engine &engine, record &rec)
{
    uint64_t wanted = torrent_wanted_bytes(rec);
    uint64_t had = std::max(rec.stat.done_bytes, rec.limits.have_bytes);
    if (wanted > had)
    {
        const disk disk = disk_of(rec.limits.save_dir);
        if (wanted - had + promised(engine, rec) + reserve_of(engine, disk) > disk.free_bytes)
            throw failure{E_DISK_FULL, ENGINE_TEXT_DISK_FULL};
    }
    rec.limits.wanted_bytes = wanted;
}

/* Ends one torrent at a time: the space that it frees may be enough for the others. */
void space_watch(struct engine *engine)
{
    record *most = nullptr;
    for (const auto &[id, rec] : engine->by_id)
    {
        if (left_of(*rec) > 0 && !rec->paused && (most == nullptr || left_of(*rec) > left_of(*most)))
            most = rec.get();
    }
    if (most == nullptr)
        return;
    const disk disk = disk_of(most->limits.save_dir);
    if (disk.free_bytes < reserve_of(*engine, disk))
        torrent_fault(engine, *most, ENGINE_FAULT_DISK_FULL, E_DISK_FULL, ENGINE_TEXT_DISK_FULL,
                      "the reserve of the disk is reached");
}

} // namespace inside
