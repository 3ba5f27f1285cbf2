/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/hunter/engine/inside.hpp"

#include <algorithm>
#include <chrono>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace inside
{

void copy_text(char *to, size_t size, const std::string &from)
{
    std::string line = from.substr(0, size - 1);
    std::replace(line.begin(), line.end(), '\0', ' ');
    line.copy(to, line.size());
    to[line.size()] = '\0';
    utf8_mend(to);
}

inbox::inbox() : fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
{
    if (fd < 0)
        throw failure{E_UNAVAILABLE, "no descriptor left for the BitTorrent engine"};
}

inbox::~inbox()
{
    close(fd);
}

void inbox::wake()
{
    uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one); /* a full eventfd is readable already */
    (void)n;
}

void inbox::post(std::function<void()> what)
{
    {
        std::lock_guard<std::mutex> hold(mutex);
        queue.push_back(std::move(what));
    }
    wake();
}

std::deque<std::function<void()>> inbox::take()
{
    std::lock_guard<std::mutex> hold(mutex);
    return std::exchange(queue, {});
}

void inbox::wait(int64_t wait_ms)
{
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, wait_ms < 0 ? 0 : static_cast<int>(wait_ms)) <= 0)
        return;
    uint64_t count = 0;
    ssize_t n = read(fd, &count, sizeof count);
    (void)n;
}

helper::helper() : state(std::make_shared<shared>())
{
    thread = std::thread(run, state);
}

helper::~helper()
{
    if (thread.joinable())
        thread.detach();
}

void helper::run(const std::shared_ptr<shared> &given)
{
    std::shared_ptr<shared> state = given; /* outlives the engine when it is left behind */
    std::unique_lock<std::mutex> hold(state->mutex);
    while (true)
    {
        state->changed.wait(hold, [&] { return state->ending || !state->jobs.empty(); });
        if (state->jobs.empty())
            break;
        std::function<void()> job = std::move(state->jobs.front());
        state->jobs.pop_front();
        hold.unlock();
        guard(nullptr, job);
        job = nullptr; /* frees what the function has captured before the next one */
        hold.lock();
    }
    state->ended = true;
    state->changed.notify_all();
}

void helper::push(std::function<void()> job)
{
    std::lock_guard<std::mutex> hold(state->mutex);
    state->jobs.push_back(std::move(job));
    state->changed.notify_all();
}

void helper::drop()
{
    std::deque<std::function<void()>> old;
    std::lock_guard<std::mutex> hold(state->mutex);
    old.swap(state->jobs);
}

bool helper::stop(int64_t wait_ms)
{
    {
        std::unique_lock<std::mutex> hold(state->mutex);
        state->ending = true;
        state->changed.notify_all();
        auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms < 0 ? 0 : wait_ms);
        if (!state->changed.wait_until(hold, until, [&] { return state->ended; }))
            return false;
    }
    thread.join();
    return true;
}

} // namespace inside
