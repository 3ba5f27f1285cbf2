/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/bencode.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* req: S37 */
static const struct
{
    const char *text;
    enum err_code code;
} rows[] = {
    {"i0e", E_OK},
    {"i-1e", E_OK},
    {"i-9223372036854775808e", E_OK},
    {"i9223372036854775807e", E_OK},
    {"i-9223372036854775809e", E_INVALID},
    {"i9223372036854775808e", E_INVALID},
    {"i9223372036854775807e", E_OK},
    {"0:", E_OK},
    {"4:spam", E_OK},
    {"le", E_OK},
    {"de", E_OK},
    {"l4:spami42ee", E_OK},
    {"d1:ai1e1:bl1:cee", E_OK},
    {"d1:bi1e1:ai1ee", E_OK}, /* out of order: old programs */
    {"de\r\n", E_OK},
    {"", E_INVALID},
    {"x", E_INVALID},
    {"e", E_INVALID},
    {"i", E_INVALID},
    {"ie", E_INVALID},
    {"i-e", E_INVALID},
    {"i-0e", E_INVALID},
    {"i01e", E_INVALID},
    {"i+1e", E_INVALID},
    {"i1", E_INVALID},
    {"i1.5e", E_INVALID},
    {"i9223372036854775808e", E_INVALID},
    {"i99999999999999999999999e", E_INVALID},
    {"5:spam", E_INVALID},
    {"04:spam", E_INVALID},
    {"4spam", E_INVALID},
    {"-1:a", E_INVALID},
    {"99999999999999999999:a", E_INVALID},
    {"18446744073709551615:a", E_INVALID},
    {"l", E_INVALID},
    {"li1e", E_INVALID},
    {"d", E_INVALID},
    {"d1:a", E_INVALID},
    {"d1:ae", E_INVALID},
    {"di1e1:ae", E_INVALID},
    {"d1:ai1e1:ai2ee", E_INVALID},
    {"dee", E_INVALID},
    {"de ", E_INVALID},
    {"dede", E_INVALID},
};

START_TEST(bencode__takes_exactly_one_well_formed_value)
{
    struct bencode root;
    struct err err = ERR_INIT;
    ck_assert_int_eq(bencode_open(rows[_i].text, strlen(rows[_i].text), &root, &err), rows[_i].code);
    if (rows[_i].code != E_OK)
        ck_assert_msg(strstr(err.text, "at byte") != NULL, "it says: %s", err.text);
}
END_TEST

START_TEST(bencode__refuses_every_cut_of_a_good_text)
{
    static const char good[] = "d1:ali1ei-2ee1:bd3:key5:value0:0:ee";
    struct bencode root;
    struct err err = ERR_INIT;
    ck_assert_int_eq(bencode_open(good, sizeof good - 1, &root, &err), E_OK);
    for (size_t len = 0; len < sizeof good - 1; len++)
        ck_assert_int_eq(bencode_open(good, len, &root, &err), E_INVALID);
}
END_TEST

START_TEST(bencode__refuses_the_101st_depth)
{
    char text[2 * (BENCODE_MAX_DEPTH + 1)];
    struct bencode root;
    struct err err = ERR_INIT;
    memset(text, 'l', BENCODE_MAX_DEPTH);
    memset(text + BENCODE_MAX_DEPTH, 'e', BENCODE_MAX_DEPTH);
    ck_assert_int_eq(bencode_open(text, 2 * BENCODE_MAX_DEPTH, &root, &err), E_OK);
    memset(text, 'l', BENCODE_MAX_DEPTH + 1);
    ck_assert_int_eq(bencode_open(text, sizeof text, &root, &err), E_REFUSED);
}
END_TEST

START_TEST(bencode__refuses_millions_of_values)
{
    size_t len = 2 * ((size_t)BENCODE_MAX_TOKENS + 2);
    char *text = malloc(len);
    struct bencode root;
    struct err err = ERR_INIT;
    ck_assert_ptr_nonnull(text);
    text[0] = 'l';
    for (size_t i = 1; i + 1 < len; i += 2)
        memcpy(text + i, "0:", 2);
    text[len - 1] = 'e';
    ck_assert_int_eq(bencode_open(text, len, &root, &err), E_REFUSED);
    free(text);
}
END_TEST

START_TEST(bencode__finds_members_by_name_and_type)
{
    static const char text[] = "d1:ai7e4:listl1:x1:ye4:name4:spam5:emptydee";
    struct bencode root;
    struct bencode value;
    struct bencode_text found;
    int64_t number = 0;
    struct err err = ERR_INIT;
    ck_assert_int_eq(bencode_open(text, sizeof text - 1, &root, &err), E_OK);
    ck_assert(bencode_is_dict(root));
    ck_assert(bencode_find_int(root, "a", &number));
    ck_assert_int_eq(number, 7);
    ck_assert(bencode_find_text(root, "name", &found));
    ck_assert_mem_eq(found.at, "spam", found.len);
    ck_assert(!bencode_find_text(root, "a", &found));
    ck_assert(!bencode_find_int(root, "name", &number));
    ck_assert(!bencode_find(root, "nam", &value));
    ck_assert(bencode_find(root, "list", &value));
    ck_assert(bencode_is_list(value));
    ck_assert_mem_eq(value.at, "l1:x1:ye", value.len);
    struct bencode_iter iter = bencode_iter(value);
    struct bencode item;
    ck_assert(bencode_next(&iter, &item) && bencode_text(item, &found) && found.at[0] == 'x');
    ck_assert(bencode_next(&iter, &item) && bencode_text(item, &found) && found.at[0] == 'y');
    ck_assert(!bencode_next(&iter, &item));
    ck_assert(!bencode_find(value, "x", &item));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bencode");
    TCase *tc = tcase_create("bencode");
    tcase_add_loop_test(tc, bencode__takes_exactly_one_well_formed_value, 0, sizeof rows / sizeof rows[0]);
    tcase_add_test(tc, bencode__refuses_every_cut_of_a_good_text);
    tcase_add_test(tc, bencode__refuses_the_101st_depth);
    tcase_add_test(tc, bencode__refuses_millions_of_values);
    tcase_add_test(tc, bencode__finds_members_by_name_and_type);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
