# SPDX-License-Identifier: Apache-2.0
"""Users are told: the job `notify`, against a fake mail server on a real socket."""
import datetime
import email.utils
import json
import time
import uuid

import pytest
from job_kit import SYSTEM, all_settled, inject, run, settled
from stack_under_test import SLOW, eventually

DONE = {"channel": "email", "template": "download_done", "download_id": str(uuid.uuid4()), "name": "Sintel"}


@pytest.fixture
def ada(sokoul):
    return person(sokoul, "ada")


@pytest.fixture
def scout(sokoul, smtp):
    return sokoul.start("sokoul-scout", {"SMTP_URL": smtp.url})


def person(sokoul, name, address=None):
    return sokoul.value("INSERT INTO users (id, username, email, password_hash) VALUES (%s, %s, %s, '!') "
                        "RETURNING id::text", (str(uuid.uuid4()), name, address or f"{name}@example.org"))


def tell(sokoul, user, payload, wait_s=40):
    return settled(sokoul, inject(sokoul, "notify", payload, 1, "--user", user)[0], wait_s)


# ---- the mail -----------------------------------------------------------------------------------


def test_a_mail_arrives_at_the_users_own_address(sokoul, scout, smtp, ada):
    done = tell(sokoul, ada, {**DONE, "to": "eve@example.org", "email": "eve@example.org"})
    assert (done["status"], done["result"]) == ("Completed", {"channel": "email", "sent": True, "detail": None})
    [mail] = smtp.mails
    assert mail.recipients == ["ada@example.org"] and mail.sender == "sokoul@[127.0.0.1]"
    assert mail.message["To"] == "ada@example.org" and mail.message["Subject"] == "Download complete: Sintel"
    assert mail.message["Message-ID"].startswith(f"<{done['id']}@")
    assert abs(email.utils.parsedate_to_datetime(mail.message["Date"]).timestamp() - time.time()) < 60
    assert "Your download is complete: Sintel" in mail.message.get_content()
    assert "ada@example.org" not in scout.log_text() + json.dumps(done)


def test_hostile_names_stay_in_the_text(sokoul, scout, smtp, ada):
    name = "Amélie „Montmartre“ 😀\r\nBcc: eve@example.org\r\n\r\n.\r\nQUIT\n..dots =3D " + "x" * 200
    done = tell(sokoul, ada, {**DONE, "name": name})
    [mail] = smtp.mails
    assert done["status"] == "Completed" and mail.recipients == ["ada@example.org"] and mail.message["Bcc"] is None
    assert mail.message["Subject"].startswith("Download complete: Amélie „Montmartre“ 😀  Bcc: eve@example.org")
    body = mail.message.get_content()
    assert "..dots =3D xxx" in body and mail.raw.isascii()
    assert len(body.splitlines()) == 6, "a name is one line"
    assert max(len(line) for line in mail.raw.split(b"\r\n")) <= 78


def test_the_sender_is_a_setting(sokoul, smtp, ada):
    sokoul.start("sokoul-scout", {"SMTP_URL": smtp.url, "SMTP_FROM": "media@home.example"})
    assert tell(sokoul, ada, DONE)["status"] == "Completed"
    assert smtp.mails[0].sender == "media@home.example" and smtp.mails[0].message["From"] == "Sokoul <media@home.example>"


def test_without_a_mail_server_it_says_so(sokoul, ada):
    sokoul.start("sokoul-scout")
    done = tell(sokoul, ada, DONE)
    assert (done["status"], done["result"]["sent"]) == ("Completed", False)
    assert done["result"]["detail"] == "No channel is configured: set SMTP_URL to send mails"


def test_the_system_has_no_mailbox(sokoul, scout, smtp):
    done = run(sokoul, "notify", DONE)
    assert done["user_id"] == SYSTEM and done["status"] == "Completed" and not done["result"]["sent"]
    assert smtp.seen == []


