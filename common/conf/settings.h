/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h -- every setting of every program, one row each.
 *
 * `struct conf`, the environment, env files, `.env.example` and docs/CONFIG.md all come from
 * these rows.  A new setting is a new row; nothing else lists them.
 *
 *  X(name, member, type, default, min, max, required by, reload, one line of doc)
 *
 * default "": none (text: empty; number: 0; list: empty).  min and max are a range for U32 and
 * NUMBER and a length in bytes for TEXT and SECRET (max 0: no limit).  RELOAD: a running program takes a new
 * value (renew.h), hence its code reads it from the newest settings at each use; FIXED: it needs a restart.
 */
#ifndef SOKOUL_COMMON_CONF_SETTINGS_H
#define SOKOUL_COMMON_CONF_SETTINGS_H

enum conf_program
{
    CONF_API,
    CONF_SCOUT,
    CONF_HUNTER,
    CONF_BOT,
    CONF_CLI,    /* needs the database, and the rest only for certain verbs */
    CONF_WORKER, /* a worker of others, on include/sokoul.h */
    CONF_PROGRAMS
};

/* Who may make an account. */
enum conf_registration
{
    CONF_REGISTRATION_UNSET, /* open where only this machine reaches the API, else by invitation */
    CONF_REGISTRATION_OPEN,
    CONF_REGISTRATION_INVITE,
    CONF_REGISTRATION_CLOSED
};

/* The programs that cannot run without the setting. */
enum conf_need
{
    CONF_NEED_NOBODY = 0,
    CONF_NEED_API = 1 << CONF_API,
    CONF_NEED_BOT = 1 << CONF_BOT,
    CONF_NEED_PROVIDERS = 1 << CONF_API | 1 << CONF_SCOUT,
    CONF_NEED_DAEMONS = 1 << CONF_API | 1 << CONF_SCOUT | 1 << CONF_HUNTER | 1 << CONF_BOT | 1 << CONF_WORKER,
    CONF_NEED_ALL = CONF_NEED_DAEMONS | 1 << CONF_CLI
};

/* clang-format off */

/*  X(type, C type of the member, what the docs call it, sample in .env.example) */
#define CONF_TYPES(X)                                                                                        \
    X(TEXT,      const char *,        "text",                      "")                                       \
    X(SECRET,    const char *,        "secret",                    "")                                       \
    X(PG_URL,    const char *,        "postgresql:// URL",         "postgresql://sokoul:change-me@127.0.0.1:5432/sokoul") \
    X(REDIS_URL, const char *,        "redis:// URL",              "redis://:change-me@127.0.0.1:6379/0")    \
    X(NATS_URL,  const char *,        "nats:// URLs, comma between", "nats://sokoul:change-me@127.0.0.1:4222") \
    X(HTTP_URL,  const char *,        "http:// or https:// URL",   "")                                       \
    X(SMTP_URL,  const char *,        "smtp:// or smtps:// URL",   "")                                       \
    X(U32,       uint32_t,            "number",                    "")                                       \
    X(ODD,       uint32_t,            "odd number",                "")                                       \
    X(NUMBER,    double,              "decimal number",            "")                                       \
    X(BOOL,      bool,                "true or false",             "")                                       \
    X(LISTEN,    struct conf_listen,  "address:port",              "")                                       \
    X(CIDRS,     struct conf_cidrs,   "addresses or CIDR ranges, comma between", "")                         \
    X(ENTRY,     enum conf_registration, "open, invite or closed", "")                                       \
    X(LEVEL,     enum log_level,      "trace, debug, info, warn or error", "")

#define CONF_SERVERS(X)                                                                                      \
    X(DATABASE_URL, database_url, PG_URL, "", 0, 0, ALL, RELOAD, "PostgreSQL, the truth of everything.")     \
    X(REDIS_URL, redis_url, REDIS_URL, "", 0, 0, DAEMONS, RELOAD, "Redis, a cache that may vanish.")         \
    X(NATS_URL, nats_url, NATS_URL, "", 0, 0, DAEMONS, RELOAD, "NATS with JetStream, which wakes the workers.") \
    X(NATS_REPLICAS, nats_replicas, ODD, "1", 1, 5, NOBODY, FIXED, "How many servers of a NATS cluster keep each stream: 1, 3 or 5, the same for every program. Existing streams are changed in place.") \
    X(DB_POOL_SIZE, db_pool_size, U32, "10", 1, 200, NOBODY, FIXED, "Connections to PostgreSQL that one program holds at most.") \
    X(DB_WAIT_S, db_wait_s, U32, "30", 1, 300, NOBODY, FIXED, "How long a request waits for a connection, and a statement may run.") \
    X(HTTP_TIMEOUT_S, http_timeout_s, U32, "30", 1, 300, NOBODY, RELOAD, "How long one call to a provider may take in all.")

