# SPDX-License-Identifier: Apache-2.0
"""The rules of the house hold, and what breaks them is found."""
import os
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
    return subprocess.run(words, cwd=folder, env=GIT, capture_output=True, text=True, timeout=600, check=False)


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


@pytest.fixture(name="edit")
def _edit(clone):
    """Puts other words into a file of the clone for one test."""
    was = {}

    def change(path, old, new):
        text = (clone / path).read_text(encoding="utf-8")
        was.setdefault(path, text)
        assert old in text
        (clone / path).write_text(text.replace(old, new, 1), encoding="utf-8")

    yield change
    for path, text in was.items():
        (clone / path).write_text(text, encoding="utf-8")


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
    plant("tests/PLANTED.md", claim("S4"))  # a page proves nothing
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


HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def function(lines, parameters, name="planted"):
    """Of so many lines in all, and so many parameters."""
    names = ", ".join(f"int p{n}" for n in range(parameters)) or "void"
    return HEAD + f"int {name}({names})\n{{\n" + "    p0++;\n" * (lines - 3) + "}\n"


SIZES = [
    ("api/planted.c", function(61, 1), "planted has 61 lines, the limit here is 60"),
    ("workers/hunter/engine/planted.cpp", function(61, 1), "planted has 61 lines, the limit here is 60"),
    ("tests/unit/planted_test.c", function(61, 0).replace("int planted(void)", "START_TEST(planted)"), "planted has 61 lines"),
    ("common/outbox/planted.c", function(41, 1), "planted has 41 lines, the limit here is 40"),
    ("common/healing/planted.c", function(41, 1), "planted has 41 lines, the limit here is 40"),
    ("workers/runtime/planted.c", function(41, 1), "planted has 41 lines, the limit here is 40"),
    ("common/store/jobs_planted.c", function(41, 1), "planted has 41 lines, the limit here is 40"),
    ("common/mq/planted.c", function(41, 1), "planted has 41 lines, the limit here is 40"),
    ("api/planted.c", function(9, 8), "planted has 8 parameters, the limit here is 7"),
    ("api/planted.c", function(9, 8).replace("(int p0, ", "(int p0,\n    "), "planted has 8 parameters, the limit here is 7"),
    ("common/mq/planted.c", function(9, 7), "planted has 7 parameters, the limit here is 6"),
    ("api/planted.h", HEAD + "\n" * 1000, "1001 lines; split it"),
]


@pytest.mark.parametrize("path,text,finding", SIZES)
def test_what_is_too_long_or_asks_for_too_much_is_found(clone, plant, path, text, finding):
    found = run(clone, "tools/check-sizes", plant(path, text))
    assert found.returncode == 1 and finding in found.stdout, found


@pytest.mark.parametrize("path,text", [
    ("api/planted.c", function(60, 7)),
    ("common/outbox/planted.c", function(40, 6)),
    ("api/planted.c", function(9, 2).replace("int p1", "void (*of)(int, int, int, int, int, int, int)")),
    ("api/planted.c", HEAD + "static const struct row rows[] =\n{\n" + "    {1, f(2)},\n" * 70 + "};\n"),
])
def test_what_keeps_its_limit_is_left_alone(clone, plant, path, text):
    found = run(clone, "tools/check-sizes", plant(path, text))
    assert (found.returncode, found.stdout) == (0, "")


def test_the_tree_keeps_its_sizes_and_the_list_of_exceptions_only_shrinks(clone, edit):
    found = run(clone, "tools/check-sizes")
    assert found.returncode == 0, found.stdout
    edit("api/server.c", "on_request(", "on_requests(")
    found = run(clone, "tools/check-sizes")
    assert found.returncode == 1 and "api/server.c: on_request keeps its limit or is gone: take it off the list" in found.stdout


def test_every_setting_is_read_and_every_name_of_one_is_a_setting(clone):
    found = run(clone, "tools/check-settings")
    assert found.returncode == 0, found.stdout


