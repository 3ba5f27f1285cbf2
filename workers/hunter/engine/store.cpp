/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/engine/inside.hpp"

#include <libtorrent/bdecode.hpp>
#include <libtorrent/bencode.hpp>
#include <libtorrent/entry.hpp>
#include <libtorrent/read_resume_data.hpp>
#include <libtorrent/write_resume_data.hpp>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <ftw.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace inside
{

namespace
{

const char KEY_BOOT[] = "sokoul-boot";
const char KEY_CLEAN[] = "sokoul-clean";
const char KEY_PROVEN[] = "sokoul-proven";
const off_t MAX_RESUME_BYTES = 64 << 20;
const int MAX_FILES_SYNCED_ONE_BY_ONE = 2000;

struct descriptor
{
    int fd;
    explicit descriptor(int f) : fd(f)
    {
    }
    ~descriptor()
    {
        if (fd >= 0)
            close(fd);
    }
    descriptor(const descriptor &) = delete;
    descriptor &operator=(const descriptor &) = delete;
};

[[noreturn]] void fail_io(const std::string &what)
{
    enum err_code code = errno == ENOSPC || errno == EDQUOT ? E_DISK_FULL : E_UNAVAILABLE;
    throw failure{code, code == E_DISK_FULL ? ENGINE_TEXT_DISK_FULL : what + ": " + strerror(errno)};
}

void write_all(int fd, const std::vector<char> &bytes)
{
    size_t done = 0;
    while (done < bytes.size())
    {
        ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            fail_io("cannot write resume data");
        done += static_cast<size_t>(n);
    }
}

void folder_sync(const std::string &path)
{
    descriptor dir(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (dir.fd < 0 || fsync(dir.fd) != 0)
        fail_io("cannot sync a folder");
}

std::vector<char> file_read(const std::string &path)
{
    std::vector<char> bytes;
    descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat st;
    if (file.fd < 0 || fstat(file.fd, &st) != 0 || st.st_size > MAX_RESUME_BYTES)
        return bytes;
    bytes.resize(static_cast<size_t>(st.st_size));
    size_t done = 0;
    while (done < bytes.size())
    {
        ssize_t n = read(file.fd, bytes.data() + done, bytes.size() - done);
        if (n <= 0)
            return {};
        done += static_cast<size_t>(n);
    }
    return bytes;
}

int delete_one(const char *path, const struct stat *, int, struct FTW *)
{
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

} // namespace

torrent_lock::torrent_lock(const std::string &state_dir, const std::string &id)
    : path(state_dir + "/" + id + ".lock")
{
    while (true)
    {
        fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
            fail_io("cannot open the torrent's lock file");
        struct stat held;
        struct stat named;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        {
            close(fd);
            throw failure{E_CONFLICT, "torrent " + id + " is held by another process"};
        }
        if (fstat(fd, &held) == 0 && stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino)
            return;
        close(fd); /* the process that had the lock has removed the file: lock the new one */
    }
}

torrent_lock::~torrent_lock()
{
    close(fd);
}

void torrent_lock::forget()
{
    unlink(path.c_str());
}

std::string resume_path(const std::string &state_dir, const std::string &id)
{
    return state_dir + "/" + id + ".resume";
}

lt::load_torrent_limits metainfo_limits()
{
    lt::load_torrent_limits limits;
    limits.max_buffer_size = 10 << 20;
    limits.max_pieces = 262144;
    limits.max_decode_depth = 100;
    limits.max_decode_tokens = 500000;
    return limits;
}

std::unique_ptr<resume_data> resume_read(const std::string &path)
{
    std::vector<char> bytes = file_read(path);
    if (bytes.empty())
        return nullptr;
    lt::error_code ec;
    lt::bdecode_node node = lt::bdecode(bytes, ec, nullptr, 100, 5000000);
    if (ec || node.type() != lt::bdecode_node::dict_t)
        return nullptr;
    std::unique_ptr<resume_data> data = std::make_unique<resume_data>();
    data->params = lt::read_resume_data(node, ec, 262144);
    if (ec)
        return nullptr;
    data->boot_id = node.dict_find_string_value(KEY_BOOT).to_string();
    data->proven = node.dict_find_string_value(KEY_PROVEN).to_string();
    data->end = node.dict_find_int_value(KEY_CLEAN, 0) == 1 ? ending::clean : ending::unclean;
    return data;
}

void resume_write(const std::string &path, const lt::add_torrent_params &params, const resume_mark &mark)
{
    lt::entry entry = lt::write_resume_data(params);
    entry[KEY_BOOT] = mark.boot_id;
    entry[KEY_CLEAN] = mark.end == ending::clean ? 1 : 0;
    entry[KEY_PROVEN] = mark.proven;
    std::vector<char> bytes;
    lt::bencode(std::back_inserter(bytes), entry);

    std::string temporary = path + ".new";
    {
        descriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
        if (file.fd < 0)
            fail_io("cannot write resume data");
        write_all(file.fd, bytes);
        if (fsync(file.fd) != 0)
            fail_io("cannot sync resume data");
    }
    if (rename(temporary.c_str(), path.c_str()) != 0)
        fail_io("cannot replace resume data");
    folder_sync(path.substr(0, path.rfind('/')));
}

void files_sync(const lt::torrent_info &info, const std::string &save_dir)
{
    const lt::file_storage &files = info.files();
    descriptor dir(open(save_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (dir.fd < 0)
        return; /* nothing was written */
    if (files.num_files() > MAX_FILES_SYNCED_ONE_BY_ONE)
    {
        if (syncfs(dir.fd) != 0)
            fail_io("cannot sync the download folder");
        return;
    }
    for (lt::file_index_t i : files.file_range())
    {
        if (files.pad_file_at(i))
            continue;
        descriptor file(open(files.file_path(i, save_dir).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (file.fd >= 0 && fdatasync(file.fd) != 0)
            fail_io("cannot sync a downloaded file");
    }
    if (fsync(dir.fd) != 0)
        fail_io("cannot sync the download folder");
}

void tree_delete(const std::string &folder)
{
    if (nftw(folder.c_str(), delete_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0 && errno != ENOENT)
        fail_io("cannot delete " + folder);
}

void folder_make(const std::string &folder)
{
    struct stat st;
    if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
        fail_io("cannot make folder " + folder);
    if (lstat(folder.c_str(), &st) != 0 || !S_ISDIR(st.st_mode))
        throw failure{E_REFUSED, "not a folder: " + folder};
}

std::string boot_id_read()
{
    char text[64] = "";
    descriptor file(open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
    ssize_t n = file.fd < 0 ? -1 : read(file.fd, text, sizeof text - 1);
    return n > 0 ? std::string(text, static_cast<size_t>(n)) : std::string();
}

} // namespace inside
