/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/scout/notify.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/http/mail.h"
#include "common/json/write.h"
#include "common/store/users.h"
#include "workers/scout/reset.h"
#include "workers/scout/scout.h"

#include <string.h>

enum
{
    MS = 1000,
    NAME_MAX_CHARS = 40,
    RESULT_BYTES = 4096
};

struct wish
{
    const char *channel;
    const char *template_name;
};

/* What goes out.  `address` NULL: there is nobody to tell. */
struct letter
{
    struct notice notice;
    const char *address;
};

/* *unsent: why nothing was sent; NULL: the notice was sent. */
typedef enum err_code deliver_fn(struct job *job, const struct letter *letter, const char **unsent,
                                 struct err *err);

/* ---- e-mail --------------------------------------------------------------------------------- */

/* *address NULL: the user is no person. */
static enum err_code address_of(struct job *job, const char **address, struct err *err)
{
    struct db *db = NULL;
    enum err_code code = job_db(job, &db, err);
    if (code == E_OK)
        code = user_store_email(db, job_arena(job), job_user(job), address, err);
    db_put(db);
    if (code != E_NOT_FOUND)
        return code;
    *address = NULL;
    return E_OK;
}

static enum err_code deliver_email(struct job *job, const struct letter *letter, const char **unsent,
                                   struct err *err)
{
    const struct conf *conf = scout_conf(job_context(job));
    if (letter->address == NULL)
    {
        *unsent = "There is nobody to tell: no person has this job, or this address";
        return E_OK;
    }
    const struct mail_server server = {.url = conf->smtp_url,
                                       .from = conf->smtp_from,
                                       .deadline_ms = (int)conf->http_timeout_s * MS,
                                       .cancel = job_stop_flag(job)};
    const struct mail mail = {.to = letter->address,
                              .subject = letter->notice.subject,
                              .text = letter->notice.text,
                              .id = job_id(job),
                              .at_ms = clock_wall_ms()};
    return mail_send(&server, &mail, err);
}

/* ---- the kind ------------------------------------------------------------------------------- */

static const struct channel
{
    const char *name;
    deliver_fn *deliver;
} channels[] = {
    {"email", deliver_email},
};

static const struct channel *channel_of(const char *name)
{
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++)
        if (strcmp(channels[i].name, name) == 0)
            return &channels[i];
    return NULL;
}

static enum err_code read_wish(struct job *job, struct wish *wish, struct err *err)
{
    static const struct json_field fields[] = {
        {"channel", JSON_TEXT, JSON_REQUIRED, offsetof(struct wish, channel), 1, NAME_MAX_CHARS},
        {"template", JSON_TEXT, JSON_REQUIRED, offsetof(struct wish, template_name), 1, NAME_MAX_CHARS},
    };
    const struct json *payload = job_payload(job);
    if (payload == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    return json_read(job_arena(job), payload, fields, sizeof fields / sizeof fields[0], wish, NULL, err);
}

static enum err_code keep_result(struct job *job, const char *channel, const char *unsent, struct err *err)
{
    struct buf text;
    buf_init(&text, RESULT_BYTES);
    struct json_writer w = json_writer(&text);
    json_begin_object(&w, NULL);
    json_put_text(&w, "channel", channel);
    json_put_bool(&w, "sent", unsent == NULL);
    json_put_text(&w, "detail", unsent);
    json_end_object(&w);
    return job_take_result(job, &text, err);
}

static bool is_reset(const struct wish *wish)
{
    return strcmp(wish->template_name, "password_reset") == 0;
}

static enum err_code write_letter(struct job *job, const struct wish *wish, struct letter *letter,
                                  struct err *err)
{
    if (is_reset(wish))
        return reset_write(job, &letter->notice, &letter->address, err);
    if (notice_write(job_arena(job), wish->template_name, job_payload(job), &letter->notice, err) != E_OK)
        return err->code;
    return address_of(job, &letter->address, err);
}

/* Without a mail server; only of a password that was forgotten, and if the operator has asked for it. */
static const char *tell_log(const struct conf *conf, const struct wish *wish, const struct letter *letter)
{
    if (!is_reset(wish) || !conf->password_reset_to_log || letter->address == NULL)
        return "No channel is configured: set SMTP_URL to send mails";
    log_warn("password_reset", "PASSWORD_RESET_TO_LOG: %s", letter->notice.text);
    return "Told in the log of sokoul-scout, as PASSWORD_RESET_TO_LOG says";
}

static enum err_code deliver(struct job *job, const struct channel *channel, const struct wish *wish,
                             const char **unsent, struct err *err)
{
    const struct conf *conf = scout_conf(job_context(job));
    struct letter letter = {{NULL, NULL}, NULL};
    const bool has_server = conf->smtp_url[0] != '\0';
    if (is_reset(wish) && !has_server && !conf->password_reset_to_log)
    {
        *unsent = tell_log(conf, wish, &letter); /* no token is made for nobody */
        return E_OK;
    }
    enum err_code code = write_letter(job, wish, &letter, err);
    if (code == E_OK && has_server)
        return channel->deliver(job, &letter, unsent, err);
    if (code == E_OK)
        *unsent = tell_log(conf, wish, &letter);
    return code;
}

enum err_code notify_run(struct job *job, struct err *err)
{
    struct wish wish = {"", ""};
    const char *unsent = NULL;
    if (read_wish(job, &wish, err) != E_OK)
        return err->code;
    const struct channel *channel = channel_of(wish.channel);
    if (channel == NULL)
        return fail(err, E_INVALID, "channel: %.40s is none that this version can use, only email is",
                    wish.channel);
    log_info("job_received", "a notice, attempt %d", job_attempt(job));
    int64_t began_ms = clock_mono_ms();
    enum err_code code = deliver(job, channel, &wish, &unsent, err);
    if (code == E_CANCELLED) /* the stop flag tells why */
        return job_should_stop(job) ? job_stop_reason(job, err) : code;
    if (code != E_OK)
        return code;
    log_info("notice", "%s by %s in %lld ms", unsent == NULL ? "sent" : "not sent", channel->name,
             (long long)(clock_mono_ms() - began_ms));
    return keep_result(job, channel->name, unsent, err);
}