def test_an_address_that_is_more_than_one_is_refused(sokoul, scout, smtp):
    odd = person(sokoul, "odd", "a@example.org>\r\nRCPT TO:<eve@example.org")
    done = tell(sokoul, odd, DONE)
    assert (done["status"], done["reason"], done["attempts"]) == ("Failed", "invalid", 1) and smtp.seen == []


@pytest.mark.parametrize("payload", [{}, {**DONE, "channel": "webhook"}, {**DONE, "channel": "ntfy"},
                                     {**DONE, "template": "poem"}, {**DONE, "name": None},
                                     {"channel": "email", "template": "job_failed", "job_id": "x", "kind": "noop"}])
def test_what_makes_no_sense_fails_at_once(sokoul, scout, smtp, ada, payload):
    done = tell(sokoul, ada, payload)
    assert (done["status"], done["reason"], done["attempts"]) == ("Failed", "invalid", 1) and smtp.seen == []


# ---- servers that fail ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind,at,code", [("reply", "HELO", 421), ("reply", "RCPT", 450), ("reply", "END", 451),
                                          ("cut", "DATA", 0), ("cut", "END", 0)])
def test_what_passes_is_tried_again(sokoul, scout, smtp, ada, kind, at, code):
    smtp.fail(kind, at, code, times=1)
    done = tell(sokoul, ada, DONE)
    assert (done["status"], done["attempts"], len(smtp.mails)) == ("Completed", 2, 1)
    assert "mail server" in done["history"][2]["detail"]


@pytest.mark.parametrize("at,code", [("HELO", 554), ("MAIL", 550), ("RCPT", 550), ("DATA", 554), ("END", 552)])
def test_what_the_server_refuses_for_good_is_failed(sokoul, scout, smtp, ada, at, code):
    smtp.fail("reply", at, code)
    done = tell(sokoul, ada, DONE)
    assert (done["status"], done["reason"], done["attempts"]) == ("Failed", "refused", 1)
    assert done["detail"] == f"the mail server 127.0.0.1 refused the mail for good ({code})"
    assert not smtp.mails and not done["children"]


@pytest.mark.parametrize("at", ["HELO", "RCPT", "END"])
def test_a_silent_server_is_left_at_the_deadline(sokoul, smtp, ada, at):
    sokoul.start("sokoul-scout", {"SMTP_URL": smtp.url, "HTTP_TIMEOUT_S": "2"})
    smtp.fail("silence", at, times=1)
    began = time.monotonic()
    done = tell(sokoul, ada, DONE)
    assert (done["status"], done["attempts"], len(smtp.mails)) == ("Completed", 2, 1)
    assert 3.5 <= time.monotonic() - began <= 6 + 4 * SLOW


def test_nobody_there_is_tried_again(sokoul, ada):
    sokoul.start("sokoul-scout", {"SMTP_URL": "smtp://127.0.0.1:1"})
    job_id = inject(sokoul, "notify", DONE, 1, "--user", ada)[0]
    eventually(lambda: sokoul.value("SELECT count(*) FROM job_history WHERE job_id = %s", (job_id,)) >= 1, 10)
    assert "accepts no connection" in sokoul.value("SELECT detail FROM job_history WHERE job_id = %s", (job_id,))


def test_a_password_goes_over_tls_or_not_at_all(sokoul, smtp, ada):
    elsewhere = smtp.url.replace("127.0.0.1", "ada:secret-of-ada@[::ffff:127.0.0.1]")  # looks like another machine
    scout = sokoul.start("sokoul-scout", {"SMTP_URL": elsewhere})
    done = tell(sokoul, ada, DONE)
    assert (done["status"], done["reason"]) == ("Failed", "refused") and "no TLS" in done["detail"]
    assert not smtp.mails and smtp.count("AUTH") == 0
    assert "secret-of-ada" not in scout.log_text() + json.dumps(done)


# ---- who is told ----------------------------------------------------------------------------------


