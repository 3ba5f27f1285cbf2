# SPDX-License-Identifier: Apache-2.0
"""docker-compose.yml on a real engine: it comes up, has no more than it needs, loses nothing, and goes."""
import json
import os
import re
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import yaml
from conftest import WHOLE
from engine import call
from installed import HEALTHY_WAIT_S, ROOT, RUNNING
from stack.proc import children_of, wait_for

OURS = ("sokoul-api", "sokoul-scout", "sokoul-hunter")
GRACE_S = {"sokoul-api": 12, "sokoul-scout": 70, "sokoul-hunter": 70}
JOBS = 2000


def text_of(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


# ---- it comes up ------------------------------------------------------------------------------------


def test_it_is_healthy_within_a_minute(stack):
    # req: S325, A24
    assert stack.seconds < HEALTHY_WAIT_S, f"healthy after {stack.seconds:.0f} s"
    assert stack.state("sokoul-migrate")["ExitCode"] == 0 and not stack.state("sokoul-migrate")["Running"]
    print(f"healthy after {stack.seconds:.1f} s")


def test_the_secrets_are_made_once_and_kept_from_others(stack):
    path, folder = os.path.join(stack.folder, ".env"), os.path.join(stack.folder, ".secrets")
    before = text_of(path)
    call(["make", "compose-env"], cwd=stack.folder)
    assert text_of(path) == before
    assert os.stat(path).st_mode & 0o777 == 0o600 and os.stat(folder).st_mode & 0o777 == 0o700
    words = re.findall(r"^(\w+_PASSWORD|JWT_SECRET)=(.+)$", before, re.MULTILINE)
    assert len(words) == 11 == len({value for _, value in words}) and all(len(value) >= 32 for _, value in words)


@pytest.mark.parametrize("version", [1, 2])
def test_both_compose_programs_read_the_file(engine, stack, version):
    words = engine.compose_words(version)
    profiles = [w for name in ("indexers", "observe", "edge", "chat") for w in ("--profile", name)]
    done = call([*words, *profiles, "config"], cwd=stack.folder, env=engine.environment)
    for service in (*RUNNING, "prowlarr", "prometheus", "alertmanager", "grafana", "nginx", "ollama"):
        assert f"  {service}:\n" in done.stdout, service
    logged = call([*words, "-f", "docker-compose.yml", "-f", "deploy/logs/compose.yml", *profiles, "config"],
                  cwd=stack.folder, env=engine.environment).stdout
    kept = {name: found["logging"] for name, found in yaml.safe_load(logged)["services"].items()}
    assert set(kept) == set(yaml.safe_load(done.stdout)["services"]) >= set(RUNNING)
    assert all(log == {"driver": "journald", "options": {"tag": "sokoul"}} for log in kept.values()), kept
    mounted = re.findall(r"\./(deploy/[\w./-]+):", text_of(os.path.join(stack.folder, "docker-compose.yml")))
    assert len(mounted) >= 8 and [path for path in mounted if not os.path.exists(os.path.join(ROOT, path))] == []


def test_the_tour_of_the_readme_works(stack):
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text_of(os.path.join(stack.folder, "README.md")), re.DOTALL | re.MULTILINE)
    tour = next(block for block in blocks if len(block.splitlines()) == 5)
    words = stack.block(1)[0].removesuffix(" doctor")
    tour = tour.replace("build/bin/sokoulctl --env-file .sokoul/sokoul.env", words)
    tour = tour.replace("127.0.0.1:3000", f"127.0.0.1:{stack.port['API_PORT']}")
    done = stack.type_in("set -eu -o pipefail\n" + tour)
    assert "1000 completed, 0 failed" in done.stdout and re.search(r"^\d+ Sintel", done.stdout, re.MULTILINE), done.stdout


def test_doctor_finds_nothing_and_no_server_refused_anything(stack):
    done = stack.type_in(stack.block(1)[0], check=False)
    assert done.returncode == 0, done.stdout
    assert stack.complaints() == []


def test_a_request_is_found_in_the_logs_of_the_containers(stack):
    """part: S393"""
    asked = urllib.request.Request(f"http://127.0.0.1:{stack.port['API_PORT']}/media/favorites", headers={"X-Request-ID": "in-a-container"})
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(asked, timeout=5)
    found = wait_for(lambda: stack.type_in("deploy/logs/by-request in-a-container --compose", check=False).stdout, 10, 0.5)
    assert found and json.loads(found.splitlines()[0])["service"] == "sokoul-api", found


# ---- it has no more than it needs ---------------------------------------------------------------------


