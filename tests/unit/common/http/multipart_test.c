/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/multipart.h"

#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

#define FORM "multipart/form-data; boundary=x"
#define HEAD "Content-Disposition: form-data; name=\"a\"\r\n\r\n"

static const struct
{
    const char *type;
    const char *body;
    enum err_code code;
    const char *file;
} rows[] = {
    {FORM, "--x\r\n" HEAD "bytes\r\n--x--\r\n", E_OK, "bytes"},
    {FORM, "--x\r\n" HEAD "bytes\r\n--x--", E_OK, "bytes"},
    {FORM, "--x\r\n" HEAD "\r\n--x--", E_OK, ""},
    {FORM, "--x\r\n" HEAD "a\r\n--y\r\n--\r\n--x--", E_OK, "a\r\n--y\r\n--"},
    {"Multipart/Form-Data;charset=utf-8; BOUNDARY=\"x\"", "--x\r\n" HEAD "q\r\n--x--", E_OK, "q"},
    {"multipart/form-data", "--x\r\n" HEAD "q\r\n--x--", E_MEDIA_TYPE, ""},
    {"multipart/form-data; boundary=", "--\r\n" HEAD "q\r\n----", E_MEDIA_TYPE, ""},
    {"multipart/form-data; boundary=\"x", "--x\r\n" HEAD "q\r\n--x--", E_MEDIA_TYPE, ""},
    {"multipart/form-data; boundary=\"x%\"", "--x%\r\n" HEAD "q\r\n--x%--", E_MEDIA_TYPE, ""},
    {"multipart/form-data; boundary="
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "", E_MEDIA_TYPE, ""},
    {"application/json; boundary=x", "--x\r\n" HEAD "q\r\n--x--", E_MEDIA_TYPE, ""},
    {"image/png", "q", E_MEDIA_TYPE, ""},
    {NULL, "", E_MEDIA_TYPE, ""},
    {FORM, "", E_INVALID, ""},
    {FORM, "--x", E_INVALID, ""},
    {FORM, "--x\r\n", E_INVALID, ""},
    {FORM, "--x--\r\n", E_INVALID, ""},
    {FORM, "before\r\n--x\r\n" HEAD "q\r\n--x--", E_INVALID, ""},
    {FORM, "--x\r\nContent-Type: a\r\nq\r\n--x--", E_INVALID, ""},
    {FORM, "--x\r\n" HEAD "q", E_INVALID, ""},
    {FORM, "--x\r\n" HEAD "q\r\n--x", E_INVALID, ""},
    {FORM, "--x\r\n" HEAD "q\r\n--x-", E_INVALID, ""},
    {FORM, "--x\r\n" HEAD "q\r\n--x\r\n" HEAD "r\r\n--x--", E_INVALID, ""},
    {FORM, "--x\r\n" HEAD "q\r\n--x--\r\nafter", E_INVALID, ""},
    {FORM, "--x\r\n" HEAD "q\r\n--x--zz", E_INVALID, ""},
};

START_TEST(multipart__finds_the_one_file_or_says_what_is_wrong)
{
    struct multipart_file file = {"", 0};
    const size_t len = strlen(rows[_i].body);
    char *body = malloc(len + 1); /* of its own size, so that a read past its end is found */
    memcpy(body, rows[_i].body, len);
    ck_assert_int_eq(multipart_file(rows[_i].type, body, len, &file, NULL), rows[_i].code);
    ck_assert_uint_eq(file.len, strlen(rows[_i].file));
    ck_assert(file.len == 0 || memcmp(file.bytes, rows[_i].file, file.len) == 0);
    free(body);
}
END_TEST

START_TEST(multipart__reads_4_kib_of_a_head_and_no_more)
{
    char body[3 * MULTIPART_HEAD_MAX];
    struct multipart_file file;
    memset(body, 'a', sizeof body);
    memcpy(body, "--x\r\n", 5);
    memcpy(body + 5 + MULTIPART_HEAD_MAX - 4, "\r\n\r\nq\r\n--x--", 12);
    const size_t len = 5 + MULTIPART_HEAD_MAX + 8;
    ck_assert_int_eq(multipart_file(FORM, body, len, &file, NULL), E_OK);
    ck_assert_uint_eq(file.len, 1);
    memmove(body + 6, body + 5, len);
    ck_assert_int_eq(multipart_file(FORM, body, len + 1, &file, NULL), E_INVALID);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {multipart__finds_the_one_file_or_says_what_is_wrong, sizeof rows / sizeof rows[0]},
        {multipart__reads_4_kib_of_a_head_and_no_more, 1},
    };
    return suite_run("multipart", cases, sizeof cases / sizeof cases[0]);
}
