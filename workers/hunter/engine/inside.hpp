/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inside.hpp -- what the parts of the engine share.  Nothing outside this folder includes it.
 *
 * Threads: the callers', libtorrent's own, and three helpers of ours: `keeper` writes resume data, syncs and
 * deletes files; `checker` reads resume data and hashes what a kill left behind; `looker` looks at the files
 * of what is complete.  Hashing may take minutes, so it must hold up neither the keeper nor what begins.
 * A helper never touches a record: it gets copies, and puts a function into the inbox that engine_poll runs
 * under the engine's lock.  Lock order: engine.mutex, then inbox.mutex or helper's; nobody
 * calls out of the engine with a lock held.
 */
#ifndef SOKOUL_WORKERS_HUNTER_ENGINE_INSIDE_HPP
#define SOKOUL_WORKERS_HUNTER_ENGINE_INSIDE_HPP

#include "workers/hunter/engine/engine.h"

extern "C"
{
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/utf8.h"
}

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/alert_types.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/torrent_handle.hpp>
#include <libtorrent/torrent_info.hpp>
#include <libtorrent/torrent_status.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace inside
{

/* ---- failing, without exceptions that leave ------------------------------------------------------ */

/* Thrown inside the engine only; guard() turns it into a code.  An exception of a library goes to the log. */
struct failure
{
    enum err_code code;
    std::string text;
};

template <class Body> enum err_code guard(struct err *err, Body &&body) noexcept
{
    try
    {
        body();
        return E_OK;
    }
    catch (const failure &f)
    {
        return err_set(err, f.code, __FILE__, __LINE__, "%s", f.text.c_str());
    }
    catch (const std::bad_alloc &)
    {
        return err_set(err, E_NO_MEMORY, __FILE__, __LINE__, "out of memory");
    }
    catch (const std::exception &e)
    {
        log_error("engine_failed", "BitTorrent engine: %s", e.what());
        return err_set(err, E_BUG, __FILE__, __LINE__, "the BitTorrent engine failed");
    }
    catch (...)
    {
        return err_set(err, E_BUG, __FILE__, __LINE__, "the BitTorrent engine failed");
    }
}

inline uint64_t size_of(int64_t bytes)
{
    return bytes < 0 ? 0 : static_cast<uint64_t>(bytes);
}

inline uint32_t count_of(int64_t n)
{
    return n < 0 ? 0 : static_cast<uint32_t>(std::min<int64_t>(n, UINT32_MAX));
}

/* Copies as one line of UTF-8, whatever comes; cuts at the size. */
void copy_text(char *to, size_t size, const std::string &from);

/* ---- store.cpp: the lock and the resume data of one torrent ------------------------------------------- */

/* Holds the lock as long as it lives. */
class torrent_lock
{
  public:
    torrent_lock(const std::string &state_dir, const std::string &id); /* failure E_CONFLICT, E_UNAVAILABLE */
    ~torrent_lock();
    torrent_lock(const torrent_lock &) = delete;
    torrent_lock &operator=(const torrent_lock &) = delete;
    void forget(); /* removes the file; the lock stays ours until the end */

  private:
    std::string path;
    int fd = -1;
};

enum class ending
{
    unclean, /* the data may not be on disk yet: trusted within this boot only */
    clean    /* the data were synced before these were written */
};

struct resume_data
{
    lt::add_torrent_params params;
    std::string boot_id;
    std::string proven; /* files_look's stamp of what was right when these were written */
    ending end = ending::unclean;
};

std::string resume_path(const std::string &state_dir, const std::string &id);
std::unique_ptr<resume_data> resume_read(const std::string &path); /* null: none, or not usable */
struct resume_mark
{
    std::string boot_id;
    std::string proven;
    ending end;
};
void resume_write(const std::string &path, const lt::add_torrent_params &params, const resume_mark &mark);
void files_sync(const lt::torrent_info &info, const std::string &save_dir);
void tree_delete(const std::string &folder);
void folder_make(const std::string &folder); /* the last component only */
std::string boot_id_read();
lt::load_torrent_limits metainfo_limits();

/* ---- gate.cpp: what may come in ------------------------------------------------------------------- */

struct gate_limits
{
    std::string save_dir;
    uint64_t max_bytes = 0;
    uint64_t have_bytes = 0;   /* already on disk */
    uint64_t wanted_bytes = 0; /* by our own selection, which libtorrent's numbers follow a moment later */
};

uint64_t bytes_of(const lt::file_storage &files);  /* without padding, which nobody fetches or writes */
void gate_sources(lt::add_torrent_params &params); /* drops the addresses that must not be asked */
void gate_info(const lt::torrent_info &info, const gate_limits &limits);

/* ---- names.cpp: files of the same path ----------------------------------------------------------------- */

void names_settle(lt::add_torrent_params &params); /* of a torrent that is not in the session */
uint32_t names_ask(
    const lt::torrent_handle &handle); /* of one that is in the session: how many rename alerts will come */

/* ---- recover.cpp: what is on the disk ----------------------------------------------------------------- */

enum class soundness
{
    sound,
    likely,  /* all is as large as it should be; nobody hashed it */
    unsound, /* something is missing or changed */
    unsure   /* libtorrent has to hash it */
};

struct disk_look
{
    soundness found = soundness::unsure;
    std::string stamp; /* of the files before they were hashed */
};

/* The wanted files; not hashed when their stamp is `proven`.  May take minutes. */
disk_look files_look(const lt::torrent_info &info, const std::string &save_dir,
                     const std::vector<lt::download_priority_t> &wanted, const std::string &proven,
                     const std::atomic<bool> &stop);
/* Repairs that need no data: makes empty files that are missing, and cuts files that are too long. */
void files_fit(const lt::torrent_info &info, const std::string &save_dir,
               const std::vector<lt::download_priority_t> &wanted);
/* Looks only at sizes: likely or unsound. */
disk_look files_glance(const lt::torrent_info &info, const std::string &save_dir,
                       const std::vector<lt::download_priority_t> &wanted);
/* A text of which wanted files are there, and when they were written last; empty when one is missing or
 * short. */
std::string files_stamp(const lt::torrent_info &info, const std::string &save_dir,
                        const std::vector<lt::download_priority_t> &wanted);

/* Hashes the pieces that `params` lacks and that are on disk, and marks those that are right. */
int recover_pieces(lt::add_torrent_params &params, const std::atomic<bool> &stop);

/* ---- helper.cpp: threads and their way back ----------------------------------------------------------- */

/* Functions to be run by engine_poll. */
class inbox
{
  public:
    inbox();
    ~inbox();
    inbox(const inbox &) = delete;
    inbox &operator=(const inbox &) = delete;
    void post(std::function<void()> what);
    std::deque<std::function<void()>> take();
    void wake();
    void wait(int64_t wait_ms);

  private:
    std::mutex mutex;
    std::deque<std::function<void()>> queue; /* mutex */
    int fd = -1;
};

class helper
{
  public:
    helper();
    ~helper(); /* detaches the thread unless stop succeeded */
    helper(const helper &) = delete;
    helper &operator=(const helper &) = delete;
    void push(std::function<void()> job);
    bool stop(int64_t wait_ms); /* runs all that is queued first; false: still running */
    void drop();                /* forgets what is queued */

  private:
    struct shared
    {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<std::function<void()>> jobs; /* mutex */
        bool ending = false;                    /* mutex */
        bool ended = false;                     /* mutex */
    };
    static void run(const std::shared_ptr<shared> &state);
    std::shared_ptr<shared> state;
    std::thread thread;
};

/* ---- session.cpp --------------------------------------------------------------------------------------- */

/* A torrent that waits at the gate looks finished to libtorrent, so it and its seeds would disconnect each
 * other. So seeds stay connected while a torrent waits, and are soon connected to again when they have
 * disconnected. */
enum class seeds_dial
{
    usual,
    soon
};
enum class seeds_stay
{
    usual,
    always
};

std::unique_ptr<lt::session> session_open(const struct engine_config &config);
void session_adjust(lt::session &session, seeds_dial call, seeds_stay stay);

/* ---- a torrent
 * --------------------------------------------------------------------------------------------- */

enum class step
{
    none,
    finishing, /* all is here: being looked at on the disk, and synced */
    finished,  /* ENGINE_FINISHED was posted */
};

struct tracker_state
{
    enum engine_fault fault = ENGINE_FAULT_NONE;
    std::string cause;
    std::string reason; /* the tracker's own text */
};

/* Where to ask for peers and data. */
struct ask_list
{
    std::vector<std::string> trackers;
    std::vector<std::string> web_seeds;
};

struct record
{
    std::string id;
    ask_list own;    /* of its magnet link or .torrent */
    ask_list linked; /* of the links of those who want it now */
    gate_limits limits;
    std::shared_ptr<torrent_lock> lock;
    lt::info_hash_t hashes;
    lt::torrent_handle handle; /* invalid while PREPARING */
    std::shared_ptr<const lt::torrent_info> info;
    std::vector<lt::download_priority_t> priorities;
    std::set<std::string> tracker_urls;
    std::map<std::string, tracker_state> trackers; /* that failed or answered lately */
    struct engine_stat stat = {};
    struct engine_seed_limits seed_limits = {0, 0};
    struct engine_range range = {0, 0, 0}; /* wanted first; size 0: none */
    std::string fault_text;
    int64_t payload_ms = 0;  /* when payload last arrived */
    int64_t look_ms = 0;     /* when its files are to be looked at next while it seeds */
    int64_t progress_ms = 0; /* when ENGINE_PROGRESS was last posted */
    step progress = step::none;
    uint32_t renames = 0;    /* that have to be confirmed before it passes the gate */
    std::string proven;      /* files_look's stamp of what was found right last */
    bool seeds_only = false; /* nothing may be fetched */
    int vain_mends = 0;      /* one after the other, without a byte that was fetched */
    uint64_t mended_at = 0;  /* bytes fetched when it was mended last */
    bool rechecks = false;   /* libtorrent is hashing it */
    bool admitted = false;   /* passed the gate; METADATA was posted */
    bool paused = false;     /* by the user or by a fault */
    bool dirty = false;      /* changed since the resume data were saved */
    bool saving = false;
    bool synced = false; /* all that the resume data claim is on disk */
    bool removing = false;
    bool leaving = false; /* remove_torrent was called */
    enum engine_files_fate fate = ENGINE_KEEP_FILES;
};

using record_ptr = std::shared_ptr<record>;

} // namespace inside