def test_no_container_may_do_more_than_it_needs(stack):
    # req: A21, C15
    for service in RUNNING:
        found = stack.engine.inspect(stack.container(service))
        host = found["HostConfig"]
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"], service
        assert host["SecurityOpt"] == ["no-new-privileges:true"] and host["Init"] and not host["Privileged"], service
        assert host["PidsLimit"] and host["Memory"], service
        assert host["RestartPolicy"]["Name"] == "unless-stopped", service
        assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-file": "3", "max-size": "10m"}}, service
        check = found["Config"]["Healthcheck"]
        assert (check["Interval"], check["Timeout"], check["Retries"]) == (30 * 10**9, 5 * 10**9, 3), service
        published = [b for bindings in (host["PortBindings"] or {}).items() for b in bindings[1] or []]
        assert service == "sokoul-hunter" or all(b["HostIp"] == "127.0.0.1" for b in published), service
        status = text_of(f"/proc/{found['State']['Pid']}/status")
        assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE), service
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE), service
    for service in OURS:
        found = stack.engine.inspect(stack.container(service))
        assert found["Config"]["User"] == "10001:10001" and found["Config"]["StopSignal"] == "SIGTERM", service
        assert found["Config"]["StopTimeout"] == GRACE_S[service], service


def test_the_inner_network_has_no_way_out(stack):
    back = stack.engine.inspect(stack.network("back"))
    assert back["Internal"] and back["IPAM"]["Config"][0]["Subnet"] == "10.89.0.0/24"
    outside = {name: sorted(stack.engine.inspect(stack.container(name))["NetworkSettings"]["Networks"]) for name in RUNNING}
    front = [name for name in RUNNING if stack.network("front") in outside[name]]
    assert front == ["sokoul-api", "sokoul-scout", "sokoul-hunter"]
    out = stack.engine.docker("exec", stack.container("sokoul-db"), "timeout", "5", "bash", "-c",
                              "exec 3<>/dev/tcp/192.0.2.1/80", check=False)
    assert out.returncode != 0


def test_the_image_is_small_and_has_no_secret(stack, tmp_path):
    engine = stack.engine
    own = engine.inspect(stack.image)["Size"] - engine.inspect("debian:bookworm-slim")["Size"]
    print(f"{own / 1e6:.0f} MB of ours")
    assert own < 120e6
    labels = engine.inspect(stack.image)["Config"]["Labels"]
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0" and labels["org.opencontainers.image.version"]
    engine.docker("save", "-o", str(tmp_path / "image.tar"), stack.image)
    layers = tmp_path / "layers"
    layers.mkdir()
    call(["tar", "-xf", str(tmp_path / "image.tar"), "-C", str(layers)])
    ours = [value for _, value in re.findall(r"^(\w+_PASSWORD|JWT_SECRET)=(.+)$", text_of(f"{stack.folder}/.env"), re.MULTILINE)]
    pattern = "|".join([*ours, "^-----BEGIN (RSA |EC |OPENSSH )?PRIVATE KEY-----$"])
    for layer in layers.rglob("*.tar"):
        names = call(["tar", "-tf", str(layer)]).stdout.splitlines()
        bad = [n for n in names if re.search(r"(^|/)(\.env|\.secrets|\.git|id_rsa|.*_env)(/|$)", n) and "/usr/bin/env" not in n]
        assert bad == [], bad
        found = subprocess.run(["grep", "-aEc", pattern, str(layer)], check=False,
                               capture_output=True, text=True)
        assert found.stdout.strip() == "0", f"{layer} holds a secret of .env"
    history = engine.docker("history", "--no-trunc", stack.image).stdout
    assert not any(value in history for value in ours)


def test_no_secret_is_in_the_environment_or_the_words_of_a_container(stack):
    ours = [value for _, value in re.findall(r"^(\w+_PASSWORD|JWT_SECRET)=(.+)$", text_of(f"{stack.folder}/.env"), re.MULTILINE)]
    for service in RUNNING:
        shown = stack.engine.docker("inspect", stack.container(service)).stdout
        assert not any(value in shown for value in ours), service


# ---- it loses nothing -----------------------------------------------------------------------------------


def stop_and_start(service):
    def act(stack):
        name = stack.container(service)
        stack.engine.docker("stop", name)
        assert stack.state(service)["ExitCode"] == 0, stack.state(service)
        stack.engine.docker("start", name)

    return act


def pause_postgres(stack):
    name = stack.container("sokoul-db")
    stack.engine.docker("pause", name)
    seen = wait_for(lambda: stack.status("/health") == 503, 15, 0.2)
    stack.engine.docker("unpause", name)
    assert seen, "health did not tell that Postgres does not answer"


def kill_a_worker(stack):
    """The program, not its container: who starts it again is the engine."""
    before = stack.engine.inspect(stack.container("sokoul-scout"))
    program = children_of(before["State"]["Pid"])
    assert program, "the worker has no process"
    os.kill(program[0], signal.SIGKILL)
    assert wait_for(lambda: stack.engine.inspect(before["Id"])["RestartCount"] > before["RestartCount"], 30, 0.2)