SETTINGS = [
    ("common/conf/settings.h", "#define CONF_SERVERS(X)", '#define CONF_SERVERS(X) X(API_PLANTED, api_planted, U32, "1", 0, 0, NOBODY, FIXED, "")',
     "API_PLANTED is read by no program"),
    ("common/conf/settings.h", "#define CONF_LATER_ROWS(X)",
     '#define CONF_LATER_ROWS(X) X(API_LATER, api_later, U32, "1", 0, 0, NOBODY, FIXED, "")', "API_LATER is read by no program"),
    ("common/conf/settings.h", "X(OLLAMA_URL, ollama_url, ", "X(OLLAMA_URI, ollama_uri, ", "OLLAMA_URL does not wait for a reader"),
    ("common/conf/settings.h", "X(TELEGRAM_API_URL, telegram_api_url, ", "X(TELEGRAM_API_URL, api_listen, ",
     "TELEGRAM_API_URL is read by a program"),
    ("docs/DEPLOY.md", "# ", "# API_LISTENS ", "docs/DEPLOY.md:1: API_LISTENS is no setting"),
    ("docker-compose.yml", "services:", "services: # DOWNLOADS_DIR", "DOWNLOADS_DIR is no setting"),
    ("api/main.c", "#include", '/* JOBS_LEASE_SECONDS */\n#include', "JOBS_LEASE_SECONDS is no setting"),
    ("api/conns.c", "#include", 'static const char *name = "TORRENT_DHTS";\n#include', "TORRENT_DHTS is no setting"),
]


def test_a_setting_without_a_reader_and_a_name_without_a_row_are_found(clone, edit):
    for path, old, new, _ in SETTINGS:
        edit(path, old, new)
    found = run(clone, "tools/check-settings")
    assert found.returncode == 1 and [row[3] for row in SETTINGS if row[3] not in found.stdout] == [], found.stdout


def test_what_comments_and_documents_name_exists(clone):
    found = run(clone, "tools/check-names")
    assert found.returncode == 0, found.stdout


WENT = "that_" + "went"  # put together: what stands in this file is there
NAMES = [
    ("api/planted1.c", "/* As in common/db/gone.c. */", "file common/db/gone.c"),
    ("api/planted2.c", "/* As in gone.c. */", "file gone.c"),
    ("api/planted3.c", f"/* Called by the_one_{WENT}. */", f"name the_one_{WENT}"),
    ("api/planted4.c", "/* Called by van" "ished(). */", "function van" "ished"),
    ("api/planted5.c", "/* PLANTED_" "MOST of them. */", "name PLANTED_" "MOST"),
    ("docs/planted1.md", "See [it](GONE.md) and `make vanish`.", "target of make vanish"),
    ("docs/planted2.md", "See [it](GONE.md).", "file GONE.md"),
    ("docs/planted3.md", f"`make test T=test_{WENT}`", f"test test_{WENT}"),
    ("docs/planted4.md", "Read docs/adr/9999.", "place docs/adr/9999"),
    ("docs/planted5.md", f"It is `setting_{WENT}` that counts.", f"name setting_{WENT}"),
    ("tests/e2e/test_planted.py", f'"""As test_{WENT} has it."""', f"name test_{WENT}"),
    ("tools/planted", "#!/bin/bash\n# Reads tools/gone first.", "place tools/gone"),
    ("migrations/29990101000000_planted.sql", f"-- For job_store_{WENT}.", f"name job_store_{WENT}"),
]


def test_a_comment_or_document_that_names_what_is_gone_is_found(clone, plant):
    for path, text, _ in NAMES:
        plant(path, text + "\n")
    said = run(clone, "tools/check-names", *(row[0] for row in NAMES))
    lines = [f"{path}:{text.count(chr(10)) + 1}: there is no {what}" for path, text, what in NAMES]
    assert said.returncode == 1 and [line for line in lines if line not in said.stdout.splitlines()] == [], said.stdout


def test_what_is_there_may_be_named(clone, plant):
    text = ("/* common/db/db.h, db.h, fail(), err_code, HOT_PLANTED, nats.c, docs/adr/0001. */\nenum { HOT_PLANTED };\n"
            'static const char *sql = "/* no_comment */";\n')
    found = run(clone, "tools/check-names", plant("api/planted.c", text))
    assert (found.returncode, found.stdout) == (0, "")
    block = "```c\nthing_to_be_made(); /* gone.c */\n```\nIt is `db_run` (`make lint`), not thing_to_be_made.\n"
    found = run(clone, "tools/check-names", plant("docs/planted.md", block))
    assert (found.returncode, found.stdout) == (0, "")


def test_nothing_is_kept_that_nobody_needs(clone):
    found = run(clone, "tools/check-dead")
    assert found.returncode == 0, found.stdout


