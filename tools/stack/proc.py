# SPDX-License-Identifier: Apache-2.0
"""Processes and ports of this machine, read from /proc.

A process is only ever signalled by its id.  `Pid` remembers the start time next to the id, so
that an id which the kernel has given to somebody else in the meantime is never signalled.
Nothing here blocks but `stop` and `wait_for`, which take a deadline in seconds.
"""
import collections
import contextlib
import ctypes
import errno
import glob
import os
import re
import signal
import socket
import subprocess
import threading
import time

PR_SET_CHILD_SUBREAPER = 36

# Of servers' logs, and of programs that log JSON.
COMPLAINT = re.compile(r"""FATAL|PANIC|\[FTL\]|\[ERR\]|error:|Failed|Can't|"level":"(?:error|warn)\"""", re.IGNORECASE)


class StackError(Exception):
    """A sentence for people: what is wrong and what to do about it."""


def wait_for(condition, wait_s, step_s=0.02):
    """Polls until condition() is true; its value, or the last false one at the deadline."""
    deadline = time.monotonic() + wait_s
    while True:
        value = condition()
        if value or time.monotonic() >= deadline:
            return value
        time.sleep(step_s)


def stat_of(pid):
    """(state letter, start time in ticks) of a process, or None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[19])


def alive(pid):
    stat = stat_of(pid)
    return stat is not None and stat[0] not in "ZX"


def frozen(pid):
    """True for a process that a signal has stopped."""
    stat = stat_of(pid)
    return stat is not None and stat[0] == "T"


def is_still(pid):
    """Each thread of it has been stopped by a signal, or it has gone."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return True
    return all(stat is None or stat[0] in "TZX" for stat in (stat_of(f"{pid}/task/{thread}") for thread in threads))


def freeze(*pids, wait_s=10):
    """Stops processes where they are, and returns when they stand still: a signal that was sent is not yet obeyed."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile, as Postgres's sessions do
            os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        if not wait_for(lambda p=pid: is_still(p), wait_s, 0.001):
            raise StackError(f"process {pid} goes on {wait_s} s after SIGSTOP")


def held_by_debugger(pid):
    """True for a process that somebody looks into: it stands still as long as that takes."""
    stat = stat_of(pid)
    return stat is not None and stat[0] == "t"


def name_of(pid):
    """The command of a process in a few words."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            words = f.read().rstrip(b"\0").split(b"\0")
    except OSError:
        return "a process that is gone"
    text = " ".join(w.decode("utf-8", "replace") for w in words[:3])
    return text[:80] or "a kernel thread"


def catches_interrupt(pid):
    """Whether a process has a handler for SIGINT. make, which waits for us when it alone was sent one and tells us
    nothing, has then none any more."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            caught = next(line.split()[1] for line in f if line.startswith("SigCgt:"))
    except (OSError, StopIteration):
        return False
    return bool(int(caught, 16) >> (signal.SIGINT - 1) & 1)


def is_below(path, folder):
    return os.path.realpath(path).startswith(os.path.realpath(folder) + "/")


def link_of(pid, name):
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return ""


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children_of(pid):
    """The direct children of a process."""
    found = []
    for other in all_pids():
        try:
            with open(f"/proc/{other}/stat", encoding="ascii", errors="replace") as f:
                parent = int(f.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(other)
    return found


def family(pid):
    """The process and all that descend from it."""
    found = [pid]
    for member in found:
        found.extend(children_of(member))
    return found


def telling(text):
    """Of a program's output the line that says why it ended: the last one that complains, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    bad = [line for line in lines if COMPLAINT.search(line)]
    return (bad or lines or ["no word from it"])[-1][:400]


# ---- ports ------------------------------------------------------------------------------------


def port_is_free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_in_use(host, port):
    """Whether somebody has a port of BitTorrent, for TCP or UDP; False too for an address that is not ours."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as s:
            if kind == socket.SOCK_STREAM:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((host, port))
                if kind == socket.SOCK_STREAM:
                    s.listen(1)
            except OSError as e:
                if e.errno == errno.EADDRINUSE:
                    return True
    return False


def port_holder(port):
    """The id of the process that listens on a port, or None when it cannot be seen."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as f:
                rows = [line.split() for line in f.readlines()[1:]]
        except OSError:
            continue
        inodes |= {r[9] for r in rows if r[3] == "0A" and int(r[1].rpartition(":")[2], 16) == port}
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for pid in all_pids() if wanted else []:
        try:
            if any(link_of(pid, f"fd/{fd}") in wanted for fd in os.listdir(f"/proc/{pid}/fd")):
                return pid
        except OSError:
            continue
    return None