#define CONF_SECRETS(X)                                                                                      \
    X(JWT_SECRET, jwt_secret, SECRET, "", 32, 1024, API, RELOAD, "Signs access tokens: 32 random bytes or more, the same for every API process.") \
    X(JWT_SECRET_PREVIOUS, jwt_secret_previous, SECRET, "", 32, 1024, NOBODY, RELOAD, "The secret before; tokens it signed stay valid until they expire.") \
    X(ACCESS_TOKEN_TTL_S, access_token_ttl_s, U32, "3600", 1, 86400, NOBODY, RELOAD, "Life of an access token.") \
    X(REFRESH_TOKEN_TTL_S, refresh_token_ttl_s, U32, "604800", 1, 31536000, NOBODY, RELOAD, "Life of a refresh token.")

#define CONF_PROVIDERS(X)                                                                                    \
    X(TMDB_API_KEY, tmdb_api_key, SECRET, "", 1, 1024, PROVIDERS, RELOAD, "Key or read token of themoviedb.org.") \
    X(TMDB_BASE_URL, tmdb_base_url, HTTP_URL, "https://api.themoviedb.org", 0, 0, NOBODY, RELOAD, "Where TMDB's API is.") \
    X(PROWLARR_URL, prowlarr_url, HTTP_URL, "", 0, 0, NOBODY, RELOAD, "Prowlarr, which finds releases; without it none are found.") \
    X(PROWLARR_API_KEY, prowlarr_api_key, SECRET, "", 1, 1024, NOBODY, RELOAD, "Prowlarr's API key.") \
    X(ALLOW_PRIVATE_PROVIDERS, allow_private_providers, BOOL, "true", 0, 0, NOBODY, RELOAD, "Whether TMDB_BASE_URL and PROWLARR_URL may name a private address.") \
    X(SEARCH_CACHE_TTL_S, search_cache_ttl_s, U32, "3600", 0, 604800, NOBODY, RELOAD, "How long search results count as fresh.") \
    X(PROWLARR_REDIRECT_HOSTS, prowlarr_redirect_hosts, TEXT, "", 0, 4096, NOBODY, RELOAD, "Hosts of indexers that Prowlarr may send a download to (its setting Redirect), on a port of a web server, comma between; without it only Prowlarr itself is asked.") \
    X(SMTP_URL, smtp_url, SMTP_URL, "", 0, 0, NOBODY, RELOAD, "Mail server for the notices that sokoul-scout sends; without it no mail is sent.") \
    X(PASSWORD_RESET_TO_LOG, password_reset_to_log, BOOL, "false", 0, 0, NOBODY, RELOAD, "Without SMTP_URL: whether sokoul-scout writes the link that sets a forgotten password anew into its log.") \
    X(SMTP_FROM, smtp_from, TEXT, "", 3, 254, NOBODY, RELOAD, "Address from which notices come; by default the user of SMTP_URL if it is an address, else sokoul at its host.")

