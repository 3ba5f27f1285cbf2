# SPDX-License-Identifier: Apache-2.0
"""deploy/k8s: what it names exists, agrees with docker-compose.yml, and gives no pod more than it needs.

No cluster is asked here.  Where kubectl and kubernetes-validate are installed, the rendered objects are also held against the
published schemas; a ScaledObject has none there.
"""
import copy
import os
import re
import shutil
import subprocess

import pytest
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
K8S = os.path.join(ROOT, "deploy", "k8s")
PROGRAMS = {"sokoul-api": "api", "sokoul-scout": "scout", "sokoul-hunter": "hunter"}
SERVERS = {5432, 4222, 6379}
DRAIN_S = {"sokoul-api": 10, "sokoul-scout": 60, "sokoul-hunter": 60}


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def rendered(folder):
    """The objects of a kustomization, as far as base and keda need one to be understood."""
    with open(os.path.join(folder, "kustomization.yaml"), encoding="utf-8") as f:
        wanted = yaml.safe_load(f)
    found = [{"kind": "ConfigMap", "metadata": {"name": c["name"]}, "data": dict(line.split("=", 1) for line in c["literals"])}
             for c in wanted.get("configMapGenerator", [])]
    for name in wanted["resources"]:
        path = os.path.normpath(os.path.join(folder, name))
        if os.path.isdir(path):
            found += rendered(path)
            continue
        with open(path, encoding="utf-8") as f:
            found += [o for o in yaml.safe_load_all(f) if o]
    for patch in wanted.get("patches", []):
        for step in yaml.safe_load(patch["patch"]):
            assert step["op"] == "remove"
            *above, last = step["path"].strip("/").split("/")
            place = one(found, patch["target"]["kind"], patch["target"]["name"])
            for key in above:
                place = place[key]
            del place[last]
    return found


def one(objects, kind, name):
    return next(o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name)


def of(objects, *kinds):
    return [o for o in objects if o["kind"] in kinds]


def pods(objects):
    """(name, labels, pod's spec, its only container)"""
    for o in of(objects, "Deployment", "Job"):
        template = o["spec"]["template"]
        assert len(template["spec"]["containers"]) == 1
        yield o["metadata"]["name"], template["metadata"]["labels"], template["spec"], template["spec"]["containers"][0]


def selects(selector, labels):
    return all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items()) and all(
        e["operator"] == "In" and labels.get(e["key"]) in e["values"] for e in selector.get("matchExpressions", []))


# ---- what there is ------------------------------------------------------------------------------------


def settings():
    """name: (type, default, who needs it) of each row of the table of settings"""
    rows = re.findall(r"X\((\w+), \w+, (\w+), \"([^\"]*)\", \d+, \d+, (\w+), \w+, \"", text_of("common/conf/settings.h"))
    assert len(rows) > 60
    return {name: (kind, default, need) for name, kind, default, need in rows}


def is_secret(kind):
    return kind in ("SECRET", "PG_URL", "REDIS_URL", "NATS_URL", "SMTP_URL")


def needed(name):
    who = {"sokoul-api": {"ALL", "DAEMONS", "PROVIDERS", "API"}, "sokoul-scout": {"ALL", "DAEMONS", "PROVIDERS"},
           "sokoul-hunter": {"ALL", "DAEMONS"}, "sokoul-migrate": {"ALL"}}[name]
    return {setting for setting, (_, _, need) in settings().items() if need in who}


def paths():
    api = set(re.findall(r'\{METHOD_GET, "([^"]+)"', text_of("api/routes.c")))
    worker = set(re.findall(r'^    \{"(/[^"]+)", ', text_of("workers/runtime/program.c"), re.MULTILINE))
    return {"sokoul-api": api, "sokoul-scout": worker, "sokoul-hunter": worker}


def mebibytes(text):
    number, unit = re.fullmatch(r"(\d+)([a-zA-Z]+)", text).groups()
    return int(number) * {"m": 1, "g": 1024, "mi": 1, "gi": 1024}[unit.lower()]


COMPOSE = yaml.safe_load(text_of("docker-compose.yml"))["services"]


# ---- what is wrong with it ----------------------------------------------------------------------------


def wrong_settings(objects):
    known = settings()
    common = one(objects, "ConfigMap", "sokoul-settings")["data"]
    for name, _, spec, container in pods(objects):
        given = {row["name"]: row["value"] for row in container["env"]}
        mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
        secret = next((v["secret"]["secretName"] for v in spec["volumes"] if v["name"] == "secrets"), None)
        if secret != name:
            yield f"{name} reads the secret {secret}"
        plain = {k: v for k, v in {**common, **given}.items() if not k.endswith("_FILE")}
        filed = {k.removesuffix("_FILE"): v for k, v in given.items() if k.endswith("_FILE")}
        yield from (f"{name}: there is no setting {k}" for k in {*plain, *filed} if k not in known)
        yield from (f"{name}: {k} stands in the environment" for k in plain if k in known and is_secret(known[k][0]))
        yield from (f"{name}: {k} is not below the secrets" for k, v in filed.items() if v != f"{mounts['secrets']}/{k}")
        yield from (f"{name} lacks {k}" for k in needed(name) - set(plain) - set(filed))
        for setting in ("DOWNLOAD_DIR",):
            if setting in plain and plain[setting] != mounts.get("downloads"):
                yield f"{name}: {setting} is not where the volume is"