def port_sentence(port, purpose):
    """Says what is the matter with a port that is not free."""
    pid = port_holder(port)
    holder = f"{name_of(pid)} (process {pid})" if pid else "a process of another user"
    return f"port {port}, needed for {purpose}, is in use by {holder}"


RESERVED = collections.deque(maxlen=200)  # sockets that hold what free_ports gave out last; older ones are bound by now


def reserve(ports):
    """Keeps other processes' free_ports away from these; False: one of them is kept already."""
    held = []
    for port in ports:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        held.append(s)
        try:
            s.bind(f"\0sokoul-port-{port}")  # an abstract name goes with the process
        except OSError:
            for one in held:
                one.close()
            return False
    RESERVED.extend(held)  # what falls out at the other end is closed with its last reference
    return True


def free_ports(count):
    """`count` neighbouring free ports; the caller binds them soon, and until then nobody else who asks here gets them."""
    for _ in range(200):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.bind(("127.0.0.1", 0))
            base = s.getsockname()[1]
        # Ports that the kernel hands out to clients are at risk until they are bound: take
        # the numbers below that range.
        base = 10000 + base * 7 % 20000
        ports = range(base, base + count)
        if reserve(ports) and all(port_is_free(port) for port in ports):
            return base
    raise StackError(f"no {count} neighbouring free ports were found on 127.0.0.1")


# ---- ending -----------------------------------------------------------------------------------


class Pid:
    """A process that may not be a child of ours."""

    def __init__(self, pid):
        stat = stat_of(pid)
        self.pid = pid
        self.started = stat[1] if stat else None

    def alive(self):
        stat = stat_of(self.pid)
        return stat is not None and stat[0] not in "ZX" and stat[1] == self.started

    def send(self, number):
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def stop(self, wait_s, first=signal.SIGTERM):
        """Asks, waits, then kills; returns when the process is gone.  Who is stopped by a signal is continued first."""
        self.send(first)
        if frozen(self.pid):
            self.send(signal.SIGCONT)
        if not wait_for(lambda: not self.alive(), wait_s):
            self.send(signal.SIGKILL)
            wait_for(lambda: not self.alive(), 10)


def write_pid(path, pid):
    """Remembers a process in a file, as `pid starttime`."""
    stat = stat_of(pid)
    temporary = f"{path}.new"
    with open(temporary, "w", encoding="ascii") as f:
        f.write(f"{pid} {stat[1] if stat else 0}\n")
    os.replace(temporary, path)


def read_pid(path):
    """The process named by a pid file when it still is that very process, else None."""
    try:
        with open(path, encoding="ascii") as f:
            pid, started = (int(word) for word in f.read().split())
    except (OSError, ValueError):
        return None
    process = Pid(pid)
    return process if process.alive() and process.started == started else None


class Adoption:
    """While it is entered, daemons that are started below this process are its children, and those named by a pid file of
    `folder` are waited for when they end.  Otherwise somebody further up adopts them, who may not wait, and a program that
    asks with kill(pid, 0) whether they are gone is never told."""

    def __init__(self, folder):
        self.folder = folder
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._wait, daemon=True)

    def __enter__(self):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)

    def _wait(self):
        while not self.ended.wait(0.05):
            for path in glob.glob(f"{self.folder}/*.pid"):
                try:
                    with open(path, encoding="ascii") as f:
                        os.waitpid(int(f.read().split()[0]), os.WNOHANG)
                except (OSError, ValueError, IndexError):
                    continue  # half written, gone, or not ours


def remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


# ---- starting ---------------------------------------------------------------------------------


def spawn(words, *, user=None, death=signal.SIGTERM, **how):
    """Starts a program in a session of its own; it gets `death` when this process dies."""
    front = ["setpriv", f"--pdeathsig={signal.Signals(death).name[3:]}"]
    if user:
        front += ["--reuid", user, "--regid", user, "--init-groups"]
    how.setdefault("stdin", subprocess.DEVNULL)
    how.setdefault("start_new_session", True)
    return subprocess.Popen(front + ["--"] + words, **how)


def ask_child(child, number=signal.SIGTERM):
    """Sends a child one signal, once: a second one may mean "at once"."""
    if child.poll() is None:
        child.send_signal(number)
        if child.poll() is None and frozen(child.pid):
            child.send_signal(signal.SIGCONT)


def await_child(child, wait_s):
    """Waits for a child that was asked, then kills it; its exit status."""
    try:
        return child.wait(wait_s)
    except subprocess.TimeoutExpired:
        child.kill()
    return child.wait()


def stop_child(child, wait_s, first=signal.SIGTERM):
    """Asks a child to end, waits, then kills it; its exit status."""
    ask_child(child, first)
    return await_child(child, wait_s)


def status_text(code):
    if code < 0:
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"
    return f"ended with status {code}"
