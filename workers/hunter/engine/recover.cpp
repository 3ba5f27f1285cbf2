/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which data of a torrent are on the disk, whatever the session believes.
 *
 * Resume data are up to some seconds old when a process is killed, but the data that it had written are still
 * there.  A piece that the resume data lack and whose range on the disk has no hole is hashed, and counts
 * when it is right; finding a hole (never written: the files are sparse) costs one lseek.
 *
 * A complete torrent is hashed once more before it is reported, since somebody may have changed the files
 * after their pieces came; after that it is enough that they are still the same files, of the same size and
 * time.
 */
#include "workers/hunter/engine/inside.hpp"

#include <libtorrent/hasher.hpp>

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace inside
{

namespace
{

const size_t CHUNK_BYTES = 256 << 10;
const int64_t BLOCK_BYTES = 16 << 10; /* a leaf of version 2's trees */

class reader
{
  public:
    reader(const lt::file_storage &storage, std::string folder)
        : files(storage), save_dir(std::move(folder)), chunk(CHUNK_BYTES)
    {
    }
    ~reader()
    {
        shut();
    }
    reader(const reader &) = delete;
    reader &operator=(const reader &) = delete;

    bool written(const lt::file_slice &slice)
    {
        if (files.pad_file_at(slice.file_index))
            return true;
        if (!opened(slice.file_index))
            return false;
        off_t from = static_cast<off_t>(slice.offset);
        off_t hole = lseek(fd, from, SEEK_HOLE);
        return hole >= from + static_cast<off_t>(slice.size);
    }

    template <typename any_hasher> bool hash(const lt::file_slice &slice, any_hasher &hasher)
    {
        bool padding = files.pad_file_at(slice.file_index);
        if (!padding && !opened(slice.file_index))
            return false;
        int64_t done = 0;
        while (done < slice.size)
        {
            size_t want = static_cast<size_t>(std::min<int64_t>(slice.size - done, CHUNK_BYTES));
            ssize_t n = static_cast<ssize_t>(want);
            if (padding)
                std::fill_n(chunk.begin(), want, '\0');
            else
                n = pread(fd, chunk.data(), want, static_cast<off_t>(slice.offset + done));
            if (n <= 0)
                return false;
            hasher.update({chunk.data(), n});
            done += n;
        }
        return true;
    }

  private:
    bool opened(lt::file_index_t index)
    {
        if (fd >= 0 && current == index)
            return true;
        shut();
        current = index;
        fd = open(files.file_path(index, save_dir).c_str(), O_RDONLY | O_CLOEXEC);
        return fd >= 0;
    }
    void shut()
    {
        if (fd >= 0)
            close(fd);
        fd = -1;
    }

    const lt::file_storage &files;
    std::string save_dir;
    std::vector<char> chunk;
    lt::file_index_t current{-1};
    int fd = -1;
};

bool hash_is_right(const lt::torrent_info &info, lt::piece_index_t piece,
                   const std::vector<lt::file_slice> &slices, reader &disk)
{
    lt::hasher hasher;
    for (const lt::file_slice &slice : slices)
    {
        if (!disk.hash(slice, hasher))
            return false;
    }
    return hasher.final() == info.hash_for_piece(piece);
}

bool piece_is_right(const lt::torrent_info &info, lt::piece_index_t piece, reader &disk)
{
    std::vector<lt::file_slice> slices = info.files().map_block(piece, 0, info.piece_size(piece));
    for (const lt::file_slice &slice : slices)
    {
        if (!disk.written(slice))
            return false;
    }
    return hash_is_right(info, piece, slices, disk);
}

bool is_wanted(const lt::torrent_info &info, const std::vector<lt::download_priority_t> &wanted,
               lt::file_index_t file)
{
    return !info.files().pad_file_at(file) &&
           wanted[static_cast<size_t>(static_cast<int>(file))] != lt::dont_download;
}

void make_empty(const std::string &path)
{
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
    int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd >= 0)
        close(fd);
}

/* The root of a file's tree of hashes (BEP 52); its leaves are filled up with zeros to a power of two. */
lt::sha256_hash root_of(std::vector<lt::sha256_hash> level)
{
    size_t width = 1;
    while (width < level.size())
        width *= 2;
    for (level.resize(width); level.size() > 1; level.resize(level.size() / 2))
    {
        for (size_t i = 0; i < level.size() / 2; i++)
        {
            lt::hasher256 pair;
            pair.update(level[2 * i]);
            pair.update(level[2 * i + 1]);
            level[i] = pair.final();
        }
    }
    return level[0];
}

soundness hash_tree(const lt::torrent_info &info, lt::file_index_t file, reader &disk,
                    const std::atomic<bool> &stop)
{
    const int64_t size = info.files().file_size(file);
    std::vector<lt::sha256_hash> blocks;
    for (int64_t at = 0; at < size; at += BLOCK_BYTES)
    {
        lt::hasher256 hasher;
        if (stop)
            return soundness::unsure;
        if (!disk.hash(lt::file_slice{file, at, std::min(BLOCK_BYTES, size - at)}, hasher))
            return soundness::unsound;
        blocks.push_back(hasher.final());
    }
    return size == 0 || root_of(std::move(blocks)) == info.files().root(file) ? soundness::sound
                                                                              : soundness::unsound;
}

/* Version 2: each file has a tree of its own. */
soundness hash_trees(const lt::torrent_info &info, const std::string &save_dir,
                     const std::vector<lt::download_priority_t> &wanted, const std::atomic<bool> &stop)
{
    reader disk(info.files(), save_dir);
    soundness found = soundness::sound;
    for (lt::file_index_t i : info.files().file_range())
    {
        if (found == soundness::sound && is_wanted(info, wanted, i))
            found = hash_tree(info, i, disk, stop);
    }
    return found;
}

/* A piece that reaches into an unwanted file is in part in another file: only libtorrent can check it. */
soundness hash_files(const lt::torrent_info &info, const std::string &save_dir,
                     const std::vector<lt::download_priority_t> &wanted, const std::atomic<bool> &stop)
{
    if (!info.info_hashes().has_v1())
        return hash_trees(info, save_dir, wanted, stop);
    soundness found = soundness::sound;
    reader disk(info.files(), save_dir);
    for (lt::piece_index_t piece : info.piece_range())
    {
        std::vector<lt::file_slice> slices = info.files().map_block(piece, 0, info.piece_size(piece));
        auto is_here = [&](const lt::file_slice &s) { return is_wanted(info, wanted, s.file_index); };
        auto is_away = [&](const lt::file_slice &s)
        { return !is_here(s) && !info.files().pad_file_at(s.file_index); };
        if (stop)
            return soundness::unsure;
        if (std::none_of(slices.begin(), slices.end(), is_here))
            continue;
        if (std::any_of(slices.begin(), slices.end(), is_away))
            found = soundness::unsure;
        else if (!hash_is_right(info, piece, slices, disk))
            return soundness::unsound;
    }
    return found;
}

} // namespace