VERB, MOST = "planted_" "verb", "PLANTED_" "MOST"  # as above
DEAD = [
    ("api/planted1.c", "int planted_one(void)\n{\n    return 1;\n}\n", "api/planted1.c: nobody calls planted_one"),
    ("api/planted2.cpp", "struct thing *planted_two(int a,\n                          void (*of)(int))\n{\n}\n",
     "api/planted2.cpp: nobody calls planted_two"),
    ("api/planted3.h", "int planted_three(int a,\n                  int b);\n", "planted_three is declared, and there is no such function"),
    ("api/planted4.h", "#define PLANTED_FOUR 7\n", "api/planted4.h: the macro PLANTED_FOUR stands nowhere else"),
    ("api/planted5.h", "enum planted\n{\n    PLANTED_ONE,\n    PLANTED_TWO = 2\n};\nint x = PLANTED_ONE;\n",
     "api/planted5.h: the constant PLANTED_TWO stands nowhere else"),
    ("api/planted6.h", "struct planted\n{\n    const char *planted_name; /* planted_name */\n};\n",
     "api/planted6.h: the member planted_name stands nowhere else"),
    ("tools/stack/planted7.py", f"def {VERB}():\n    pass\n", f"tools/stack/planted7.py:1: nobody calls {VERB}"),
    ("tools/stack/planted8.py", f"{MOST} = 7\n", f"tools/stack/planted8.py:1: {MOST} stands nowhere else"),
    ("tests/e2e/planted9_kit.py", "import base64\n", "tests/e2e/planted9_kit.py:1: base64 is imported, and not used"),
]


def test_what_nobody_needs_is_found(clone, plant):
    for path, text, _ in DEAD:
        plant(path, text)
    found = run(clone, "tools/check-dead")
    assert found.returncode == 1 and [row[2] for row in DEAD if row[2] not in found.stdout.splitlines()] == [], found.stdout


def test_what_only_a_test_calls_is_found_and_a_list_of_exceptions_only_shrinks(clone, plant, edit):
    plant("api/planted.c", "int planted(void)\n{\n    return 1;\n}\n")
    plant("tests/unit/api/planted_test.c", "int x = planted();\n")
    assert "api/planted.c: nobody but tests calls planted" in run(clone, "tools/check-dead").stdout
    edit("api/planted.c", "int planted(void)", "int x = engine_range_ready(0);\nint planted(void)")
    assert "engine_range_ready is called or gone: take it off the list" in run(clone, "tools/check-dead").stdout


def test_the_change_log_fits_version_and_tags(clone):
    found = run(clone, "tools/check-changelog")
    assert found.returncode == 0, found.stdout


NEWEST = "## [Unreleased]\n"
CHANGES = [
    ("VERSION", "0", "9", "VERSION is 9"),
    ("CHANGELOG.md", NEWEST, NEWEST + "\n## [99.0.0] - 2999-01-01\n\n### Added\n\n- That.\n", "the newest release is 99.0.0"),
    ("CHANGELOG.md", NEWEST, NEWEST + "\n## [0.0.1] - 2999-01-01\n\n### Added\n\n- That.\n", "0.0.1 stands above 0.1.0 and is not newer"),
    ("CHANGELOG.md", NEWEST, NEWEST + "\n## [99.0.0] - 1999-01-01\n", "99.0.0 stands above"),
    ("CHANGELOG.md", NEWEST, NEWEST + "\n## [99.0.0]\n", "99.0.0 has no day"),
    ("CHANGELOG.md", NEWEST, NEWEST + "\n## [99.0.0] - 2999-01-01\n\n## [98.0.0] - 2998-01-01\n", "99.0.0 has no entries"),
    ("CHANGELOG.md", NEWEST, "", "the first section is [Unreleased]"),
    ("CHANGELOG.md", NEWEST, NEWEST + "\n### Improved\n", "### Improved: a section has each of"),
    ("CHANGELOG.md", NEWEST, NEWEST + "\n- One\n  two\n  three.\n", "an entry has one or two lines"),
    ("CHANGELOG.md", NEWEST, NEWEST + "\n- " + "long " * 40 + "\n", "an entry has one or two lines"),
]


@pytest.mark.parametrize("path,old,new,finding", CHANGES)
def test_a_change_log_that_does_not_fit_is_found(clone, edit, path, old, new, finding):
    edit(path, old, new)
    found = run(clone, "tools/check-changelog")
    assert found.returncode == 1 and finding in found.stdout, found


@pytest.fixture(name="tag")
def _tag(clone):
    made = []

    def put(name):
        assert run(clone, "git", "tag", name).returncode == 0
        made.append(name)

    yield put
    for name in made:
        run(clone, "git", "tag", "-d", name)


def test_a_tag_stands_on_the_commit_that_made_its_release(clone, edit, tag):
    version = (clone / "VERSION").read_text(encoding="utf-8").strip()
    tag("v" + version)
    edit("CHANGELOG.md", NEWEST, NEWEST + "\n### Removed\n\n- What came later.\n")
    assert f"this commit is the release {version}, and something is under Unreleased" in run(clone, "tools/check-changelog").stdout
    tag("v0.0.9")
    said = run(clone, "tools/check-changelog").stdout
    assert "the tag of 0.0.9 has no section" in said and f"this commit is tagged 0.0.9, and VERSION is {version}" in said
