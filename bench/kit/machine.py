# SPDX-License-Identifier: Apache-2.0
"""What a figure was measured on: without it a figure says nothing."""
import os
import platform
import re
import subprocess
import time


def _first(path, pattern, otherwise="unknown"):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            found = re.search(pattern, f.read(), re.M)
    except OSError:
        return otherwise
    return found[1].strip() if found else otherwise


def _version(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return "missing"
    return (done.stdout or done.stderr).strip().splitlines()[0]


def fdatasync_us(folder, times=300):
    """(median, p99) of appending 4 KiB and syncing it, in microseconds."""
    path = os.path.join(folder, "fdatasync-probe")
    block = b"x" * 4096
    took = []
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for _ in range(times):
            begun = time.monotonic_ns()
            os.write(fd, block)
            os.fdatasync(fd)
            took.append((time.monotonic_ns() - begun) // 1000)
    finally:
        os.close(fd)
        os.unlink(path)
    took.sort()
    return took[len(took) // 2], took[len(took) * 99 // 100]


def describe(folder, pg_bin):
    median, p99 = fdatasync_us(folder)
    memory_kib = int(_first("/proc/meminfo", r"^MemTotal:\s+(\d+)", "0"))
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cpu": _first("/proc/cpuinfo", r"^model name\s*:\s*(.+)$", platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory_kib / (1 << 20), 1),
        "kernel": platform.release(),
        "system": _first("/etc/os-release", r'^PRETTY_NAME="?([^"\n]+)'),
        "postgres": _version(f"{pg_bin}/postgres", "--version"),
        "nats": _version("nats-server", "--version"),
        "redis": _version("redis-server", "--version").split(" sha=")[0],
        "commit": _version("git", "rev-parse", "--short", "HEAD"),
        "fdatasync_us_median": median,
        "fdatasync_us_p99": p99,
        "load_before": round(os.getloadavg()[0], 1),
    }


def pss_mib(pids):
    """Memory of processes, shared pages counted in part."""
    return round(sum(_kib(pid, "smaps_rollup", r"^Pss:\s+(\d+)") for pid in pids) / 1024, 1)


def rss_kib(pid):
    return _kib(pid, "status", r"^VmRSS:\s+(\d+)")


def _kib(pid, name, pattern):
    return int(_first(f"/proc/{pid}/{name}", pattern, "0"))


def cpu_s(pid):
    """User and system time of a process so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def name_for_file(description):
    """2026-02-15-amd-epyc-7b13-2cores"""
    cpu = re.sub(r"\(r\)|\(tm\)|cpu|processor|@.*", "", description["cpu"].lower())
    cpu = re.sub(r"[^a-z0-9]+", "-", cpu).strip("-")[:40] or "unknown"
    return f"{description['date'][:10]}-{cpu}-{description['cores']}cores"