def wrong_probes(objects):
    listens = {"sokoul-api": "API_LISTEN", "sokoul-scout": "METRICS_LISTEN", "sokoul-hunter": "METRICS_LISTEN"}
    for name, _, _, container in pods(of(objects, "Deployment")):
        ports = {p["name"]: p["containerPort"] for p in container["ports"]}
        given = {row["name"]: row["value"] for row in container["env"]}
        if given.get(listens[name]) != f"0.0.0.0:{ports['http']}":
            yield f"{name} does not listen on the port http"
        if f"http://127.0.0.1:{ports['http']}" not in COMPOSE[name]["healthcheck"]["test"]:
            yield f"{name} has another port than in docker-compose.yml"
        for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/ready")):
            asked = container[probe]["httpGet"]
            if asked["path"] not in paths()[name]:
                yield f"{name}: {asked['path']} is no path"
            if (asked["path"], asked["port"]) != (path, "http"):
                yield f"{name}: {probe} asks {asked['path']} at {asked['port']}"


def wrong_rights(objects):
    for name, _, spec, container in pods(objects):
        compose, pod, own = COMPOSE[name], spec["securityContext"], container["securityContext"]
        if f"{pod['runAsUser']}:{pod['runAsGroup']}" != compose["user"] or not pod["runAsNonRoot"] or pod["fsGroup"] != pod["runAsGroup"]:
            yield f"{name} runs as {pod}"
        if pod["seccompProfile"] != {"type": "RuntimeDefault"}:
            yield f"{name} may call anything of the kernel"
        if own != {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": compose["read_only"],
                   "capabilities": {"drop": compose["cap_drop"]}}:
            yield f"{name} may do {own}"
        if spec["automountServiceAccountToken"] or spec["enableServiceLinks"]:
            yield f"{name} is told of the cluster"
        if not {"cpu", "memory"} <= set(container["resources"]["limits"]) & set(container["resources"]["requests"]):
            yield f"{name} has no limits"
        if name in PROGRAMS and mebibytes(container["resources"]["limits"]["memory"]) != mebibytes(compose["mem_limit"]):
            yield f"{name} has another memory limit than in docker-compose.yml"


def wrong_programs(objects):
    if {o["metadata"]["name"] for o in of(objects, "Deployment")} != set(PROGRAMS):
        yield "other programs than there are"
    for name, _, spec, container in pods(objects):
        words = [w for w in COMPOSE[name]["command"] if w != "--env-file" and not w.startswith("/run/secrets/")]
        if container["args"] != words:
            yield f"{name} runs {container['args']}, in docker-compose.yml {words}"
        if name in PROGRAMS:
            before = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
            if spec["terminationGracePeriodSeconds"] < DRAIN_S[name] + int(before[1]) + 2:
                yield f"{name} is ended before it has drained"
    hunter = one(objects, "Deployment", "sokoul-hunter")["spec"]
    if (hunter["replicas"], hunter["strategy"]["type"]) != (1, "Recreate"):
        yield "two hunters of one name"


def wrong_selectors(objects):
    labels = {name: found for name, found, _, _ in pods(objects)}
    ports = {name: {p["name"]: p["containerPort"] for p in c.get("ports", [])} for name, _, _, c in pods(objects)}
    claims = {o["metadata"]["name"] for o in of(objects, "PersistentVolumeClaim")}
    for o in of(objects, "Deployment"):
        if not selects(o["spec"]["selector"], o["spec"]["template"]["metadata"]["labels"]):
            yield f"{o['metadata']['name']} does not select its pods"
    for o in of(objects, "Service"):
        chosen = [name for name in labels if selects({"matchLabels": o["spec"]["selector"]}, labels[name])]
        if chosen != [o["metadata"]["name"]]:
            yield f"service {o['metadata']['name']} selects {chosen}"
        yield from (f"service {o['metadata']['name']}: no port {p['targetPort']}" for p in o["spec"]["ports"]
                    for name in chosen if ports[name].get(p["targetPort"]) != p["port"])
    for o in of(objects, "PodDisruptionBudget"):
        if [name for name in labels if selects(o["spec"]["selector"], labels[name])] != [o["metadata"]["name"]]:
            yield f"budget {o['metadata']['name']} selects something else"
        deployment = one(objects, "Deployment", o["metadata"]["name"])["spec"]
        if o["spec"].get("minAvailable", 0) >= deployment.get("replicas", 2):
            yield f"budget {o['metadata']['name']} never lets a node be emptied"
    if {o["metadata"]["name"] for o in of(objects, "PodDisruptionBudget")} != set(PROGRAMS):
        yield "a program has no budget"
    for name, _, spec, container in pods(objects):
        yield from (f"{name}: no claim {v}" for v in spec["volumes"]
                    if "persistentVolumeClaim" in v and v["persistentVolumeClaim"]["claimName"] not in claims)
        if {m["name"] for m in container["volumeMounts"]} != {v["name"] for v in spec["volumes"]}:
            yield f"{name}: mounts and volumes differ"