def children(sokoul, job_id):
    return [row[0] for row in sokoul.sql("SELECT job_id::text FROM jobs WHERE parent_id = %s", (job_id,))]


def test_a_job_that_fails_in_the_end_is_told_of_once(sokoul, scout, smtp, tmdb, ada):  # req: S128 part: S113
    tmdb.fail("status", status=502)
    failed = settled(sokoul, inject(sokoul, "search", {"query": "Sintel"}, 1, "--user", ada)[0], 40)
    assert (failed["status"], failed["reason"], failed["attempts"]) == ("Failed", "exhausted", 4)
    assert "TMDB" in failed["detail"]
    ends = [h for h in failed["history"] if h["status"] == "Pending" and h["reason"]]
    starts = [h for h in failed["history"] if h["status"] == "Running"][1:]
    for end, start, wanted in zip(ends, starts, (2, 4, 8), strict=True):
        wait = stamp_of(start["at"]) - stamp_of(end["at"])
        assert wanted * 0.9 <= wait <= wanted * 1.1 + 2 * SLOW, (wait, wanted)
    [notice] = children(sokoul, failed["id"])
    told = settled(sokoul, notice)
    assert (told["kind"], told["status"], told["request_id"]) == ("notify", "Completed", failed["request_id"])
    [mail] = smtp.mails
    assert mail.recipients == ["ada@example.org"] and mail.message["Subject"] == "Your search for titles failed: Sintel"
    text = mail.message.get_content()
    assert failed["detail"] in " ".join(text.split()) and failed["id"] in text and "dead letters" in text
    assert mail.message["Message-ID"].startswith(f"<{notice}@")


def stamp_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_a_permanent_failure_is_told_of_and_a_cancelled_job_is_not(sokoul, scout, smtp, ada):  # part: S113
    failed = settled(sokoul, inject(sokoul, "noop", {"fail": "permanent"}, 1, "--user", ada)[0])
    eventually(lambda: len(smtp.mails) == 1, 10, "the mail")
    assert "It is not tried again by itself" in smtp.mails[0].message.get_content()
    running = inject(sokoul, "noop", {"sleep_ms": 60000}, 1, "--user", ada)[0]
    eventually(lambda: sokoul.value("SELECT status FROM jobs WHERE job_id = %s", (running,)) == "Running")
    sokoul.ctl("job", "cancel", running)
    assert settled(sokoul, running)["children"] == [] and len(children(sokoul, failed["id"])) == 1


def test_of_many_failures_within_an_hour_thirty_are_told(sokoul, scout, smtp, ada):  # part: S113
    """In two rounds: what a single statement ends, and what was told before it."""
    first = inject(sokoul, "noop", {"fail": "permanent"}, 20, "--user", ada)
    all_settled(sokoul, first)
    rest = inject(sokoul, "noop", {"fail": "permanent"}, 200, "--user", ada)
    all_settled(sokoul, rest)
    eventually(lambda: len(smtp.mails) == 30, 20, "thirty mails")
    assert sokoul.value("SELECT count(*) FROM jobs WHERE kind = 'notify'") == 30
    assert len([m for m in smtp.mails if "is not mailed" in m.message.get_content()]) == 1
    sokoul.sql("UPDATE jobs SET job_id = overlay(job_id::text PLACING '018' FROM 1 FOR 3)::uuid WHERE kind = 'notify'")  # long ago
    inject(sokoul, "noop", {"fail": "permanent"}, 1, "--user", ada)
    eventually(lambda: len(smtp.mails) == 31, 20, "a mail in the next hour")


def test_a_notice_that_cannot_be_sent_is_not_told_of(sokoul, scout, smtp, ada):
    smtp.fail("reply", "RCPT", 550)
    failed = settled(sokoul, inject(sokoul, "noop", {"fail": "permanent"}, 1, "--user", ada)[0])
    [notice] = children(sokoul, failed["id"])
    assert settled(sokoul, notice)["reason"] == "refused"
    assert children(sokoul, notice) == [] and smtp.mails == []
