/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/id.h"

#include "common/base/clock.h"
#include "common/base/random.h"

#include <pthread.h>
#include <stdint.h>

static const char hex[] = "0123456789abcdef";

/* The latest id of this process: 48 bits of milliseconds, 74 bits that count on. */
static struct
{
    pthread_mutex_t lock; /* guards all below */
    uint64_t ms;
    uint64_t high; /* 12 bits: rand_a */
    uint64_t low;  /* 62 bits: rand_b */
} latest = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void start_over(uint64_t ms)
{
    uint64_t random[2];
    random_bytes(random, sizeof random);
    latest.ms = ms;
    latest.high = random[0] & 0x7ff; /* the top bit is left free to count into */
    latest.low = random[1] & 0x3fffffffffffffff;
}

static void count_on(void)
{
    uint32_t step = 0;
    random_bytes(&step, sizeof step);
    latest.low += (uint64_t)step + 1;
    if (latest.low <= 0x3fffffffffffffff)
        return;
    latest.low &= 0x3fffffffffffffff;
    if (++latest.high > 0xfff)
        start_over(latest.ms + 1);
}

static void write_hex(char *out, uint64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--, value >>= 4)
        out[i] = hex[value & 15];
}

struct id id_new(void)
{
    pthread_mutex_lock(&latest.lock);
    uint64_t now = (uint64_t)clock_wall_ms();
    if (now > latest.ms)
        start_over(now);
    else
        count_on();
    uint64_t ms = latest.ms;
    uint64_t high = latest.high;
    uint64_t low = latest.low;
    pthread_mutex_unlock(&latest.lock);

    struct id id;
    write_hex(id.text, ms >> 16, 8);
    write_hex(id.text + 9, ms & 0xffff, 4);
    write_hex(id.text + 14, 0x7000 | high, 4);
    write_hex(id.text + 19, 0x8000 | (low >> 48), 4);
    write_hex(id.text + 24, low & 0xffffffffffff, 12);
    id.text[8] = id.text[13] = id.text[18] = id.text[23] = '-';
    id.text[ID_LEN] = '\0';
    return id;
}

bool id_parse(const char *text, struct id *id)
{
    struct id parsed;
    for (int i = 0; i < ID_LEN; i++)
    {
        char c = text[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (c >= 'A' && c <= 'F')
            c = (char)(c - 'A' + 'a');
        bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (dash ? c != '-' : !is_hex)
            return false;
        parsed.text[i] = c;
    }
    if (text[ID_LEN] != '\0')
        return false;
    parsed.text[ID_LEN] = '\0';
    *id = parsed;
    return true;
}