#define CONF_API_ROWS(X)                                                                                     \
    X(PUBLIC_URL, public_url, HTTP_URL, "", 0, 0, NOBODY, RELOAD, "Where people reach Sokoul, for links in mails and invitations; without it they get codes.") \
    X(REGISTRATION, registration, ENTRY, "", 0, 0, NOBODY, RELOAD, "Who may make an account: open, invite or closed; by default open where API_LISTEN is a loopback address, else invite.") \
    X(LOGIN_FAILURES_MAX, login_failures_max, U32, "10", 1, 1000000, NOBODY, RELOAD, "Wrong passwords within 15 minutes for one account from one address, before it has to wait; RATE_LIMIT_ALLOW is exempt.") \
    X(LOGIN_FAILURES_PER_ADDRESS_MAX, login_failures_per_address_max, U32, "100", 1, 1000000, NOBODY, RELOAD, "The same of one address, for all accounts together.") \
    X(API_LISTEN, api_listen, LISTEN, "127.0.0.1:3000", 0, 0, NOBODY, FIXED, "Where the API listens; port 0 takes any free one.") \
    X(TRUSTED_PROXIES, trusted_proxies, CIDRS, "", 0, 0, NOBODY, RELOAD, "Proxies whose X-Forwarded-For counts.") \
    X(CORS_ORIGINS, cors_origins, TEXT, "", 0, 0, NOBODY, RELOAD, "Origins of web pages that may call the API, comma between.") \
    X(API_QUEUE_MAX, api_queue_max, U32, "1024", 1, 100000, NOBODY, FIXED, "Requests that may wait for an executor; past it 503 with Retry-After.") \
    X(API_CONNECTIONS_MAX, api_connections_max, U32, "12000", 1, 100000, NOBODY, FIXED, "Connections held at once, fewer where descriptors do not suffice; past them 503, but for health checks.") \
    X(API_CONNECTIONS_PER_ADDRESS, api_connections_per_address, U32, "2000", 1, 100000, NOBODY, FIXED, "Connections held at once for one address; TRUSTED_PROXIES and RATE_LIMIT_ALLOW are exempt.") \
    X(API_HEADER_TIMEOUT_S, api_header_timeout_s, U32, "5", 1, 300, NOBODY, FIXED, "How long the head of a request may take to arrive.") \
    X(API_BODY_TIMEOUT_S, api_body_timeout_s, U32, "10", 1, 3600, NOBODY, FIXED, "How long the body of a request may take to arrive.") \
    X(API_IDLE_TIMEOUT_S, api_idle_timeout_s, U32, "30", 1, 3600, NOBODY, FIXED, "When a connection that never asked anything is closed.") \
    X(API_KEEPALIVE_S, api_keepalive_s, U32, "75", 1, 3600, NOBODY, FIXED, "When a connection that is kept alive is closed.") \
    X(API_READ_MIN_BYTES_S, api_read_min_bytes_s, U32, "4096", 0, 100000000, NOBODY, FIXED, "Bytes of an answer that a client has to read a second, over any ten; who is slower is cut. 0: no limit.") \
    X(API_UPLOADS_MIB, api_uploads_mib, U32, "24", 1, 65536, NOBODY, FIXED, "Request bodies held at once, in MiB; past it 503 with Retry-After.") \
    X(API_UPLOADS_PER_USER_MIB, api_uploads_per_user_mib, U32, "12", 1, 65536, NOBODY, FIXED, "The same of one user, or of one address without a login; past it 429.") \
    X(API_ANSWERS_MIB, api_answers_mib, U32, "24", 1, 65536, NOBODY, FIXED, "Answers held at once until they are read, in MiB; past it 503 with Retry-After.") \
    X(API_ANSWERS_PER_USER_MIB, api_answers_per_user_mib, U32, "8", 1, 65536, NOBODY, FIXED, "The same of one user, or of one address without a login; past it 429.") \
    X(AVATAR_DIR, avatar_dir, TEXT, "", 1, 4000, NOBODY, FIXED, "Where the pictures of users are kept, the same folder for every API process; .avatars in DOWNLOAD_DIR by default.") \
    X(API_DRAIN_S, api_drain_s, U32, "10", 1, 600, NOBODY, RELOAD, "How long the API may take to stop.")

