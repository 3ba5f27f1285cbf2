/* SPDX-License-Identifier: Apache-2.0 */
/* How a mail is encoded: RFC 5322, 2045 (quoted-printable) and 2047 (words in headers). */
#include "common/http/mail.h"

#include "common/base/utf8.h"

#include <string.h>
#include <time.h>

enum
{
    LINE_MAX_CHARS = 76,
    WORD_MAX_CHARS = 75,    /* of one encoded word, with its frame */
    SUBJECT_MAX_BYTES = 200 /* longer ones are cut */
};

#define SUBJECT "Subject: "

static const char local_signs[] = ".!#$%&'*+/=?^_`{|}~-";

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool all_of(const char *text, size_t len, const char *signs)
{
    for (size_t i = 0; i < len; i++)
        if (!is_alnum(text[i]) && strchr(signs, text[i]) == NULL)
            return false;
    return len > 0;
}

bool mail_is_address(const char *text)
{
    const char *at = text == NULL ? NULL : strchr(text, '@');
    if (at == NULL || strlen(text) >= MAIL_ADDRESS_SIZE)
        return false;
    const char *domain = at + 1;
    size_t len = strlen(domain);
    if (len > 2 && domain[0] == '[' && domain[len - 1] == ']') /* an address literal */
        return all_of(text, (size_t)(at - text), local_signs) && all_of(domain + 1, len - 2, ".:");
    return all_of(text, (size_t)(at - text), local_signs) && all_of(domain, len, ".-") && domain[0] != '-';
}

/* ---- subject -------------------------------------------------------------------------------- */

static bool is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return strstr(text, "=?") == NULL;
}

/* A control character becomes a space. */
static char visible(char c)
{
    return ((unsigned char)c < 0x20 || c == 0x7f) ? ' ' : c;
}

static void add_hex(struct buf *out, char c)
{
    buf_addf(out, "=%02X", (unsigned)(unsigned char)c);
}

static size_t word_width(const char *step, size_t len)
{
    return len == 1 && (is_alnum(*step) || visible(*step) == ' ') ? 1 : 3 * len;
}

static void add_word_step(struct buf *out, const char *step, size_t len)
{
    for (size_t i = 0; i < len; i++)
    {
        char c = visible(step[i]);
        if (is_alnum(c) || c == ' ')
            buf_add_char(out, c == ' ' ? '_' : c);
        else
            add_hex(out, c);
    }
}

/* Words of whole characters, one per line. */
static void add_words(struct buf *out, const char *text, size_t len)
{
    static const char open[] = "=?UTF-8?Q?";
    static const char close[] = "?=";
    const size_t frame = sizeof open - 1 + sizeof close - 1;
    size_t width = frame + sizeof SUBJECT - 1;
    buf_add_text(out, open);
    for (size_t at = 0, step; at < len; at += step)
    {
        step = utf8_step(text + at, len - at);
        step = step == 0 ? 1 : step;
        if (width + word_width(text + at, step) > WORD_MAX_CHARS)
        {
            buf_addf(out, "%s\r\n %s", close, open);
            width = frame;
        }
        width += word_width(text + at, step);
        add_word_step(out, text + at, step);
    }
    buf_add_text(out, close);
}

static void add_subject(struct buf *out, const char *subject)
{
    size_t len = utf8_cut(subject, strnlen(subject, SUBJECT_MAX_BYTES));
    buf_add_text(out, SUBJECT);
    if (len < WORD_MAX_CHARS && is_plain(subject, len))
        buf_add(out, subject, len);
    else
        add_words(out, subject, len);
    buf_add_text(out, "\r\n");
}

/* ---- body ----------------------------------------------------------------------------------- */

/* Quoted-printable: text that is ASCII stays as readable as it was, and no line is too long. */
static void add_body(struct buf *out, const char *text)
{
    size_t width = 0;
    for (const char *at = text; *at != '\0'; at++)
    {
        if (*at == '\n')
        {
            buf_add_text(out, "\r\n");
            width = 0;
            continue;
        }
        char c = visible(*at);
        bool is_last = at[1] == '\n' || at[1] == '\0';
        bool as_it_is = c > 0x20 && c < 0x7f && c != '=';
        as_it_is = as_it_is || (c == ' ' && !is_last);
        if (width + (as_it_is ? 1 : 3) >= LINE_MAX_CHARS)
        {
            buf_add_text(out, "=\r\n");
            width = 0;
        }
        width += as_it_is ? 1 : 3;
        if (as_it_is)
            buf_add_char(out, c);
        else
            add_hex(out, c);
    }
    if (width > 0)
        buf_add_text(out, "\r\n");
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void add_date(struct buf *out, int64_t at_ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm = {0};
    gmtime_r(&at, &tm);
    buf_addf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday,
             months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

enum err_code mail_write(struct buf *out, const char *from, const struct mail *mail, struct err *err)
{
    if (!mail_is_address(from))
        return fail(err, E_CONFIG, "SMTP_FROM is not a simple mail address");
    if (!mail_is_address(mail->to))
        return fail(err, E_INVALID, "the user's address is none that mail can be sent to");
    if (!all_of(mail->id, strlen(mail->id), "-"))
        return fail(err, E_BUG, "the id of a mail has strange characters");
    if (strlen(mail->subject) + strlen(mail->text) > MAIL_MAX_TEXT)
        return fail(err, E_TOO_LARGE, "the mail is longer than %d bytes", MAIL_MAX_TEXT);
    add_date(out, mail->at_ms);
    buf_addf(out, "From: Sokoul <%s>\r\n", from);
    buf_addf(out, "To: <%s>\r\n", mail->to);
    buf_addf(out, "Message-ID: <%s%s>\r\n", mail->id, strchr(from, '@'));
    add_subject(out, mail->subject);
    buf_add_text(out, "Auto-Submitted: auto-generated\r\n"
                      "MIME-Version: 1.0\r\n"
                      "Content-Type: text/plain; charset=utf-8\r\n"
                      "Content-Transfer-Encoding: quoted-printable\r\n"
                      "\r\n");
    add_body(out, mail->text);
    return out->failed ? fail(err, E_NO_MEMORY, "no memory for a mail") : E_OK;
}
