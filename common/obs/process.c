/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/process.h"

#include "common/obs/metrics_text.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct sheet
{
    struct buf *out;
    enum metrics_format format;
};

static void put(const struct sheet *sheet, const char *name, const char *type, const char *help, double value)
{
    metrics_put_head(sheet->out, sheet->format,
                     &(struct metrics_head){.name = name, .type = type, .help = help});
    buf_addf(sheet->out, "%s %.15g\n", name, value);
}

/* Seconds since 1970 at which this machine started; 0 when unknown. */
static double boot_time_s(void)
{
    FILE *file = fopen("/proc/stat", "re");
    if (file == NULL)
        return 0;
    char line[256];
    unsigned long long boot_s = 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "btime %llu", &boot_s) == 1)
            break;
    fclose(file);
    return (double)boot_s;
}

static void put_stat(const struct sheet *sheet)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (file == NULL)
        return;
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    const char *rest = strrchr(text, ')'); /* the name may hold blanks and brackets */
    unsigned long user = 0, kernel = 0, bytes = 0;
    unsigned long long started = 0;
    long threads = 0, pages = 0;
    if (rest == NULL || sscanf(rest,
                               ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %ld "
                               "%*d %llu %lu %ld",
                               &user, &kernel, &threads, &started, &bytes, &pages) != 6)
        return;
    double ticks = (double)sysconf(_SC_CLK_TCK);
    put(sheet, "process_cpu_seconds_total", "counter", "User and system time",
        ((double)user + (double)kernel) / ticks);
    put(sheet, "process_threads", "gauge", "Threads", (double)threads);
    put(sheet, "process_virtual_memory_bytes", "gauge", "Virtual memory", (double)bytes);
    put(sheet, "process_resident_memory_bytes", "gauge", "Resident memory",
        (double)pages * (double)sysconf(_SC_PAGESIZE));
    double boot_s = boot_time_s();
    if (boot_s > 0)
        put(sheet, "process_start_time_seconds", "gauge", "Start of the process since 1970",
            boot_s + (double)started / ticks);
}

static void put_descriptors(const struct sheet *sheet)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir != NULL)
    {
        int count = -3; /* ".", ".." and the one that reads */
        while (readdir(dir) != NULL)
            count++;
        closedir(dir);
        put(sheet, "process_open_fds", "gauge", "Open descriptors", count);
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        put(sheet, "process_max_fds", "gauge", "Descriptors at most", (double)limit.rlim_cur);
}

void process_write(struct buf *out, enum metrics_format format)
{
    const struct sheet sheet = {.out = out, .format = format};
    put_stat(&sheet);
    put_descriptors(&sheet);
}
