# SPDX-License-Identifier: Apache-2.0
"""deploy/systemd: systemd reads each unit without a word, and finds little that a program may do."""
import configparser
import glob
import os
import re
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNITS = os.path.join(ROOT, "deploy", "systemd")
PROGRAMS = ("sokoul-api", "sokoul-scout", "sokoul-hunter")
STOP_S = {"sokoul-api": "12s", "sokoul-scout": "70s", "sokoul-hunter": "70s"}
WORST = 2.0  # systemd's level of exposure, 0 to 10
systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")


def unit(path):
    found = configparser.ConfigParser(strict=False, interpolation=None)
    found.optionxform = str
    found.read(os.path.join(UNITS, path))
    return found


@pytest.fixture(name="folder")
def _folder(tmp_path):
    """The units, with programs and manuals that are there."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for path in glob.glob(f"{folder}/**/*.*", recursive=True):
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as f:
                text = f.read()
            with open(path, "w", encoding="utf-8") as f:
                f.write(re.sub(r"/usr/share/doc/\S+", "/etc/passwd", re.sub(r"/usr/bin/sokoul-\w+", "/bin/true", text)))
    return folder


def verify(folder):
    done = subprocess.run(["systemd-analyze", "verify", *sorted(glob.glob(f"{folder}/*.service")), f"{folder}/sokoul.target"],
                          capture_output=True, text=True, check=False)
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"status {done.returncode}")


def exposure(folder, name):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", f"{folder}/{name}.service"], capture_output=True,
                          text=True, check=False)
    return float(re.search(r"exposure level for \S+: ([\d.]+)", done.stdout).group(1))


def test_a_unit_says_what_is_its_own_and_the_rest_is_said_once():
    assert {os.path.basename(p) for p in glob.glob(f"{UNITS}/*.service")} == {f"{name}.service" for name in PROGRAMS}
    common = unit("sokoul-.service.d/program.conf")["Service"]
    assert (common["WatchdogSec"], common["Restart"], common["LogRateLimitIntervalSec"]) == ("30s", "always", "0")
    assert common["ExecReload"] == "/bin/kill -HUP $MAINPID"
    for name in PROGRAMS:
        own = unit(f"{name}.service")["Service"]
        assert own["ExecStart"] == f"/usr/bin/{name} --env-file /etc/sokoul/sokoul.env"
        # The two that would make it worst if the drop-in were not there.
        assert (own["Type"], own["User"], own["Group"], own["TimeoutStopSec"]) == ("notify", "sokoul", "sokoul", STOP_S[name])
        assert set(own) & set(common) == set()


def test_the_package_brings_what_the_units_share():
    with open(os.path.join(ROOT, "debian/sokoul.install"), encoding="utf-8") as f:
        assert "deploy/systemd/sokoul-.service.d usr/lib/systemd/system" in f.read().splitlines()


@systemd
def test_systemd_takes_each_unit_without_a_word(folder):
    assert verify(folder) == ""


@systemd
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_exposed_to_little(folder, name):
    level = exposure(folder, name)
    print(f"{name}: {level}")
    assert level <= WORST


@systemd
def test_what_systemd_would_say_is_seen(folder):
    """A wrong key, and units without what they share."""
    shared = folder / "sokoul-.service.d" / "program.conf"
    shared.write_text(shared.read_text(encoding="utf-8").replace("WatchdogSec", "WatchdogSek"), encoding="utf-8")
    assert "WatchdogSek" in verify(folder)
    shutil.rmtree(shared.parent)
    assert exposure(folder, "sokoul-api") > WORST
