# SPDX-License-Identifier: Apache-2.0
"""The rules of the house hold, and what breaks them is found."""
import os
import re
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GIT = dict(
    os.environ,
    GIT_CONFIG_COUNT="3",
    GIT_CONFIG_KEY_0="safe.directory",
    GIT_CONFIG_VALUE_0="*",
    GIT_CONFIG_KEY_1="user.name",
    GIT_CONFIG_VALUE_1="A Test",
    GIT_CONFIG_KEY_2="user.email",
    GIT_CONFIG_VALUE_2="test@example.org",
)


def run(folder, *words):
    return subprocess.run(words, cwd=folder, env=GIT, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(name="clone", scope="module")
def _clone(tmp_path_factory):
    """A copy of the files of this tree in a repository of its own, with the hook switched on."""
    folder = tmp_path_factory.mktemp("clone")
    listed = run(ROOT, "git", "ls-files", "-z", "-co", "--exclude-standard")
    if listed.returncode != 0:
        pytest.skip("this tree is no git repository")
    for path in filter(None, listed.stdout.split("\0")):
        if os.path.isfile(os.path.join(ROOT, path)):
            os.makedirs(folder / os.path.dirname(path), exist_ok=True)
            shutil.copy2(os.path.join(ROOT, path), folder / path)
    assert run(folder, "git", "init", "-q").returncode == 0
    assert run(folder, "git", "add", "-A").returncode == 0
    assert run(folder, "git", "commit", "-qm", "all").returncode == 0
    assert run(folder, "git", "config", "core.hooksPath", "tools/hooks").returncode == 0
    return folder


@pytest.fixture(name="plant")
def _plant(clone):
    """Writes a file into the clone for one test."""
    planted = []

    def write(path, text):
        os.makedirs(clone / os.path.dirname(path), exist_ok=True)
        (clone / path).write_text(text, encoding="utf-8")
        planted.append(path)
        return path

    yield write
    for path in planted:
        run(clone, "git", "reset", "-q", "HEAD", "--", path)
        (clone / path).unlink(missing_ok=True)


def test_the_tree_keeps_its_layers(clone):
    """req: S30, S58, S162, S163, S165, S166"""
    found = run(clone, "tools/check-layers")
    assert found.returncode == 0, found.stdout


LAYERS = [
    ("common/base/x.c", '#include "common/json/json.h"', "common/base must not see common/json"),
    ("common/json/x.c", '#include "common/conf/conf.h"', "common/json must not see common/conf"),
    ("common/job/x.c", '#include "common/db/db.h"', "common/job must not see common/db"),
    ("common/store/x.c", '#include "common/outbox/relay.h"', "common/store must not see common/outbox"),
    ("common/base/x.c", '#include "api/server.h"', "common/ must not see api/server.h"),
    ("workers/scout/x.c", '#include "workers/hunter/x.h"', "must not see workers/hunter"),
    ("api/x.c", '#include "workers/scout/x.h"', "must not see workers/scout"),
    ("workers/runtime/x.c", '#include "workers/scout/x.h"', "the runtime knows no worker"),
    ("api/mw/x.c", '#include "api/handlers/x.h"', "the chain knows no handler"),
    ("api/x.c", '#include "tests/support/suite.h"', "a test's header"),
    ("api/x.c", "#include <microhttpd.h>", "belongs to api/server.c"),
    ("api/x.c", "#include <libpq-fe.h>", "belongs to common/db/"),
    ("api/x.c", "#include <nats/nats.h>", "belongs to common/mq/"),
    ("api/x.c", "#include <hiredis/hiredis.h>", "belongs to common/cache/"),
    ("api/x.c", "#include <curl/curl.h>", "belongs to common/http/"),
    ("api/x.c", "#include <jwt.h>", "belongs to common/crypt/"),
    ("api/x.c", "#include <cjson/cJSON.h>", "belongs to common/json/"),
    ("workers/hunter/x.cpp", "#include <libtorrent/session.hpp>", "belongs to workers/hunter/engine/"),
    ("api/x.c", 'const char *q = "SELECT 1";', "SQL belongs to common/store/"),
    ("common/store/x.c", 'snprintf(q, n, "DELETE FROM users WHERE id = %s", id);', "prepared with parameters"),
    ("common/store/x.c", 'buf_addf(&b, "SELECT * FROM users WHERE name = \'%s\'", name);', "prepared with parameters"),
    ("workers/hunter/x.c", "system(command);", "no shell"),
    ("workers/hunter/x.c", "FILE *f = popen(command, mode);", "no shell"),
    ("workers/hunter/x.c", "execv(path, words);", "no shell, no program"),
    ("workers/hunter/x.c", "execve(path, words, NULL);", "no shell, no program"),
    ("workers/hunter/x.c", "execvpe(path, words, NULL);", "no shell, no program"),
    ("workers/hunter/x.c", "fexecve(fd, words, NULL);", "no shell, no program"),
    ("workers/hunter/x.c", "execveat(fd, path, words, NULL, 0);", "no shell, no program"),
    ("api/x.c", "if (posix_spawn(&pid, path, NULL, NULL, words, NULL) != 0)", "no shell, no program"),
    ("api/x.c", "posix_spawnp(&pid, name, NULL, NULL, words, NULL);", "no shell, no program"),
    ("api/x.c", "for (char **at = environ; *at; at++)", "the environment is read by name"),
    ("api/x.c", "sprintf(a, b);", "knows its bounds"),
    ("api/x.c", "sleep(1);", "wait for a condition"),
    ("api/x.c", 'log_info("x", "%s", conf->jwt_secret);', "a secret goes to the log"),
    ("api/x.c", 'log_debug("x", "%s %s",\n    name,\n    body.password);', "a secret goes to the log"),
    ("api/x.c", 'return fail(err, E_CONFIG, "cannot use %s", conf->jwt_secret);', "a secret goes out"),
    ("cli/x.c", 'fprintf(stderr, "%s\\n", body.password);', "a secret goes out"),
    ("cli/x.c", "puts(conf->telegram_bot_token);", "a secret goes out"),
    ("cli/x.c", "fputs(session->conf->database_url, stderr);", "a secret goes out"),
    ("api/x.c", 'log_warn("x", "%s is gone", conf->redis_url);', "a secret goes to the log"),
    ("api/x.c", "int main(void)\n{\n}", "main() stands in main.c only"),
]


@pytest.mark.parametrize("path,text,finding", LAYERS)
def test_what_breaks_a_layer_is_found(clone, plant, path, text, finding):
    """req: S30, S58, S162, S163, S165, S166"""
    found = run(clone, "tools/check-layers", plant(path, text + "\n"))
    assert found.returncode == 1
    assert finding in found.stdout


@pytest.mark.parametrize(
    "text",
    [
        'log_info("login", "wrong password of %s", user);',
        'log_info("login", "the token is gone");',
        "wait_for_system(command);",
        'return fail(err, E_INVALID, "password: must be 8 to 128 characters");',
        'snprintf(head, sizeof head, "Bearer %s", conf->tmdb_api_key);',
        "statement_execute(statement);",
    ],
)
def test_what_only_looks_like_it_is_left_alone(clone, plant, text):
    found = run(clone, "tools/check-layers", plant("api/x.c", text + "\n"))
    assert found.stdout == ""


def test_the_tree_holds_no_secret(clone):
    """req: S182, S183, S350"""
    found = run(clone, "tools/check-secrets")
    assert found.returncode == 0, found.stdout
    assert run(clone, "git", "check-ignore", ".env").returncode == 0


# Put together here, so that this file itself is clean.
SECRETS = [
    ("-----BEGIN RSA " + "PRIVATE KEY-----", "private key"),
    ("key = AKIA" + "ABCDEFGHIJKLMNOP", "AWS key"),
    ("ghp_" + "a1B2c3D4" * 5, "GitHub token"),
    ("1234567890:AA" + "a1B2c3D4e" * 3 + "a1B2c3", "Telegram token"),
    ('password = "' + "a8f5f167f44f4964e6c998dee827110c" + '"', "assigned secret"),
    ("JWT_SECRET=" + "k3J9xQ2mZ8vT5nB7rL1wY6cD4fG0hS9a", "assigned secret"),
    ("postgres://sokoul:" + "k3J9xQ2m@db/x", "password in a URL"),
]


@pytest.mark.parametrize("text,what", SECRETS)
def test_a_planted_secret_is_found(clone, plant, text, what):
    """req: S182, S337"""
    found = run(clone, "tools/check-secrets", plant("docs/planted.md", text + "\n"))
    assert found.returncode == 1
    assert what in found.stdout


def commit(clone, path):
    assert run(clone, "git", "add", "-f", path).returncode == 0
    return run(clone, "git", "commit", "-qm", "planted")


def test_the_hook_refuses_bad_formatting(clone, plant):
    """req: S334, S336"""
    done = commit(clone, plant("common/base/planted.h", "/* SPDX-License-Identifier: Apache-2.0 */\nint  x( void ) ;\n"))
    assert done.returncode != 0
    assert "clang-format" in done.stderr + done.stdout


def test_the_hook_refuses_a_secret(clone, plant):
    """req: S337, S338"""
    done = commit(clone, plant("docs/planted.md", SECRETS[1][0] + "\n"))
    assert done.returncode != 0
    assert "AWS key" in done.stderr + done.stdout


def test_the_hook_reads_the_index_not_the_working_tree(clone, plant):
    """req: S336, S338"""
    path = plant("docs/planted.md", SECRETS[1][0] + "\n")
    assert run(clone, "git", "add", path).returncode == 0
    (clone / path).write_text("harmless\n", encoding="utf-8")
    assert run(clone, "git", "commit", "-qm", "planted").returncode != 0


def test_the_hook_lets_good_work_pass(clone, plant):
    """req: S336"""
    done = commit(clone, plant("docs/planted.md", "Nothing to see.\n"))
    assert done.returncode == 0, done.stderr + done.stdout
    assert run(clone, "git", "reset", "-q", "--soft", "HEAD~1").returncode == 0


def test_a_file_is_checked_before_git_knows_it(clone, plant):
    """req: S334"""
    plant("common/base/planted.h", "int  x( void ) ;\n")
    found = run(clone, "tools/lint", "--quick")
    assert found.returncode == 1
    assert "common/base/planted.h:1:4: error: code should be clang-formatted" in found.stdout
    assert "common/base/planted.h: the first lines lack" in found.stdout
    assert run(clone, "tools/format").returncode == 0
    assert (clone / "common/base/planted.h").read_text(encoding="utf-8") == "int x(void);\n"


@pytest.mark.parametrize("tool", ["tools/check-layers", "tools/check-secrets", "tools/check-headers"])
def test_each_check_of_the_whole_tree_sees_new_files(clone, plant, tool):
    plant("api/planted.h", '#include "workers/scout/x.h"\n// ' + SECRETS[1][0] + "\n")
    found = run(clone, tool)
    assert found.returncode != 0
    assert "api/planted.h:" in found.stdout + found.stderr


def test_a_wrong_script_and_a_missing_licence_are_found(clone, plant):
    """part: S335"""
    found = run(clone, "tools/lint", "--quick", plant("tools/planted", "#!/bin/bash\nrm $1/*\n"))
    assert found.returncode == 1
    assert "SC2086" in found.stdout
    assert "tools/planted: the first lines lack" in found.stdout


def test_a_warning_of_the_compiler_or_of_a_static_check_is_found(clone, plant):
    """req: S335"""
    head = "/* SPDX-License-Identifier: Apache-2.0 */\n"
    leak = head + ("#include <stdlib.h>\n\nint planted(void);\n\nint planted(void)\n{\n    char *p = malloc(4);\n"
                   "    return p == NULL;\n}\n")
    unused = head + "int planted(int a, int b);\n\nint planted(int a, int b)\n{\n    return a;\n}\n"
    assert run(clone, "git", "add", plant("common/base/planted.c", leak)).returncode == 0
    found = run(clone, "tools/lint")
    assert found.returncode == 1 and "memleak" in found.stdout, found.stdout
    assert "clang-analyzer-unix.Malloc" in found.stdout, found.stdout
    assert run(clone, "make", "SAN=", "build/gcc/common/base/planted.o").returncode == 0
    plant("common/base/planted.c", unused)
    built = run(clone, "make", "SAN=", "build/gcc/common/base/planted.o")
    assert built.returncode != 0 and "unused parameter" in built.stderr, built.stderr


def test_requirements_are_read_from_comments(clone, plant):
    assert run(clone, "tools/requirements").returncode == 0, "the claims of this tree"
    plant("tests/unit/planted_test.c", claim("S1, S5-S7") + claim("S2 S1", "pa" + "rt") + claim("Z9"))
    assert {"S1", "S5", "S6", "S7"} <= set(state(clone, "proven"))
    assert "S2" in state(clone, "part") and "S1" not in state(clone, "part")
    assert "S2" not in state(clone, "unproven") and "S3" in state(clone, "unproven")
    everything = run(clone, "tools/requirements")
    assert everything.returncode == 1
    assert "not a requirement: Z9" in everything.stdout


def claim(words, what="re" + "q"):
    return f"/* {what}: {words} */\n"  # put together, so that this file claims nothing


def state(clone, name):
    return run(clone, "tools/requirements", name).stdout.split()


CLAIM = '    """re' + 'q: S1"""\n'
SKIPPED = [
    ("tests/e2e/test_planted.py", "import pytest\n\n\n@pytest.mark.skipif(not BIG, reason='only with BIG=1')\ndef test_x():\n" + CLAIM),
    ("tests/e2e/test_planted.py", "import pytest\n\n\n@pytest.mark.skip\ndef test_x():\n" + CLAIM),
    ("tests/e2e/test_planted.py", "def test_x():\n" + CLAIM + "    pytest.skip('not here')\n"),
    ("tests/e2e/test_planted.py", "@pytest.fixture\ndef need():\n    pytest.skip('no')\n\n\ndef test_x(need):\n" + CLAIM),
    ("tests/e2e/test_planted.py", "pytestmark = pytest.mark.skipif(NO, reason='')\n\n\ndef test_x():\n" + CLAIM),
    ("tests/chaos/test_planted.py", "# re" + "q: S1\n@pytest.mark.long\ndef test_x():\n    pass\n"),
    ("tests/fuzz/planted_fuzz.c", claim("S1")),
]


@pytest.mark.parametrize("path,text", SKIPPED)
def test_a_row_that_only_a_skipped_test_claims_is_not_proven(clone, plant, path, text):
    plant(path, text)
    found = run(clone, "tools/requirements")
    assert found.returncode == 1
    assert f"claimed only by tests that make test may skip: S1, by {path}" in found.stdout
    assert "S1" in state(clone, "unproven")
    plant("tests/e2e/test_runs.py", "@pytest.mark.skipif(os.getuid() != 0, reason='')\ndef test_y():\n" + CLAIM)
    assert run(clone, "tools/requirements").returncode == 0
    assert "S1" in state(clone, "proven")


def test_every_planted_bug_still_fits(clone):
    """`make chaos-bugs` plants them one by one; code that moved away from under one is told of at once."""
    patches = sorted(str(p) for p in (clone / "tests/chaos/bugs").glob("*.patch"))
    assert len(patches) >= 10
    wrong = [done.stderr for done in (run(clone, "git", "apply", "--check", p) for p in patches) if done.returncode != 0]
    assert not wrong, "\n".join(wrong)


def test_a_setting_that_no_program_reads_is_said_to_be_unused():
    """What the documents advertise does something; names that are kept for later stand in a group of their own."""
    with open(os.path.join(ROOT, "common", "conf", "settings.h"), encoding="utf-8") as f:
        used, later = f.read().split("#define CONF_LATER_ROWS", 1)
    member = r"X\([A-Z0-9_]+, ([a-z0-9_]+), "
    sources = ""
    for room in ("api", "cli", "common", "workers"):
        for folder, _, names in os.walk(os.path.join(ROOT, room)):
            for name in names:
                if name.endswith(".c") and not folder.endswith("common/conf"):
                    with open(os.path.join(folder, name), encoding="utf-8") as f:
                        sources += f.read()
    read = set(re.findall(r"(?:->|\.)([a-z0-9_]+)\b", sources))
    assert set(re.findall(member, used)) - read == set()
    assert set(re.findall(member, later)) & read == set()