def wrong_networks(objects):
    policies = of(objects, "NetworkPolicy")
    for name, labels, _, container in pods(objects):
        mine = [p["spec"] for p in policies if selects(p["spec"]["podSelector"], labels)]
        if not any({"Ingress", "Egress"} <= set(p["policyTypes"]) for p in mine):
            yield f"{name} has no policy"
        comes_in = {(p["port"], p["protocol"]) for m in mine for rule in m.get("ingress", []) for p in rule["ports"]}
        listens = {(p["containerPort"], p.get("protocol", "TCP")) for p in container.get("ports", [])}
        yield from (f"{name}: nothing comes in at {p}" for p in listens - comes_in)
        goes_out = {p["port"] for m in mine for rule in m.get("egress", []) for p in rule.get("ports", [])}
        yield from (f"{name}: nothing goes out to {p}" for p in (SERVERS | {53}) - goes_out)
        if any("ports" not in rule and "to" not in rule for m in mine for rule in m.get("egress", [])):
            yield f"{name} may go anywhere"


def wrong_scaling(objects):
    metrics = set(re.findall(r'"(sokoul_[a-z0-9_]+)"', text_of("common/obs/metrics.h")))
    for o in of(objects, "ScaledObject"):
        name, spec = o["metadata"]["name"], o["spec"]
        deployment = one(objects, "Deployment", spec["scaleTargetRef"]["name"])
        if "replicas" in deployment["spec"]:
            yield f"{name}: the number of pods is said twice"
        if not 1 <= spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"]:
            yield f"{name} scales to nothing"
        query = spec["triggers"][0]["metadata"]["query"]
        yield from (f"{name}: no metric {m}" for m in re.findall(r"sokoul_\w+", query) if m not in metrics)
        if f'worker="{name.removeprefix("sokoul-")}"' not in query or "max by (worker, priority)" not in query:
            yield f"{name} counts something else than its consumers' lag, once"


CHECKS = (wrong_settings, wrong_probes, wrong_rights, wrong_programs, wrong_selectors, wrong_networks, wrong_scaling)


def complaints(objects):
    return [text for check in CHECKS for text in check(objects)]


# ---- the tests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["base", "keda"])
def test_the_cluster_is_told_what_is_there_and_no_more(folder):
    """part: A58"""
    assert complaints(rendered(os.path.join(K8S, folder))) == []


def test_scouts_are_scaled_by_the_lag_of_their_consumers():
    scaled = of(rendered(os.path.join(K8S, "keda")), "ScaledObject")
    assert [o["spec"]["scaleTargetRef"]["name"] for o in scaled] == ["sokoul-scout"]
    assert "sokoul_nats_consumer_pending" in scaled[0]["spec"]["triggers"][0]["metadata"]["query"]


def edit(kind, name, *path, to):
    def act(objects):
        place = one(objects, kind, name)
        for key in path[:-1]:
            place = place[key]
        if to is None:
            del place[path[-1]]
        else:
            place[path[-1]] = to

    return act


POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)


