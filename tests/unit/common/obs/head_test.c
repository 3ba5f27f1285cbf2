/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/head.h"

#include "tests/support/suite.h"

#include <string.h>

#define LINE "GET /livez HTTP/1.1\r\n"
#define ROW(state, text) {state, text, sizeof text - 1}

static const struct
{
    enum head_state state;
    const char *bytes;
    size_t len;
} rows[] = {
    ROW(HEAD_WHOLE, LINE "\r\n"),
    ROW(HEAD_WHOLE, LINE "Host: t\r\nX-A:\r\nX-B:\tb \r\n\r\n"),
    ROW(HEAD_WHOLE, "POST /x?y=%20 HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}"),
    ROW(HEAD_PART, ""),
    ROW(HEAD_PART, "GE"),
    ROW(HEAD_PART, LINE),
    ROW(HEAD_PART, LINE "Host: t\r\n"),
    ROW(HEAD_PART, LINE "Host: t\r\n\r"),
    ROW(HEAD_BROKEN, "\r\n\r\n"),
    ROW(HEAD_BROKEN, "GET /livez\r\n"),
    ROW(HEAD_BROKEN, "GET  /livez HTTP/1.1\r\n"),
    ROW(HEAD_BROKEN, "GET /livez  HTTP/1.1\r\n"),
    ROW(HEAD_BROKEN, "GET /livez HTTP/1.1 \r\n"),
    ROW(HEAD_BROKEN, "GET /li vez HTTP/1.1\r\n"),
    ROW(HEAD_BROKEN, "GET /livez HTTP/1.2\r\n"),
    ROW(HEAD_BROKEN, "GET /livez HTTP/2.0\r\n"),
    ROW(HEAD_BROKEN, "GET livez HTTP/1.1\r\n"),
    ROW(HEAD_BROKEN, "GET\t/livez HTTP/1.1\r\n"),
    ROW(HEAD_BROKEN, "(GET) /livez HTTP/1.1\r\n"),
    ROW(HEAD_BROKEN, " /livez HTTP/1.1\r\n"),
    ROW(HEAD_BROKEN, " HTTP/1.1\r\n"),
    ROW(HEAD_BROKEN, "GET /livez\0 HTTP/1.1\r\n"),
    ROW(HEAD_BROKEN, "GE\0"),
    ROW(HEAD_BROKEN, "GET /livez HTTP/1.1\n"),
    ROW(HEAD_BROKEN, "\n"),
    ROW(HEAD_BROKEN, LINE "Host: t\n\r\n"),
    ROW(HEAD_BROKEN, LINE "\n"),
    ROW(HEAD_BROKEN, LINE "Host: t\rX-A: b\r\n\r\n"),
    ROW(HEAD_BROKEN, LINE ":x\r\n\r\n"),
    ROW(HEAD_BROKEN, LINE "\0X-A: b\r\n\r\n"),
    ROW(HEAD_BROKEN, LINE "X-A: b\0c\r\n\r\n"),
    ROW(HEAD_BROKEN, LINE "X-A\r\n\r\n"),
    ROW(HEAD_BROKEN, LINE "X-A : b\r\n\r\n"),
    ROW(HEAD_BROKEN, LINE "X A: b\r\n\r\n"),
    ROW(HEAD_BROKEN, LINE "X-A: b\r\n c\r\n\r\n"),
    ROW(HEAD_BROKEN, LINE " \r\n"),
};

START_TEST(head__is_read_letter_by_letter)
{
    ck_assert_msg(head_look(rows[_i].bytes, rows[_i].len) == rows[_i].state, "row %d: %s", _i,
                  rows[_i].bytes);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {{head__is_read_letter_by_letter, sizeof rows / sizeof rows[0]}};
    return suite_run("head", cases, sizeof cases / sizeof cases[0]);
}