def freeze(service):
    """Nothing ends, so that only who asks it can know; the engine's health check does."""

    def act(stack):
        before = stack.engine.inspect(stack.container(service))
        began = time.monotonic()
        os.kill(children_of(before["State"]["Pid"])[0], signal.SIGSTOP)
        assert wait_for(lambda: stack.engine.inspect(before["Id"])["RestartCount"] > before["RestartCount"], 60, 0.2)
        print(f"{service} frozen, started again after {time.monotonic() - began:.0f} s")

    return act


def cut_off_the_api(stack):
    name = stack.container("sokoul-api")
    stack.engine.docker("network", "disconnect", stack.network("back"), name)
    seen = wait_for(lambda: stack.status("/ready") == 503, 20, 0.2)
    stack.engine.docker("network", "connect", "--alias", "sokoul-api", stack.network("back"), name)
    assert seen, "readiness did not tell that the database is away"


def stop_under_load(service):
    def act(stack):
        name = stack.container(service)
        began = time.monotonic()
        stack.engine.docker("stop", "-t", str(GRACE_S[service]), name)
        took, state = time.monotonic() - began, stack.state(service)
        stack.engine.docker("start", name)
        assert state["ExitCode"] == 0 and took < GRACE_S[service] + 2, (state, took)

    return act


whole = pytest.mark.whole


@pytest.mark.parametrize("act", [
    pytest.param(kill_a_worker, id="a worker killed"),
    pytest.param(freeze("sokoul-scout"), id="scout frozen", marks=whole),
    pytest.param(freeze("sokoul-api"), id="the API frozen", marks=whole),
    pytest.param(stop_and_start("sokoul-db"), id="Postgres stopped and started", marks=whole),
    pytest.param(stop_and_start("sokoul-nats"), id="NATS stopped and started", marks=whole),
    pytest.param(stop_and_start("sokoul-redis"), id="Redis stopped and started", marks=whole),
    pytest.param(pause_postgres, id="Postgres paused", marks=whole),
    pytest.param(cut_off_the_api, id="the API cut off", marks=whole),
    pytest.param(stop_under_load("sokoul-api"), id="the API stopped under load", marks=whole),
    pytest.param(stop_under_load("sokoul-scout"), id="scout stopped under load", marks=whole),
])
def test_no_accepted_job_is_lost_or_done_twice(stack, act):
    ledger = stack.ledger(JOBS)
    ledger.begun()
    act(stack)
    code, said = ledger.settled()
    assert (code, said.get("completed"), said.get("failed")) == (0, JOBS, 0), said
    assert stack.jobs() - ledger.before == JOBS
    assert stack.sql("SELECT count(*) FROM jobs WHERE kind = 'noop' AND status <> 'Completed'") == "0"
    assert stack.sql("SELECT count(*) FROM (SELECT job_id FROM job_history WHERE status = 'Completed' GROUP BY job_id "
                     "HAVING count(*) > 1) twice") == "0"
    assert wait_for(stack.is_ready, 60, 0.5), "not all are back"
    print(f"{said}")


# ---- it goes ----------------------------------------------------------------------------------------------


@pytest.mark.whole
def test_the_edge_hides_that_an_api_is_replaced(stack):
    stack.compose("--profile", "edge", "up", "-d")
    trusting = ssl.create_default_context(cafile=f"{stack.folder}/.secrets/tls_certificate")

    def ask(path, wait_s=10):
        request = urllib.request.Request(f"https://127.0.0.1:{stack.port['HTTPS_PORT']}{path}")
        try:
            with urllib.request.urlopen(request, timeout=wait_s, context=trusting) as answer:
                return answer.status
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return 0

    assert wait_for(lambda: ask("/readyz") == 200, 30, 0.5), stack.compose("logs", "nginx").stdout[-2000:]
    assert (ask("/metrics"), ask("/health/deep")) == (404, 404)
    name = stack.container("sokoul-api")
    child = subprocess.Popen(["docker", "restart", "-t", "12", name], env=stack.engine.environment, stdout=subprocess.DEVNULL)
    seen = []
    while child.poll() is None:
        seen.append(ask("/readyz"))
    assert child.returncode == 0 and set(seen) == {200} and len(seen) > 10, seen
    stack.compose("--profile", "edge", "stop", "nginx", "sokoul-api-2")
    stack.compose("--profile", "edge", "rm", "-f", "nginx", "sokoul-api-2")


def test_down_takes_less_than_75_s_and_every_program_ends_well(stack):
    if WHOLE:  # a program that was started again is seen to be healthy half a minute later
        assert wait_for(lambda: all(stack.health(name) == "healthy" for name in RUNNING), 120, 0.5)
    ends = stack.watch_ends()
    began = time.monotonic()
    stack.type_in(stack.block(2)[0])
    took = time.monotonic() - began
    ends.terminate()
    said = dict(line.split() for line in ends.communicate()[0].splitlines() if len(line.split()) == 2)
    assert took < 75, f"down took {took:.0f} s"
    assert said == {name: "0" for name in RUNNING}, said
    assert stack.engine.docker("ps", "-aq").stdout == ""
    print(f"down took {took:.1f} s")
