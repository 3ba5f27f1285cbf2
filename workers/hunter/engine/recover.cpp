/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resume data are up to some seconds old when a process is killed, but what it had written is still there.
 * A piece that they lack and whose place on disk holds no hole is hashed, and counted when it is right;
 * holes (never written: the files are sparse) cost one lseek.
 */
#include "workers/hunter/engine/inside.hpp"

#include <libtorrent/hasher.hpp>

#include <fcntl.h>
#include <unistd.h>

namespace inside
{

namespace
{

const size_t CHUNK_BYTES = 256 << 10;

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

    bool hash(const lt::file_slice &slice, lt::hasher &hasher)
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
        fd = open(files.file_path(index, save_dir).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
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

bool piece_is_right(const lt::torrent_info &info, lt::piece_index_t piece, reader &disk)
{
    std::vector<lt::file_slice> slices = info.files().map_block(piece, 0, info.piece_size(piece));
    for (const lt::file_slice &slice : slices)
    {
        if (!disk.written(slice))
            return false;
    }
    lt::hasher hasher;
    for (const lt::file_slice &slice : slices)
    {
        if (!disk.hash(slice, hasher))
            return false;
    }
    return hasher.final() == info.hash_for_piece(piece);
}

} // namespace

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
