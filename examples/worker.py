#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""worker.c without the library: docs/JOBS.md, one job at a time. DATABASE_URL and NATS_URL are in the environment."""
import base64, json, os, pathlib, random, signal, socket, sys, time, uuid, jsonschema, psycopg2
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from stack.nats import Nats  # any other NATS client does as well
ENVELOPE = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/schema/envelope.schema.json").read_text()))
COLUMNS = "job_id kind worker user_id request_id priority payload run_at deadline_at unique_key parent_id".split()
ME, LEASE_MS, LATER, stopping = str(uuid.uuid4()), 40000, b'-NAK {"delay":500000000}', []

def arrays(*values):  # of one element each, as Postgres reads them
    texts = [json.dumps(v) if isinstance(v, dict) else v if v is None else str(v) for v in values]
    return ["{NULL}" if t is None else '{"' + t.replace("\\", "\\\\").replace('"', '\\"') + '"}' for t in texts]

def sql(statement, *values):
    with database.cursor() as cursor:
        cursor.execute(f"EXECUTE {statement}({', '.join(['%s'] * len(values))})", values)
        return cursor.fetchall() if cursor.description else []

def greet(mine, kind, payload, attempt):  # `mine`: job and fence. Answers the statement that ends the attempt.
    if kind != "greet" or not isinstance(payload.get("name"), str):
        return "job_fail", *mine, *arrays("invalid", "name is missing: whom shall I greet?", None)
    for _ in range(payload.get("pause_ms", 0) // 100):
        if stopping:
            return "job_again", *mine, *arrays(0, "shutdown", "the worker is shutting down", 1, False, None, None)
        if not sql("job_beat", *mine, LEASE_MS, *arrays({"stage": "thinking"}, None)):
            return "job_check", *mine  # cancelled, or taken over: writes nothing
        time.sleep(0.1)
    if attempt > payload.get("fail", 0):
        return "job_finish", *mine, *arrays({"greeting": f"Hello, {payload['name']}!", "attempt": attempt})
    if attempt >= 4:
        return "job_fail", *mine, *arrays("exhausted", "the words do not come", uuid.uuid4())
    wait_ms = 2 ** attempt * random.randint(900, 1100)
    return "job_again", *mine, *arrays(wait_ms, "unavailable", "the words do not come", 0, False, None, None)

def handle(subject, reply, _, data, __, settled=()):  # everything is committed before the message is acknowledged
    try:
        e = {k: v for k, v in json.loads(data[:65537]).items() if v is not None}
        ENVELOPE.validate(e)
        if sql("job_unknown", *arrays(e["job_id"])):  # nobody accepted it: I do, and it comes again as a wake-up
            sql("job_accept", *arrays(*({"worker": "demo", "priority": "normal", **e}.get(c) for c in COLUMNS)))
        settled = [sql(*greet(arrays(row[0], row[7]), kind=row[1], payload=row[4], attempt=row[8]))
                   for row in sql("job_claim", *arrays(e["job_id"]), ME, LEASE_MS, True)]
    except psycopg2.IntegrityError:
        pass  # accepted by somebody else at this moment, or there is no such user: drop it
    except (ValueError, AttributeError, jsonschema.ValidationError, psycopg2.DataError) as wrong:
        if int(reply.split(".")[4]) < 4:  # $JS.ACK.JOBS.<consumer>.<deliveries>...
            return nats.publish(reply, LATER)
        seq, stored_ms = reply.split(".")[5], int(reply.split(".")[7]) // 1000000
        sql("letter_bury_raw", str(uuid.uuid4()), subject, "poison", str(wrong).splitlines()[0][:190],
            data[:65536].hex(), len(data), base64.b64encode(data[:4096]).decode(), f"{seq}:{stored_ms}", stored_ms)
    database.cursor().execute("NOTIFY sokoul_outbox")  # what was left in the outbox, a relay elsewhere sends
    nats.publish(reply, LATER if settled == [[]] else b"+ACK")  # not mine any more: somebody looks again

signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
database = psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=5)
database.autocommit = True
database.cursor().execute((ROOT / "docs/jobs.sql").read_text())
sql("worker_register", ME, "demo", socket.gethostname())  # while this connection lives, so do I
nats = Nats.from_url(os.environ["NATS_URL"])
inbox = nats.subscribe(f"_INBOX.{ME}")
while not stopping:  # when a server goes away this ends with an error: whoever supervises it starts it again
    for name in ("demo-high", "demo", "demo-low"):  # healing made them for my row in workers
        nats.publish(f"$JS.API.CONSUMER.MSG.NEXT.JOBS.{name}", b'{"batch":1,"expires":30000000}', reply=f"_INBOX.{ME}")
        if (message := nats.next(inbox, 0.5)) and message.reply:
            handle(*message)
sql("worker_leave", ME)
