# SPDX-License-Identifier: Apache-2.0
"""Backups of a running stack, and what is left when everything but them is gone."""
import json
import os
import shutil
import signal
import stat
import subprocess
import time

import backup_kit as kit
import pytest
import rows
from client import Api
from job_kit import all_settled, check_each_ran_once, inject
from stack_under_test import BIN, SLOW, eventually
from swarm import MIB
from test_hunter_faults import intact, uploaded

NODE = {"NODE_NAME": "one"}
FEW = {"WORKER_CONCURRENCY": "4"}  # what it holds is claimed one by one afterwards, since it may have killed its worker


@pytest.fixture
def keeper(sokoul, tmp_path):
    sokoul.settings["JOBS_LEASE_S"] = "5"  # what ran at the moment of a backup is taken back when this is over
    return kit.Keeper(sokoul, str(tmp_path))


def jobs_of_all_sorts(sokoul, admin):
    """500 of them: many that take their time, some that fail once, some that are not due yet."""
    later = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 10))
    answer = admin.post("/jobs", {"kind": "noop", "payload": {}, "run_at": later, "count": 100})
    assert answer.status == 202, answer
    some = inject(sokoul, "noop", {"fail": 1}, 100) + inject(sokoul, "noop", {}, 100)
    return some + inject(sokoul, "noop", {"sleep_ms": 100}, 200) + answer.json["job_ids"]


def destroy(sokoul, servers):
    """No program, database, message, cache and file is left."""
    kit.kill_all(sokoul)
    kit.empty_database(sokoul, "heir")
    kit.empty_nats(sokoul, servers)
    sokoul.redis.kill()
    servers.restart(sokoul.redis)
    shutil.rmtree(sokoul.download_dir)


def damage(path):
    with open(path, "r+b") as f:
        f.seek(300_000)
        f.write(b"\0" * 1000)