#define CONF_LIMITS(X)                                                                                       \
    X(RATE_LIMIT_USER_PER_MIN, rate_limit_user_per_min, U32, "100", 1, 1000000, NOBODY, RELOAD, "Requests of one user in any 60 s; past it 429 with Retry-After.") \
    X(RATE_LIMIT_ANON_PER_MIN, rate_limit_anon_per_min, U32, "10", 1, 1000000, NOBODY, RELOAD, "The same of one address without a login: who registers, logs in, or has no valid token; of IPv6 a /64 counts as one address.") \
    X(RATE_LIMIT_SEARCH_PER_MIN, rate_limit_search_per_min, U32, "30", 1, 1000000, NOBODY, RELOAD, "The same of one user's searches.") \
    X(RATE_LIMIT_IP_PER_MIN, rate_limit_ip_per_min, U32, "1000", 1, 10000000, NOBODY, RELOAD, "The same of one address, whoever asks.") \
    X(RATE_LIMIT_ALLOW, rate_limit_allow, CIDRS, "", 0, 0, NOBODY, RELOAD, "Addresses whose requests and connections are neither limited nor counted.") \
    X(DOWNLOADS_ACTIVE_PER_USER, downloads_active_per_user, U32, "5", 1, 100000, NOBODY, RELOAD, "Downloads one user may have running.") \
    X(INSPECTED_MAX_MB_PER_USER, inspected_max_mb_per_user, U32, "100", 1, 1000000, NOBODY, RELOAD, "MiB kept of torrents that one user had inspected and nobody downloads; the oldest go first, all after a day.") \
    X(INSPECTED_MAX_MB, inspected_max_mb, U32, "1024", 1, 1000000, NOBODY, RELOAD, "The same for all users together; who has the most loses first.") \
    X(OUTBOX_MAX, outbox_max, U32, "1000000", 1, 100000000, NOBODY, RELOAD, "Wake-ups that may wait for NATS; past it new jobs get 503.")

#define CONF_JOBS(X)                                                                                         \
    X(JOBS_LEASE_S, jobs_lease_s, U32, "40", 3, 3600, NOBODY, FIXED, "How long a claim holds without a heartbeat; heartbeats come at a third of it.") \
    X(JOBS_RETENTION_DAYS, jobs_retention_days, U32, "30", 1, 3650, NOBODY, FIXED, "How long finished jobs are kept; at least the age of the streams.") \
    X(WORKER_CONCURRENCY, worker_concurrency, U32, "16", 1, 1024, NOBODY, FIXED, "Jobs one worker runs at once.") \
    X(WORKER_DRAIN_S, worker_drain_s, U32, "60", 1, 3600, NOBODY, FIXED, "How long a worker may finish what it holds before it hands it back.") \
    X(NODE_NAME, node_name, TEXT, "", 1, 200, NOBODY, FIXED, "Name of this machine among the workers; its host name by default.")

#define CONF_DOWNLOADS(X)                                                                                    \
    X(DOWNLOAD_DIR, download_dir, TEXT, "downloads", 1, 4000, NOBODY, FIXED, "Where downloads go: one file system for the API and the hunters.") \
    X(DOWNLOADS_ACTIVE_PER_HUNTER, downloads_active_per_hunter, U32, "64", 1, 1000, NOBODY, FIXED, "Downloads one hunter has running at once, the same for all of them; past it those that receive nothing give way in turn.") \
    X(DISK_RESERVE_MB, disk_reserve_mb, U32, "0", 0, 1000000000, NOBODY, FIXED, "MiB that downloads leave free on the disk of DOWNLOAD_DIR; 0: a twentieth of the disk, at most 2,048.") \
    X(DOWNLOADS_MAX_MB, downloads_max_mb, U32, "0", 0, 1000000000, NOBODY, RELOAD, "MiB that all downloads together may take; 0: as many as fit.") \
    X(DOWNLOADS_MAX_MB_PER_USER, downloads_max_mb_per_user, U32, "0", 0, 1000000000, NOBODY, RELOAD, "MiB that the downloads of one user may take; 0: no limit of one's own.") \
    X(TORRENT_LISTEN, torrent_listen, LISTEN, "0.0.0.0:6881", 0, 0, NOBODY, FIXED, "Where BitTorrent peers come in; port 0 takes any free one.") \
    X(TORRENT_ALLOW_PRIVATE, torrent_allow_private, BOOL, "false", 0, 0, NOBODY, FIXED, "Whether peers and trackers in private networks are allowed.") \
    X(TORRENT_DHT, torrent_dht, BOOL, "true", 0, 0, NOBODY, FIXED, "Whether peers are also looked for without trackers.") \
    X(TORRENT_DOWN_LIMIT_KBPS, torrent_down_limit_kbps, U32, "0", 0, 100000000, NOBODY, FIXED, "Download rate of one hunter in KiB/s; 0: no limit.") \
    X(TORRENT_STALL_S, torrent_stall_s, U32, "300", 1, 604800, NOBODY, RELOAD, "When a download that receives nothing counts as stalled.") \
    X(TORRENT_GIVE_UP_S, torrent_give_up_s, U32, "3600", 1, 2592000, NOBODY, RELOAD, "When a stalled download is given up.") \
    X(SEED_HOURS, seed_hours, U32, "24", 0, 8760, NOBODY, FIXED, "How long a finished download is seeded at most.") \
    X(SEED_RATIO, seed_ratio, NUMBER, "2", 0, 1000, NOBODY, FIXED, "Up to which ratio a finished download is seeded; 0: the hours alone decide.")

