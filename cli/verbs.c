/* SPDX-License-Identifier: Apache-2.0 */
/* THE TABLE: everything sokoulctl can do. */
#include "cli/verb.h"

/* clang-format off */
const struct verb verbs[] = {
    {"job", "inject", "", 0, 0,
     OPTION_BIT(KIND) | OPTION_BIT(PAYLOAD) | OPTION_BIT(COUNT) | OPTION_BIT(RATE) | OPTION_BIT(WAIT) |
         OPTION_BIT(TIMEOUT) | OPTION_BIT(WORKER) | OPTION_BIT(PRIORITY) | OPTION_BIT(RUN_AT) | OPTION_BIT(DEADLINE) |
         OPTION_BIT(USER) | OPTION_BIT(UNIQUE_KEY) | OPTION_BIT(UNIQUE_S) | OPTION_BIT(RAW),
     VERB_NEEDS_SETTINGS, verb_job_inject,
     "make jobs, at a pace, and wait for them",
     "  sokoulctl job inject --kind noop --payload '{\"sleep_ms\":10}' --count 10000 --rate 500 --wait\n\n"
     "Without --wait it prints the ids.  With --wait it ends with counts, latencies (accept to end) and\n"
     "pickup times (accept to start), all by the database's clock; it outlives restarts of workers and\n"
     "servers, and exits 1 when a job Failed, 75 when --timeout is over."},
    {"job", "get", "ID", 1, 1, OPTION_BIT(GRAPH), VERB_NEEDS_SETTINGS, verb_job_get,
     "show a job",
     "With --json exactly what GET /jobs/{id} answers.  With --graph the whole tree of jobs that belong\n"
     "together, from the one that started it all: at most 1,000 jobs, 32 levels deep; with --json\n"
     "nested: {id,kind,status,reason,created_at,finished_at,children}."},
    {"job", "ls", "", 0, 0, OPTION_BIT(LIMIT) | OPTION_BIT(STATUS) | OPTION_BIT(KIND) | OPTION_BIT(BEFORE),
     VERB_NEEDS_SETTINGS, verb_job_ls,
     "list jobs, newest first", "20 of them, or --limit."},
    {"job", "cancel", "ID...", 1, VERB_MANY, 0, VERB_NEEDS_SETTINGS, verb_job_cancel,
     "cancel jobs that are Pending or Running",
     "Exits 1 at the first that is over already or not there."},
    {"job", "wait", "ID...", 1, VERB_MANY, OPTION_BIT(TIMEOUT), VERB_NEEDS_SETTINGS, verb_job_wait,
     "wait until jobs are over",
     "Exits 1 when one of them Failed or is not there, 75 when --timeout is over."},
    {"dlq", "ls", "", 0, 0, OPTION_BIT(LIMIT) | OPTION_BIT(KIND) | OPTION_BIT(BEFORE), VERB_NEEDS_SETTINGS,
     verb_dlq_ls,
     "list open dead letters, newest first", "20 of them, or --limit."},
    {"dlq", "show", "ID", 1, 1, 0, VERB_NEEDS_SETTINGS, verb_dlq_show,
     "show a dead letter with the errors of each attempt", NULL},
    {"dlq", "replay", "ID", 1, 1, OPTION_BIT(PAYLOAD), VERB_NEEDS_SETTINGS, verb_dlq_replay,
     "run the job of a dead letter again",
     "The same job starts from its first attempt, with --payload instead of its old one if given."},
    {"dlq", "purge", "[ID]", 0, 1, OPTION_BIT(ALL), VERB_NEEDS_SETTINGS, verb_dlq_purge,
     "close a dead letter, or --all, without a replay", NULL},
    {"schedule", "put", "NAME", 1, 1,
     OPTION_BIT(CRON) | OPTION_BIT(EVERY) | OPTION_BIT(MISSED) | OPTION_BIT(KIND) | OPTION_BIT(WORKER) |
         OPTION_BIT(PRIORITY) | OPTION_BIT(PAYLOAD),
     VERB_NEEDS_SETTINGS, verb_schedule_put,
     "make a job run periodically, or change how",
     "  sokoulctl schedule put nightly --cron '0 3 * * *' --kind noop\n\n"
     "Each time is fired once, however many programs run.  Its next time counts from now."},
    {"schedule", "ls", "", 0, 0, 0, VERB_NEEDS_SETTINGS, verb_schedule_ls,
     "list periodic jobs with their next time", NULL},
    {"schedule", "rm", "NAME", 1, 1, 0, VERB_NEEDS_SETTINGS, verb_schedule_rm,
     "end a periodic job", "Jobs that it made already stay."},
    {"limit", "set", "KIND", 1, 1, OPTION_BIT(MAX) | OPTION_BIT(PER_USER), VERB_NEEDS_SETTINGS, verb_limit_set,
     "limit how many jobs of a kind run at once",
     "  sokoulctl limit set search --max 20 --per-user 2\n\n"
     "Over all workers.  The others stay Pending, and start when a place is free, first those\n"
     "of the user of whom the fewest run.\n"
     "Jobs that run already count; none is stopped.  --max 0 pauses a kind."},
    {"limit", "ls", "", 0, 0, 0, VERB_NEEDS_SETTINGS, verb_limit_ls,
     "list limits, with how many run and wait", NULL},
    {"limit", "rm", "KIND", 1, 1, 0, VERB_NEEDS_SETTINGS, verb_limit_rm,
     "remove a limit", "What waits for it starts."},
    {"user", "create", "[NAME]", 0, 1,
     OPTION_BIT(USERNAME) | OPTION_BIT(EMAIL) | OPTION_BIT(ROLE) | OPTION_BIT(PASSWORD_STDIN),
     VERB_NEEDS_SETTINGS, verb_user_create,
     "make an account",
     "The password is asked for on a terminal, else it is the first line of standard input; it is\n"
     "never taken from the command line, where others could read it."},
    {"user", "role", "NAME ROLE", 0, 2, OPTION_BIT(USERNAME) | OPTION_BIT(ROLE), VERB_NEEDS_SETTINGS,
     verb_user_role,
     "make someone user, moderator or admin",
     "NAME is the user's name or address."},
    {"migrate", "up", "", 0, 0, OPTION_BIT(DIR), VERB_NEEDS_SETTINGS, verb_migrate_up,
     "bring the database's schema up to date",
     "Applies what is pending, each file in one transaction; nothing to do is fine.  Several may run\n"
     "at once.  A database that is starting is waited for, up to 30 s.  A broken file is rolled back\n"
     "and named, and so is a file that was changed after it had been applied (exit 1)."},
    {"migrate", "status", "", 0, 0, OPTION_BIT(DIR), VERB_NEEDS_SETTINGS, verb_migrate_status,
     "show which migrations were applied",
     "States: applied, pending, changed (after it had been applied; exit 1), unknown (a newer\n"
     "program applied it)."},
    {"audit", "verify", "", 0, 0, 0, VERB_NEEDS_SETTINGS, verb_audit_verify,
     "check that no entry of the audit trail was changed, removed or put in later",
     "Each entry is sealed about a second after it was written, with a hash over it and the seal before.  Prints\n"
     "how many are sealed and the hash at the end, which is worth noting elsewhere: it holds all before it.  Names\n"
     "the first entry or seal that does not fit, and exits 1.  Reads the whole trail."},
    {NULL, "trace", "REQUEST_ID", 1, 1, OPTION_BIT(LIMIT) | OPTION_BIT(LOG), VERB_NEEDS_SETTINGS, verb_trace,
     "show the whole way of a request, with times, and what is still open",
     "  sokoulctl trace req-12345\n"
     "  journalctl -o cat -u 'sokoul-*' | sokoulctl trace req-12345 --log -\n\n"
     "All that the database keeps of the jobs with that X-Request-ID and of those that stem from them, in the\n"
     "order of time: at most 1,000 steps, or --limit, of 1,000 jobs.  With --log the lines of logs stand\n"
     "between them.  Reads the table of jobs once, about a second per million."},
    {NULL, "doctor", "", 0, 0, 0, VERB_NEEDS_NOTHING, verb_doctor,
     "check settings, servers, programs, jobs, folders and providers, and say what to do",
     "Exits 1 when something is bad.  A program counts as running when it gives signs of life to the database."},
    {NULL, "healthcheck", "[health|ready]", 0, 1, OPTION_BIT(URL) | OPTION_BIT(TIMEOUT), VERB_NEEDS_NOTHING,
     verb_healthcheck,
     "ask a running program how it is",
     "Two attempts of 5 s each (--timeout); exits 0 or 1.  For containers and supervisors."},
};
/* clang-format on */

const size_t verbs_count = sizeof verbs / sizeof verbs[0];
