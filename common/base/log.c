/* SPDX-License-Identifier: Apache-2.0 */
/*
 *    caller                      ring (bytes, whole lines)            writer thread
 *    format, mask, escape  ->   head ........... tail          ->    write(2) to stderr
 *
 * The lock is held for one memcpy, never around write(2): a caller waits for nobody's disk.
 * Between tail and head only the writer reads, so it copies out without the lock.
 */
#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/base/mask.h"
#include "common/base/utf8.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum
{
    LINE_BYTES = 8192,
    RING_BYTES = 512 * 1024,
    CHUNK_BYTES = 4096, /* PIPE_BUF: lines of several programs on one pipe do not mix */
    MESSAGE_BYTES = 6144,
    CLOSE_WAIT_MS = 1000,
    STUCK_WAIT_MS = 100
};

static const char *const level_names[] = {"trace", "debug", "info", "warn", "error"};

static struct
{
    pthread_mutex_t lock; /* guards head and tail */
    pthread_cond_t more;
    size_t head; /* bytes written into the ring since it was empty last */
    size_t tail; /* bytes ever taken out */
    atomic_bool stopping;
    pthread_t thread;
    atomic_bool open;
    atomic_int level;
    atomic_ullong dropped;
    char service[32];
    char ring[RING_BYTES];
} the_log = {.lock = PTHREAD_MUTEX_INITIALIZER,
             .more = PTHREAD_COND_INITIALIZER,
             .level = LOG_INFO,
             .service = "sokoul"};

static _Thread_local struct log_context context;

/* ---- a line ---- */

struct line
{
    char data[LINE_BYTES];
    size_t len;
};

/* Room that stays free for the end of the line: a quote, a brace, a newline. */
static const size_t tail_bytes = 3;

static void add(struct line *line, const char *bytes, size_t len)
{
    if (len > sizeof line->data - line->len)
        return;
    memcpy(line->data + line->len, bytes, len);
    line->len += len;
}

static void add_text(struct line *line, const char *text)
{
    add(line, text, strlen(text));
}

/* Whether the byte stands in a JSON string as it is. */
static bool plain(char c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

/* Escapes as much as there is room for; never cuts a character. */
static void add_escaped(struct line *line, const char *text, size_t len)
{
    size_t end = sizeof line->data - tail_bytes;
    for (size_t at = 0; at < len;)
    {
        char out[UTF8_JSON_MAX] = {text[at]};
        size_t out_len = 1;
        at += plain(text[at]) ? 1 : utf8_json_step(text + at, len - at, out, &out_len);
        if (line->len + out_len > end)
            return;
        memcpy(line->data + line->len, out, out_len);
        line->len += out_len;
    }
}

/* A field of ours, which needs no masking; NULL and "" become null. */
static void add_field(struct line *line, const char *name, const char *value)
{
    enum
    {
        FIELD_BYTES = 128
    };
    add_text(line, "\"");
    add_text(line, name);
    if (value == NULL || value[0] == '\0')
    {
        add_text(line, "\":null,");
        return;
    }
    add_text(line, "\":\"");
    add_escaped(line, value, strnlen(value, FIELD_BYTES));
    add_text(line, "\",");
}

/* A field whose text a client may have chosen. */
static void add_masked(struct line *line, const char *name, const char *value)
{
    char masked[128];
    mask_text(value == NULL ? "" : value, masked, sizeof masked);
    add_field(line, name, masked);
}

static void line_format(struct line *line, enum log_level level, const char *event, const char *message,
                        size_t len)
{
    char timestamp[CLOCK_TEXT_SIZE];
    clock_format(clock_wall_ms(), timestamp);
    line->len = 0;
    add_text(line, "{");
    add_field(line, "timestamp", timestamp);
    add_field(line, "level", level_names[level]);
    add_field(line, "service", the_log.service);
    add_masked(line, "request_id", context.request_id);
    add_field(line, "user_id", context.user_id);
    add_field(line, "job_id", context.job_id);
    add_field(line, "event", event);
    add_text(line, "\"message\":\"");
    add_escaped(line, message, len);
    add_text(line, "\"}\n");
}

/* ---- writing ---- */

static size_t count_lines(const char *bytes, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += bytes[i] == '\n';
    return count;
}

static bool wait_writable(void)
{
    struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&fd, 1, STUCK_WAIT_MS) >= 0;
}

/* A disk that is full costs lines, never a stop: they are counted and gone. */
static void write_out(const char *bytes, size_t len)
{
    while (len > 0)
    {
        ssize_t wrote = write(STDERR_FILENO, bytes, len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0 && errno == EAGAIN && !the_log.stopping && wait_writable())
            continue;
        if (wrote <= 0)
        {
            atomic_fetch_add(&the_log.dropped, count_lines(bytes, len));
            return;
        }
        bytes += wrote;
        len -= (size_t)wrote;
    }
}

/* ---- the ring ---- */

static void ring_copy_in(const char *bytes, size_t len)
{
    size_t at = the_log.head % RING_BYTES;
    size_t first = len < RING_BYTES - at ? len : RING_BYTES - at;
    memcpy(the_log.ring + at, bytes, first);
    memcpy(the_log.ring, bytes + first, len - first);
    the_log.head += len;
}