#define CONF_OPERATION(X)                                                                                    \
    X(LOG_LEVEL, log_level, LEVEL, "info", 0, 0, NOBODY, RELOAD, "The least level that is logged.")          \
    X(METRICS_LISTEN, metrics_listen, LISTEN, "", 0, 0, NOBODY, FIXED, "Where a worker answers /health, /ready and /metrics; 127.0.0.1:9101 (scout), 9102 (hunter) by default, port 0: any free one.") \
    X(METRICS_ALLOW, metrics_allow, CIDRS, "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7,169.254.0.0/16,fe80::/10", 0, 0, NOBODY, RELOAD, "Who may read /metrics and /health/deep.") \
    X(OTEL_EXPORTER_OTLP_ENDPOINT, otel_exporter_otlp_endpoint, HTTP_URL, "", 0, 0, NOBODY, FIXED, "A collector of traces (OTLP over HTTP), e.g. http://127.0.0.1:4318; without it none are sent.")

/* Names that are kept for what comes later, so that an env file may hold them already. */
#define CONF_LATER "Not used yet"
#define CONF_LATER_ROWS(X)                                                                                   \
    X(TELEGRAM_BOT_TOKEN, telegram_bot_token, SECRET, "", 1, 256, BOT, RELOAD, "The bot's token, from @BotFather.") \
    X(TELEGRAM_API_URL, telegram_api_url, HTTP_URL, "https://api.telegram.org", 0, 0, NOBODY, RELOAD, "Where Telegram's bot API is.") \
    X(OLLAMA_URL, ollama_url, HTTP_URL, "", 0, 0, NOBODY, RELOAD, "Ollama, which answers the chat; without it there is no chat.") \
    X(RATE_LIMIT_STREAM_PER_MIN, rate_limit_stream_per_min, U32, "600", 1, 1000000, NOBODY, RELOAD, "Stream requests of one user in any 60 s.") \
    X(WS_CONNECTIONS_PER_USER, ws_connections_per_user, U32, "100", 1, 100000, NOBODY, RELOAD, "WebSockets one user may have open.") \
    X(WS_PING_INTERVAL_S, ws_ping_interval_s, U32, "30", 1, 3600, NOBODY, RELOAD, "How often the server pings.") \
    X(WS_PONG_TIMEOUT_S, ws_pong_timeout_s, U32, "60", 1, 3600, NOBODY, RELOAD, "When a WebSocket without a pong is closed.") \
    X(WS_DETACH_DELAY_S, ws_detach_delay_s, U32, "5", 0, 600, NOBODY, RELOAD, "How long subscriptions outlive their connection.") \
    X(WS_ALLOW_ACCESS_TOKEN, ws_allow_access_token, BOOL, "false", 0, 0, NOBODY, RELOAD, "Whether an access token in the WebSocket's URL is taken, beside a ticket.")

/*  G(heading, rows) */
#define CONF_GROUPS(G)                                                                                       \
    G("Servers", CONF_SERVERS)                                                                               \
    G("Secrets and tokens", CONF_SECRETS)                                                                    \
    G("Providers", CONF_PROVIDERS)                                                                           \
    G("API", CONF_API_ROWS)                                                                                  \
    G("Limits", CONF_LIMITS)                                                                                 \
    G("Jobs and workers", CONF_JOBS)                                                                         \
    G("Downloads", CONF_DOWNLOADS)                                                                           \
    G("Operation", CONF_OPERATION)                                                                           \
    G(CONF_LATER, CONF_LATER_ROWS)

#define CONF_TABLE(X)                                                                                        \
    CONF_SERVERS(X) CONF_SECRETS(X) CONF_PROVIDERS(X) CONF_API_ROWS(X) CONF_LIMITS(X)                        \
    CONF_JOBS(X) CONF_DOWNLOADS(X) CONF_OPERATION(X) CONF_LATER_ROWS(X)

/* clang-format on */

#endif