void files_fit(const lt::torrent_info &info, const std::string &save_dir,
               const std::vector<lt::download_priority_t> &wanted)
{
    for (lt::file_index_t i : info.files().file_range())
    {
        struct stat found;
        if (!is_wanted(info, wanted, i))
            continue;
        std::string path = info.files().file_path(i, save_dir);
        int64_t size = info.files().file_size(i);
        bool is_there = stat(path.c_str(), &found) == 0;
        if (!is_there && size == 0)
            make_empty(path);
        if (is_there && S_ISREG(found.st_mode) && found.st_size > size &&
            truncate(path.c_str(), static_cast<off_t>(size)) != 0)
            log_warn("torrent_damaged", "cannot cut %s to its size", path.c_str());
    }
}

std::string files_stamp(const lt::torrent_info &info, const std::string &save_dir,
                        const std::vector<lt::download_priority_t> &wanted)
{
    lt::hasher hasher;
    for (lt::file_index_t i : info.files().file_range())
    {
        if (!is_wanted(info, wanted, i))
            continue;
        struct stat found;
        std::string path = info.files().file_path(i, save_dir);
        int64_t size = info.files().file_size(i);
        if (stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode) || found.st_size != size)
            return {};
        const int64_t facts[] = {static_cast<int>(i), static_cast<int64_t>(found.st_ino), size,
                                 found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
        hasher.update({reinterpret_cast<const char *>(facts), sizeof facts});
    }
    return hasher.final().to_string();
}

disk_look files_glance(const lt::torrent_info &info, const std::string &save_dir,
                       const std::vector<lt::download_priority_t> &wanted)
{
    disk_look look;
    look.stamp = files_stamp(info, save_dir, wanted);
    look.found = look.stamp.empty() ? soundness::unsound : soundness::likely;
    return look;
}

disk_look files_look(const lt::torrent_info &info, const std::string &save_dir,
                     const std::vector<lt::download_priority_t> &wanted, const std::string &proven,
                     const std::atomic<bool> &stop)
{
    disk_look look = files_glance(info, save_dir, wanted);
    if (look.found == soundness::likely)
        look.found = look.stamp == proven ? soundness::sound : hash_files(info, save_dir, wanted, stop);
    return look;
}

int recover_pieces(lt::add_torrent_params &params, const std::atomic<bool> &stop)
{
    const lt::torrent_info &info = *params.ti;
    if (params.have_pieces.size() != info.num_pieces())
        return 0; /* libtorrent will hash everything */
    reader disk(info.files(), params.save_path);
    int found = 0;
    for (lt::piece_index_t piece : info.piece_range())
    {
        if (stop)
            break;
        if (params.have_pieces.get_bit(piece) || !piece_is_right(info, piece, disk))
            continue;
        params.have_pieces.set_bit(piece);
        params.unfinished_pieces.erase(piece);
        found++;
    }
    return found;
}

} // namespace inside