static void ring_put(const struct line *line)
{
    pthread_mutex_lock(&the_log.lock);
    bool fits = line->len <= RING_BYTES - (the_log.head - the_log.tail);
    bool was_empty = the_log.head == the_log.tail;
    if (was_empty) /* from the front again: a log that is kept up with needs a page or two of the ring */
        the_log.head = the_log.tail = 0;
    if (fits)
        ring_copy_in(line->data, line->len);
    pthread_mutex_unlock(&the_log.lock);
    if (!fits)
        atomic_fetch_add(&the_log.dropped, 1);
    else if (was_empty)
        pthread_cond_signal(&the_log.more);
}

/* The next whole lines, at most CHUNK_BYTES of them, or one that is longer. */
static size_t ring_chunk(char chunk[LINE_BYTES], size_t tail, size_t held)
{
    size_t len = held < LINE_BYTES ? held : LINE_BYTES;
    size_t at = tail % RING_BYTES;
    size_t first = len < RING_BYTES - at ? len : RING_BYTES - at;
    memcpy(chunk, the_log.ring + at, first);
    memcpy(chunk + first, the_log.ring, len - first);
    const char *end = memrchr(chunk, '\n', len < CHUNK_BYTES ? len : CHUNK_BYTES);
    if (end == NULL)
        end = memchr(chunk, '\n', len);
    return (size_t)(end - chunk) + 1;
}

/* Tells once that lines were lost, as soon as lines go out again. */
static void write_dropped(unsigned long long *logged)
{
    unsigned long long dropped = atomic_load(&the_log.dropped);
    if (dropped == *logged)
        return;
    char message[64];
    int len = snprintf(message, sizeof message, "%llu log lines were dropped so far", dropped);
    *logged = dropped;
    struct line line;
    line_format(&line, LOG_WARN, "log_dropped", message, (size_t)len);
    write_out(line.data, line.len);
    *logged = atomic_load(&the_log.dropped); /* the loss of this very line is not logged at once */
}

static void *write_lines(void *unused)
{
    (void)unused;
    sigset_t all; /* signals are for other threads, and a pipe without a reader is no reason to die */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    char chunk[LINE_BYTES];
    unsigned long long logged = atomic_load(&the_log.dropped);
    pthread_mutex_lock(&the_log.lock);
    for (;;)
    {
        while (the_log.head == the_log.tail && !the_log.stopping)
            pthread_cond_wait(&the_log.more, &the_log.lock);
        size_t held = the_log.head - the_log.tail;
        size_t tail = the_log.tail;
        if (held == 0)
            break;
        pthread_mutex_unlock(&the_log.lock);
        size_t len = ring_chunk(chunk, tail, held);
        unsigned long long before = atomic_load(&the_log.dropped);
        write_out(chunk, len);
        if (before == atomic_load(&the_log.dropped))
            write_dropped(&logged);
        pthread_mutex_lock(&the_log.lock);
        the_log.tail += len;
    }
    pthread_mutex_unlock(&the_log.lock);
    return NULL;
}

/* ---- what others call ---- */

void log_open(const char *service, enum log_level level)
{
    snprintf(the_log.service, sizeof the_log.service, "%s", service);
    log_set_level(level);
    if (atomic_load(&the_log.open))
        return;
    the_log.stopping = false;
    if (pthread_create(&the_log.thread, NULL, write_lines, NULL) == 0)
        atomic_store(&the_log.open, true);
}

void log_close(void)
{
    if (!atomic_exchange(&the_log.open, false))
        return;
    pthread_mutex_lock(&the_log.lock);
    the_log.stopping = true;
    pthread_cond_signal(&the_log.more);
    pthread_mutex_unlock(&the_log.lock);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLOSE_WAIT_MS / 1000;
    if (pthread_timedjoin_np(the_log.thread, NULL, &until) != 0)
        pthread_detach(the_log.thread); /* stuck in write(2); it uses static memory only */
}

void log_set_level(enum log_level level)
{
    atomic_store(&the_log.level, (int)level);
}

bool log_level_parse(const char *text, enum log_level *level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++)
    {
        if (strcasecmp(text, level_names[i]) != 0)
            continue;
        *level = (enum log_level)i;
        return true;
    }
    return false;
}

uint64_t log_dropped(void)
{
    return atomic_load(&the_log.dropped);
}

void log_mask(const char *secret)
{
    mask_secret(secret);
}

struct log_context log_context_set(struct log_context next)
{
    struct log_context before = context;
    context = next;
    return before;
}

struct log_context log_context_get(void)
{
    return context;
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&the_log.level, memory_order_relaxed);
}

static size_t compose(char masked[MESSAGE_BYTES], const char *fmt, va_list args) PRINTF_LIKE(2, 0);

/* Formats and masks; a text that was cut loses its end, where half a secret may stand. */
static size_t compose(char masked[MESSAGE_BYTES], const char *fmt, va_list args)
{
    char message[MESSAGE_BYTES];
    int len = vsnprintf(message, sizeof message, fmt, args);
    if (len < 0)
        message[0] = '\0';
    if (len >= (int)sizeof message)
    {
        size_t unsafe = mask_longest();
        message[unsafe < sizeof message ? sizeof message - 1 - unsafe : 0] = '\0';
    }
    return mask_text(message, masked, MESSAGE_BYTES);
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    if (!log_enabled(level))
        return;
    int saved = errno;
    char masked[MESSAGE_BYTES];
    va_list args;
    va_start(args, fmt);
    size_t len = compose(masked, fmt, args);
    va_end(args);
    struct line line;
    line_format(&line, level, event, masked, len);
    if (atomic_load(&the_log.open))
        ring_put(&line);
    else
        write_out(line.data, line.len);
    errno = saved;
}