struct engine
{
    std::mutex mutex; /* guards all below but inbox and helpers, which guard themselves */
    std::unique_ptr<lt::session> session;
    std::map<std::string, inside::record_ptr> by_id;
    std::map<lt::torrent_handle, inside::record_ptr> by_handle;
    std::deque<struct engine_event> events;
    std::shared_ptr<inside::inbox> inbox;
    std::shared_ptr<std::atomic<bool>> stopping;
    inside::helper keeper;
    inside::helper checker;
    inside::helper looker;
    std::string state_dir;
    std::string boot_id;
    uint32_t progress_ms = 1000;
    uint32_t resume_ms = 5000;
    uint64_t reserve_bytes = 0;               /* 0: by the size of the disk */
    std::map<std::string, uint64_t> promised; /* still to come of torrents begun here or elsewhere */
    int64_t next_update_ms = 0;
    int64_t next_resume_ms = 0;
    int64_t call_soon_until_ms = 0;
    inside::seeds_dial call = inside::seeds_dial::usual;
    inside::seeds_stay stay = inside::seeds_stay::usual;
    std::vector<lt::alert *> alerts; /* scratch */
};

namespace inside
{

/* ---- add.cpp, prepare.cpp: into the session
 * ----------------------------------------------------------------- */

void torrent_check_id(const char *id, const char *save_dir);
void torrent_add(struct engine *engine, const struct engine_source *source);
ask_list links_read(const char *links);
ask_list asks_of(const record &rec); /* own and linked */
void torrent_link(record &rec);      /* tells libtorrent */
void torrent_select(record &rec, const uint8_t *priorities, size_t count);
void torrent_prepare(struct engine *engine, const record_ptr &rec, lt::add_torrent_params params);

/* ---- files.cpp
 * ------------------------------------------------------------------------------------------------- */

void range_want(record &rec, const struct engine_range &range);
uint64_t range_ready(const record &rec, const struct engine_range &range);
struct engine_file_list *files_new(const record &rec);
std::string metainfo_of(const record &rec);

/* ---- torrent.cpp: one torrent's life; under the engine's lock ---------------------------------------------
 */

/* A magnet waits at the gate with these flags: nothing of it is fetched, and no peer learns that it is
 * wanted.  If its pieces were merely not wanted, libtorrent would send each seeder "interested" and at once
 * "not interested", after which it asks that seeder for two blocks at a time.  In share mode it does not
 * announce "upload only" either: seeders disconnect such peers. */
const lt::torrent_flags_t at_the_gate =
    lt::torrent_flags::default_dont_download | lt::torrent_flags::upload_mode | lt::torrent_flags::share_mode;

void engine_adjust(struct engine *engine);
void torrent_admit(struct engine *engine, const record_ptr &rec); /* gate passed: fetches, posts METADATA */
void torrent_refuse(struct engine *engine, const record_ptr &rec, const failure &why);
void torrent_let_fetch(record &rec); /* unless it waits at the gate, or is only seeded */
std::vector<lt::download_priority_t> torrent_priorities(const record &rec); /* of all files */
uint64_t torrent_wanted_bytes(const record &rec); /* of the files, by our own selection */
void torrent_apply(record &rec);                  /* priorities, pause and range to libtorrent */
void torrent_save(struct engine *engine, const record_ptr &rec, lt::resume_data_flags_t flags);
void torrent_saved(struct engine *engine, const record_ptr &rec, lt::add_torrent_params params);
void torrent_leave(struct engine *engine, const record_ptr &rec);
void torrent_gone(struct engine *engine, const record_ptr &rec);

/* ---- mend.cpp: under the engine's lock ---- */

/* A part of it is not on the disk as it was verified: hashes all, and fetches the missing part, or leaves. */
void torrent_mend(struct engine *engine, const record_ptr &rec);
void torrent_recheck(record &rec);
void seeds_watch(struct engine *engine); /* whether seeded files are still there */
void torrent_want(struct engine *engine, const record_ptr &rec, enum engine_aim aim);

/* ---- space.cpp: under the engine's lock ---- */

/* E_DISK_FULL: its wanted files, what all other begun torrents still need, and the reserve do not fit
 * together. */
void space_claim(const struct engine &engine, record &rec);
void space_watch(struct engine *engine); /* ends the largest torrent while less than the reserve is free */

/* ---- state.cpp ---- */

void torrent_check_finished(struct engine *engine, const record_ptr &rec);
void torrent_status_take(struct engine *engine, const record_ptr &rec, const lt::torrent_status &status);
void torrent_fault(struct engine *engine, record &rec, enum engine_fault fault, enum err_code code,
                   const std::string &text, const std::string &cause);
void torrent_recovered(struct engine *engine, record &rec);
void torrent_judge_trackers(struct engine *engine, record &rec);
void event_post(struct engine *engine, const record &rec, enum engine_event_kind kind);

/* ---- alerts.cpp -------------------------------------------------------------------------------------------
 */

void alerts_handle(struct engine *engine);

} // namespace inside

#endif