def test_after_the_loss_of_everything_users_jobs_and_downloads_go_on(sokoul, servers, swarm, hunting, keeper):
    """req: A58"""
    api = Api(sokoul.start("sokoul-api").port)
    admin, ada = sokoul.admin(api), api.register("ada")
    film = rows.media(sokoul, 77, "Film")
    assert ada.post("/media/favorite", {"media_id": film}).status == 201
    small, large = swarm.torrent(1 * MIB), swarm.torrent(12 * MIB)
    swarm.seed(small)
    seeder = swarm.seed(large)
    hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=2048, **NODE)
    whole = hunting.download(ada, magnet=small.magnet()).completed()
    half = hunting.download(ada, magnet=large.magnet())
    eventually(lambda: uploaded(seeder) > large.size // 3, 40)
    seeder.process.send_signal(signal.SIGSTOP)  # so that it stays under way
    half.shows("progress > 0.25")
    before = jobs_of_all_sorts(sokoul, admin)
    sokoul.start("sokoul-scout", FEW)
    with kit.Load(admin) as load:
        eventually(lambda: load.accepted)
        begin = time.monotonic()
        path = keeper.backup("--content")
        during = load.between(begin, time.monotonic())
    took = time.monotonic() - begin
    assert half.job("status") == ("Running",), "the download was to be under way"
    destroy(sokoul, servers)

    keeper.restore(path)
    manifest = keeper.manifest(path)
    assert kit.counts(sokoul) == manifest["rows"] and manifest["rows"]["public.jobs"] >= 500
    kept = [str(i) for i, in sokoul.sql("SELECT job_id FROM jobs WHERE kind = 'noop'")]
    assert set(before) <= set(kept) and during, "what was accepted before it is in it, and more was accepted meanwhile"
    found = set(sokoul.sql("SELECT status, attempts > 0, run_at > now() FROM jobs WHERE kind = 'noop'"))
    assert ("Running", True, False) in found and found & {("Pending", False, False), ("Pending", False, True)}, found
    done = sokoul.sql("SELECT job_id, finished_at FROM jobs WHERE status = 'Completed' ORDER BY 1")
    print(f"{len(during)} jobs accepted during a backup of {took:.1f} s; {len(kept)} jobs in it, {len(done)} of them done")

    damage(os.path.join(whole.folder, small.name))
    api = Api(sokoul.start("sokoul-api").port)
    sokoul.start("sokoul-scout")
    seeder.process.send_signal(signal.SIGCONT)
    hunting.hunter(**NODE)
    login = api.post("/auth/login", {"username": "ada", "password": "correct horse battery"})
    assert login.status == 200, login
    ada = api.with_token(login.json["access_token"])
    assert [m["id"] for m in ada.get("/media/favorites").json["items"]] == [film]
    all_settled(sokoul, kept)
    half.completed()
    check_each_ran_once(sokoul, kept)
    assert set(done) <= set(sokoul.sql("SELECT job_id, finished_at FROM jobs WHERE status = 'Completed'")), "a job ran again"
    assert intact(half, large) and uploaded(seeder) < 1.2 * large.size, "it began anew"
    eventually(lambda: "missing or changed" in (ada.get(f"/downloads/{whole.id}").json["detail"] or ""), 20, "it is told")
    assert intact(hunting.download(ada, magnet=small.magnet()).completed(), small), "what was damaged since is fetched again"


def test_a_database_that_is_set_back_goes_on_with_a_nats_that_is_not(sokoul, admin, keeper):
    """Messages of what was done after the backup are gone from the stream, and their jobs are not done again yet."""
    sokoul.start("sokoul-scout", FEW)
    ids = inject(sokoul, "noop", {"sleep_ms": 100}, 60) + inject(sokoul, "noop", {"fail": 1}, 10)
    path = keeper.backup("--no-downloads")
    all_settled(sokoul, ids)
    kit.kill_all(sokoul)
    kit.empty_database(sokoul, "heir")
    keeper.restore(path, "--no-downloads")
    assert sokoul.value("SELECT count(*) FROM jobs WHERE status <> 'Completed'") > 20
    sokoul.start("sokoul-scout")
    all_settled(sokoul, ids)
    check_each_ran_once(sokoul, ids)


def schema(sokoul):
    done = subprocess.run(["pg_dump", "--schema-only", "--no-owner", "-d", sokoul.database_url], capture_output=True, text=True,
                          check=True)
    return [line for line in done.stdout.splitlines() if not line.startswith(("--", "\\"))]


def test_what_is_restored_has_the_same_schema_rights_and_next_numbers(sokoul, keeper):
    sokoul.postgres.sql("CREATE ROLE looker")
    sokoul.sql("GRANT SELECT ON users TO looker")
    sokoul.sql("CREATE EXTENSION pg_stat_statements")  # the heir may not make it
    before, number = schema(sokoul), sokoul.value("SELECT nextval('outbox_id_seq')")
    path = keeper.backup()
    kit.empty_database(sokoul, "heir")
    keeper.restore(path)
    assert [line for line in before if "pg_stat_statements" not in line and line] == [line for line in schema(sokoul) if line]
    assert sokoul.value("SELECT nextval('outbox_id_seq')") == number + 1
    sokoul.postgres.sql("DROP OWNED BY looker", sokoul.database)
    sokoul.postgres.sql("DROP ROLE looker")
    kit.empty_database(sokoul, "heir")
    keeper.restore(path)
    assert "no role looker" in keeper.said
    assert sokoul.ctl("migrate", "status").returncode == 0


def test_a_restore_is_refused_in_plain_words(sokoul, keeper):
    path = keeper.backup()
    assert "is not empty (public." in keeper.refused("restore", path)
    assert kit.counts(sokoul)["public.schema_migrations"] > 1
    kit.empty_database(sokoul, "heir")

    newer = shutil.copytree(path, f"{keeper.shelf}/newer")
    manifest = keeper.manifest(newer)
    manifest["migrations"].append("20990101000000")
    with open(f"{newer}/manifest.json", "w", encoding="utf-8") as f:
        json.dump(manifest, f)
    assert "of a newer Sokoul" in keeper.refused("restore", newer)
    manifest["migrations"].pop()
    manifest["rows"]["public.users"] += 1
    with open(f"{newer}/manifest.json", "w", encoding="utf-8") as f:
        json.dump(manifest, f)
    assert "public.users: 1 rows, and 2 were saved" in keeper.refused("restore", newer)
    kit.empty_database(sokoul, "heir")

    for name in ("database.dump", "downloads.tar"):
        torn = shutil.copytree(path, f"{keeper.shelf}/torn-{name}")
        with open(f"{torn}/{name}", "r+b") as f:
            f.seek(os.path.getsize(f"{torn}/{name}") // 2)
            byte = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte[0] ^ 1]))
        assert f"{name} is not what was written" in keeper.refused("restore", torn)
        os.truncate(f"{torn}/{name}", 100)
        assert f"{name} is not what was written" in keeper.refused("restore", "--check", torn)
        os.unlink(f"{torn}/{name}")
        assert f"{name} is missing" in keeper.refused("restore", torn)
    assert "no backup" in keeper.refused("restore", keeper.shelf)
    assert "is not there" in keeper.refused("restore", "--env-file", "/nowhere.env", path, status=78)

    waits = sokoul.start("sokoul-scout", ready=False)
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'sokoul%%'"
    eventually(lambda: sokoul.value(busy), 20)
    assert "stop all programs" in keeper.refused("restore", path)
    waits.kill()
    eventually(lambda: not sokoul.value(busy))
    assert kit.counts(sokoul) == {}, "nothing was written by what was refused"
    keeper.restore(path, "--check")
    keeper.restore(path)