@pytest.mark.parametrize("act,finding", [
    (edit("ConfigMap", "sokoul-settings", "data", "LOG_LEVLE", to="info"), "there is no setting LOG_LEVLE"),
    (edit("Deployment", "sokoul-api", *CONTAINER, "env", 3, to={"name": "JWT_SECRET", "value": "x"}), "JWT_SECRET stands in the environment"),
    (edit("Deployment", "sokoul-scout", *CONTAINER, "env", 3, to=None), "sokoul-scout lacks TMDB_API_KEY"),
    (edit("Deployment", "sokoul-hunter", *POD, "volumes", 0, "secret", "secretName", to="sokoul-api"), "reads the secret sokoul-api"),
    (edit("Deployment", "sokoul-hunter", *CONTAINER, "env", 6, "value", to="/srv"), "DOWNLOAD_DIR is not where the volume is"),
    (edit("Deployment", "sokoul-scout", *CONTAINER, "livenessProbe", "httpGet", "path", to="/health"), "livenessProbe asks /health"),
    (edit("Deployment", "sokoul-scout", *CONTAINER, "readinessProbe", "httpGet", "path", to="/readyy"), "/readyy is no path"),
    (edit("Deployment", "sokoul-scout", *CONTAINER, "ports", 0, "containerPort", to=9100), "another port than in docker-compose.yml"),
    (edit("Deployment", "sokoul-api", *POD, "securityContext", "runAsUser", to=0), "sokoul-api runs as"),
    (edit("Job", "sokoul-migrate", *CONTAINER, "securityContext", "readOnlyRootFilesystem", to=False), "sokoul-migrate may do"),
    (edit("Deployment", "sokoul-hunter", *CONTAINER, "resources", "limits", "memory", to="2Gi"), "another memory limit"),
    (edit("Deployment", "sokoul-api", *POD, "terminationGracePeriodSeconds", to=12), "ended before it has drained"),
    (edit("Deployment", "sokoul-hunter", "spec", "replicas", to=2), "two hunters of one name"),
    (edit("Deployment", "sokoul-scout", *CONTAINER, "args", to=["sokoul-bot"]), "sokoul-scout runs"),
    (edit("Service", "sokoul-api", "spec", "selector", "app.kubernetes.io/name", to="api"), "service sokoul-api selects []"),
    (edit("Service", "sokoul-hunter", "spec", "ports", 0, "targetPort", to="http"), "no port http"),
    (edit("PodDisruptionBudget", "sokoul-api", "spec", "minAvailable", to=2), "never lets a node be emptied"),
    (edit("PersistentVolumeClaim", "sokoul-downloads", "metadata", "name", to="media"), "no claim"),
    (edit("NetworkPolicy", "sokoul-peers", "spec", "ingress", to=[]), "nothing comes in at (6881"),
    (edit("NetworkPolicy", "sokoul", "spec", "egress", 1, "ports", 1, to=None), "nothing goes out to 4222"),
    (edit("NetworkPolicy", "sokoul", "spec", "egress", to=[{}]), "may go anywhere"),
    (edit("Deployment", "sokoul-scout", "spec", "replicas", to=2), "said twice"),
    (edit("ScaledObject", "sokoul-scout", "spec", "triggers", 0, "metadata", "query", to="sum(sokoul_lag)"), "no metric sokoul_lag"),
])
def test_what_would_not_work_in_a_cluster_is_found(act, finding):
    objects = copy.deepcopy(rendered(os.path.join(K8S, "keda")))
    act(objects)
    assert any(finding in text for text in complaints(objects)), complaints(objects)


def test_prometheus_of_a_cluster_knows_the_pods_by_the_names_of_the_rules():
    """The job is the pod's label, and only the port that all programs have is scraped."""
    with open(os.path.join(K8S, "scrape.yml"), encoding="utf-8") as f:
        job = yaml.safe_load(f)["scrape_configs"][0]
    assert job["kubernetes_sd_configs"] == [{"role": "pod", "namespaces": {"names": ["sokoul"]}}]
    kept, named = job["relabel_configs"][:2]
    assert (kept["source_labels"], kept["regex"], kept["action"]) == (["__meta_kubernetes_pod_container_port_name"], "http", "keep")
    assert (named["source_labels"], named["target_label"]) == (["__meta_kubernetes_pod_label_app_kubernetes_io_name"], "job")
    known = set(re.findall(r"job_name: (sokoul-\w+)", text_of("deploy/prometheus/prometheus.yml")))
    objects = rendered(os.path.join(K8S, "base"))
    assert known == {labels["app.kubernetes.io/name"] for _, labels, _, _ in pods(of(objects, "Deployment"))}


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
@pytest.mark.parametrize("folder", ["base", "keda"])
def test_kustomize_makes_the_same_of_it(folder, tmp_path):
    done = subprocess.run(["kubectl", "kustomize", os.path.join(K8S, folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    objects = [o for o in yaml.safe_load_all(done.stdout) if o]
    assert {o["metadata"].get("namespace") for o in objects if o["kind"] != "Namespace"} == {"sokoul"}
    names = {o["metadata"]["name"] for o in of(objects, "ConfigMap")}
    assert len(names) == 1 and names == {c["envFrom"][0]["configMapRef"]["name"] for _, _, _, c in pods(of(objects, "Deployment"))}
    of(objects, "ConfigMap")[0]["metadata"]["name"] = "sokoul-settings"
    assert complaints(objects) == []
    if shutil.which("kubernetes-validate"):
        path = tmp_path / "all.yaml"
        path.write_text(yaml.safe_dump_all([o for o in objects if o["kind"] != "ScaledObject"]), encoding="utf-8")
        done = subprocess.run(["kubernetes-validate", "--strict", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
