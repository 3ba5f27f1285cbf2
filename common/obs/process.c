/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void put(struct buf *out, const char *name, const char *type, const char *help, double value)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type, name, value);
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

static void put_stat(struct buf *out)
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
    put(out, "process_cpu_seconds_total", "counter", "User and system time",
        ((double)user + (double)kernel) / ticks);
    put(out, "process_threads", "gauge", "Threads", (double)threads);
    put(out, "process_virtual_memory_bytes", "gauge", "Virtual memory", (double)bytes);
    put(out, "process_resident_memory_bytes", "gauge", "Resident memory",
        (double)pages * (double)sysconf(_SC_PAGESIZE));
    double boot_s = boot_time_s();
    if (boot_s > 0)
        put(out, "process_start_time_seconds", "gauge", "Start of the process since 1970",
            boot_s + (double)started / ticks);
}

static void put_descriptors(struct buf *out)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir != NULL)
    {
        int count = -3; /* ".", ".." and the one that reads */
        while (readdir(dir) != NULL)
            count++;
        closedir(dir);
        put(out, "process_open_fds", "gauge", "Open descriptors", count);
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        put(out, "process_max_fds", "gauge", "Descriptors at most", (double)limit.rlim_cur);
}

void process_write(struct buf *out)
{
    put_stat(out);
    put_descriptors(out);
}