def test_the_servers_that_are_away_or_too_new_are_named(sokoul, keeper, tmp_path):
    away = {"DATABASE_URL": "postgresql://sokoul:wrong@127.0.0.1:1/sokoul"}
    assert "Connection refused" in keeper.refused("backup", "--to", keeper.shelf, settings=away, status=69)
    gone = {"DATABASE_URL": sokoul.postgres.url("nobodys")}
    assert "make it first" in keeper.refused("backup", "--to", keeper.shelf, settings=gone, status=69)
    assert "no tables of Sokoul" in keeper.refused("backup", "--to", keeper.shelf,
                                                   settings={"DATABASE_URL": sokoul.postgres.url("postgres")})
    assert "is not here" in keeper.refused("backup", "--to", keeper.shelf, settings={"DOWNLOAD_DIR": "/nowhere"}, status=78)
    old = tmp_path / "old"
    old.mkdir()
    (old / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 12.1'\n")
    (old / "pg_dump").chmod(0o755)
    (old / "psql").symlink_to(shutil.which("psql"))
    said = keeper.refused("backup", "--to", keeper.shelf, "--programs", str(old), status=69)
    assert "pg_dump here is of PostgreSQL 12.1" in said and "install postgresql-client-" in said
    assert "needs a number" in keeper.refused("backup", "--to", keeper.shelf, "--keep", "0", status=64)
    assert "--colour" in keeper.refused("backup", "--to", keeper.shelf, "--colour", status=64)
    assert os.listdir(keeper.shelf) == [".lock"], "nothing of them stays"


def test_the_newest_are_kept_and_secrets_lie_apart(sokoul, keeper, tmp_path):
    (tmp_path / "jwt").write_text("a secret of 32 bytes or even more than that\n")
    settings = {"JWT_SECRET": None, "JWT_SECRET_FILE": str(tmp_path / "jwt"), "SMTP_FROM": "a b"}
    path = sokoul.env_file(settings, "own.env")
    made = [keeper.backup("--keep", "2", "--secrets", path) for _ in range(3)]
    names = [os.path.basename(p) for p in made[1:]]
    assert sorted(os.listdir(keeper.shelf)) == sorted([".lock", *names, *(f"{n}.secrets" for n in names)])
    for folder, mode in ((made[2], 0o700), (f"{made[2]}.secrets", 0o600), (f"{made[2]}/database.dump", 0o600)):
        assert stat.S_IMODE(os.stat(folder).st_mode) == mode, folder
    with open(f"{made[2]}.secrets", encoding="utf-8") as f:
        text = f.read()
    assert "JWT_SECRET=\"a secret of 32 bytes or even more than that\"\n" in text and "JWT_SECRET_FILE" not in text
    checked = subprocess.run([os.path.join(BIN, "sokoulctl"), "--env-file", f"{made[2]}.secrets", "migrate", "status"],
                             env=sokoul.environment(), capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    password = sokoul.postgres.password.encode()
    for name in os.listdir(made[2]):
        with open(f"{made[2]}/{name}", "rb") as f:
            assert password not in f.read(), name


RECORD = """#!/bin/bash
echo "$@" >>"$RECORD"
[ -z "$PGPASSWORD" ] && echo "no password" >>"$RECORD"
[ "$1 $2" = "pg_dump --version" ] || [ "$1" != pg_dump ] || [ -z "$HOLD" ] || { touch "$HOLD"; exec sleep 60; }
exec env -i PATH="$PATH" PGPASSWORD="$PGPASSWORD" "$@"
"""


def test_no_command_line_has_a_password_and_programs_may_run_elsewhere(sokoul, keeper, tmp_path):
    prefix = tmp_path / "elsewhere"
    prefix.write_text(RECORD)
    prefix.chmod(0o755)
    env = {"RECORD": str(tmp_path / "record")}
    path = keeper.backup("--with", str(prefix), env=env)
    kit.empty_database(sokoul, "heir")
    keeper.restore(path, "--with", str(prefix), env=env)
    record = (tmp_path / "record").read_text()
    assert {"psql", "pg_dump", "pg_restore"} <= {line.split()[0] for line in record.splitlines()}
    assert sokoul.postgres.password not in record and "no password" not in record


def waiting(sokoul):
    return sokoul.sql("SELECT DISTINCT locktype FROM pg_locks WHERE NOT granted AND database = "
                      "(SELECT oid FROM pg_database WHERE datname = current_database())")


def test_a_backup_that_is_cut_short_leaves_none_and_is_cleared_away(sokoul, keeper, tmp_path):
    prefix = tmp_path / "elsewhere"
    prefix.write_text(RECORD)
    prefix.chmod(0o755)
    for number in (signal.SIGKILL, signal.SIGTERM):
        held = tmp_path / f"held-{number}"
        child = keeper.begin("backup", "--to", keeper.shelf, "--with", str(prefix), env={"RECORD": "/dev/null", "HOLD": str(held)})
        eventually(held.exists)
        assert "under way" in keeper.refused("backup", "--to", keeper.shelf, status=75)
        migrate = subprocess.Popen([os.path.join(BIN, "sokoulctl"), "--env-file", sokoul.env_file(), "migrate", "up"],
                                   env=sokoul.environment(), stdout=subprocess.DEVNULL)
        eventually(lambda: waiting(sokoul) == [("advisory",)], 20, "a migration that waits without a table in its hand")
        child.send_signal(number)
        child.wait(20)
        assert migrate.wait(20 * SLOW) == 0
        left = [name for name in os.listdir(keeper.shelf) if name != ".lock"]
        assert all(name.startswith(".partial-") for name in left) and len(left) == (number == signal.SIGKILL)
        for name in left:
            assert "cut short" in keeper.refused("restore", os.path.join(keeper.shelf, name)) or "no backup" in keeper.said
    keeper.backup()
    assert len(os.listdir(keeper.shelf)) == 2


RESUME = b"d4:infod4:name12:sokoul-cleane11:sokoul-boot3:abc12:sokoul-cleani1e5:piecel1:xee"
NEUTRAL = b"d4:infod4:name12:sokoul-cleane11:sokoul-boot0:12:sokoul-cleani0e5:piecel1:xee"


def test_downloads_are_laid_down_beside_what_is_there(sokoul, keeper):
    folder = sokoul.download_dir
    os.mkdir(f"{folder}/.state")
    os.mkdir(f"{folder}/one")
    files = {f"{folder}/.state/one.resume": RESUME, f"{folder}/.state/two.resume": b"junk", f"{folder}/one/film": b"old"}
    for path, data in files.items():
        with open(path, "wb") as f:
            f.write(data)
    with open(f"{folder}/one/sparse", "wb") as f:
        f.truncate(64 << 20)
    path = keeper.backup("--content")
    assert os.path.getsize(f"{path}/content.tar") < 1 << 20, "a hole takes no room"
    shutil.rmtree(folder)
    os.makedirs(f"{folder}/one")
    with open(f"{folder}/one/film", "wb") as f:
        f.write(b"newer")
    if os.getuid() == 0:
        os.chown(folder, 65534, 65534)
        os.chown(f"{folder}/one", 65534, 65534)
    os.chmod(folder, 0o750)
    kit.empty_database(sokoul, "heir")
    keeper.restore(path)
    assert sorted(os.listdir(folder)) == [".state", "one"] and os.listdir(f"{folder}/.state") == ["one.resume"]
    with open(f"{folder}/.state/one.resume", "rb") as f:
        assert f.read() == NEUTRAL, "the hunter is to believe nothing of it"
    with open(f"{folder}/one/film", "rb") as f:
        assert f.read() == b"newer"
    assert os.path.getsize(f"{folder}/one/sparse") == 64 << 20
    assert os.stat(f"{folder}/one/sparse").st_uid == os.stat(f"{folder}/.state").st_uid == os.stat(folder).st_uid
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o750
