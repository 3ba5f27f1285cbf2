# SPDX-License-Identifier: Apache-2.0
"""Is this version fit to serve?  Asked of its own programs and its own sokoulctl, whoever has the traffic.

Each step answers a sentence for people, or raises a Failure.
"""
import json
import subprocess
import urllib.error
import urllib.request

from installation import REFUSED, UNAVAILABLE, Failure
from installed import text_of, until
from judge import series

NOOPS = 40
ROUNDS = 10
CTL_S = 120
JOB_S = 60
SHARED = ("jobs", "programs", "providers")  # what doctor says of these is of the whole installation, and not of one version


def ctl(place, colour, *words):
    """(exit status, standard output, what it said of a failure)"""
    whole = [*place.words("SOKOULCTL", colour=colour), *words]
    try:
        done = subprocess.run(whole, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=CTL_S)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise Failure(UNAVAILABLE, f"SOKOULCTL: {whole[0]}: {e}") from None
    return done.returncode, done.stdout, (done.stderr.strip() or done.stdout.strip())[-400:]


def answers_and_is_ready(place, colour):
    for program in place.of(colour):
        for mode in ("health", "ready"):
            status, _, said = ctl(place, colour, "healthcheck", mode, "--url", f"http://{program.address}")
            if status != 0:
                raise Failure(REFUSED, f"{program}: healthcheck {mode}: {said}")
    return f"{len(place.of(colour))} programs are healthy and ready"


def is_one_version(place, colour):
    found = {program.name: program.version() for program in place.of(colour)}
    if len(set(found.values())) != 1:
        raise Failure(REFUSED, f"{colour} is of several versions: {', '.join(f'{n} {v}' for n, v in found.items())}")
    return f"it is version {next(iter(found.values()))}"


def satisfies_the_doctor(place, colour):
    status, out, said = ctl(place, colour, "doctor", "--json")
    try:
        found = [f for f in json.loads(out)["checks"] if f["status"] == "bad"]
    except (ValueError, KeyError):
        raise Failure(REFUSED, f"doctor ended with status {status}: {said}") from None
    ours = [f for f in found if f["name"] not in SHARED]
    if ours:
        raise Failure(REFUSED, f"doctor: {ours[0]['name']}: {ours[0]['detail']}: {ours[0]['advice']}")
    return "doctor finds nothing bad" + "".join(f"; of the installation it says: {f['detail']}" for f in found)


def done_by(worker):
    _, text = worker.ask("/metrics")
    return sum(v for name, labels, v in series(text) if name == "sokoul_worker_jobs_total"
               and (labels.get("kind"), labels.get("outcome")) == ("noop", "completed"))


def runs_jobs(place, colour):
    """Workers of both versions take from one stream: it goes on until one of this version has run some."""
    scouts = [worker for worker in place.workers(colour) if worker.name == "sokoul-scout"]
    before = sum(map(done_by, scouts))
    for number in range(1, ROUNDS + 1):
        status, _, said = ctl(place, colour, "job", "inject", "--kind", "noop", "--payload", '{"sleep_ms":50}', "--count", str(NOOPS),
                              "--wait", "--timeout", str(JOB_S))
        if status != 0:
            raise Failure(REFUSED, f"{NOOPS} jobs that do nothing: {said}")
        mine = int(sum(map(done_by, scouts)) - before)
        if mine or not scouts:
            return f"{number * NOOPS} jobs completed, {mine} of them by its own worker"
    raise Failure(REFUSED, f"of {ROUNDS * NOOPS} jobs none was run by {scouts[0]}")


class Client:
    """The account SMOKE_USER at the API of a colour."""

    def __init__(self, api):
        self.api, self.token = api, None

    def send(self, method, path, body=None, wanted=(200,)):
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        request = urllib.request.Request(f"http://{self.api.address}{path}", method=method, headers=headers,
                                         data=json.dumps(body).encode() if body is not None else None)
        try:
            with urllib.request.urlopen(request, timeout=35) as answer:
                status, text = answer.status, text_of(answer.read())
        except urllib.error.HTTPError as e:
            status, text = e.code, text_of(e.read())
        except OSError as e:
            raise Failure(REFUSED, f"{method} {path}: {e}") from None
        if status not in wanted:
            raise Failure(REFUSED, f"{method} {path} answers {status}: {text[:200]}")
        return json.loads(text) if text else {}


def serves_a_user(place, colour):
    if not place.settings["SMOKE_USER"]:
        return "not tried: log in, search, a job through the API (SMOKE_USER is not set)"
    client = Client(place.api(colour))
    login = {"username": place.settings["SMOKE_USER"], "password": place.password()}
    client.token = client.send("POST", "/auth/login", login)["access_token"]
    client.send("GET", "/search?query=test", wanted=(200, 503))  # 503: TMDB is away, which is not this version's fault
    job_id = client.send("POST", "/jobs", {"kind": "noop", "payload": {"smoke": colour}}, wanted=(202,))["job_id"]
    look = lambda: client.send("GET", f"/jobs/{job_id}", wanted=(200, 429))  # noqa: E731, 429: a user may ask so often and no more
    job = until(lambda: (j := look())["status"] in ("Completed", "Failed") and j, JOB_S)
    if not job or job["status"] != "Completed" or job["payload"] != {"smoke": colour}:
        raise Failure(REFUSED, f"job {job_id}, made through the API, is {job['status'] if job else f'not over after {JOB_S} s'}")
    return "log in, search and a job through the API work, and what was written is read back"


STEPS = (answers_and_is_ready, is_one_version, satisfies_the_doctor, runs_jobs, serves_a_user)


def smoke(place, colour, say):
    for step in STEPS:
        say(f"  {colour} {step.__name__.replace('_', ' ')}: {step(place, colour)}")
