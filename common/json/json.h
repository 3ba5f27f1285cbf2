/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h -- the door to cJSON: strict reading by typed field tables.
 *
 * Reading is two steps.  json_parse accepts exactly one RFC 8259 value: valid UTF-8, no
 * raw control characters, no duplicate keys, no \u0000, no lone surrogates, no trailing
 * bytes, depth <= 32, numbers that a double holds finitely, of at most 1,000 digits.  json_read then
 * fills a struct from an object by a table of fields and collects every complaint, not only the first.
 * What is printed again (json_print) has its numbers as they were written, digit by digit.
 *
 *     struct login { const char *username; const char *password; };
 *     static const struct json_field fields[] = {
 *         {.name = "username", .type = JSON_TEXT, .at = offsetof(struct login, username),
 *          .need = JSON_REQUIRED, .min = 3, .max = 32},
 *         {.name = "password", .type = JSON_TEXT, .at = offsetof(struct login, password),
 *          .need = JSON_REQUIRED, .min = 8, .max = 1024},
 *     };
 *
 * Ownership: documents and all texts live in the arena that was given; nothing is freed by hand.
 * Unknown members are ignored.  Blocks never.  Any thread; a document belongs to one thread.
 */
#ifndef SOKOUL_COMMON_JSON_JSON_H
#define SOKOUL_COMMON_JSON_JSON_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/library.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json; /* a value inside a document */

struct library json_library(void);

enum
{
    JSON_MAX_DEPTH = 32
};

/* E_INVALID: not JSON in the strict sense, the text says what and at which byte.  E_NO_MEMORY: arena full. */
MUST_USE enum err_code json_parse(struct arena *arena, const char *text, size_t len, const struct json **doc,
                                  struct err *err);

/*
 * The same for what other programs answer, who put into it what strangers typed: one bad value there must
 * not cost the rest.  Texts, numbers and depths that json_parse refuses become empty texts, of two members
 * with one name the first stays.  *lost counts these.  What is no JSON at all is E_INVALID as above.
 * Never for what clients send.
 */
MUST_USE enum err_code json_parse_foreign(struct arena *arena, const char *text, size_t len,
                                          const struct json **doc, size_t *lost, struct err *err);

enum json_type
{
    JSON_TEXT,   /* const char *; min/max count characters (code points), max 0: no limit */
    JSON_LINES,  /* the same, where a client may send control characters, too (request_read) */
    JSON_INT,    /* int64_t; min..max when they differ */
    JSON_NUMBER, /* double */
    JSON_BOOL,   /* bool */
    JSON_TIME,   /* int64_t wall ms, RFC 3339 text */
    JSON_ID,     /* const char *, a UUID, lower case */
    JSON_OBJECT, /* const struct json * */
    JSON_ARRAY,  /* const struct json *; min/max count elements */
    JSON_ANY     /* const struct json * */
};

enum json_need
{
    JSON_OPTIONAL, /* absent or null leaves the struct as it was */
    JSON_REQUIRED
};

struct json_field
{
    const char *name;
    enum json_type type;
    enum json_need need;
    size_t at; /* offsetof the member */
    int64_t min;
    int64_t max;
};

/* What is wrong, field by field; handed to problem+json as errors[]. */
struct json_complaint
{
    const char *field;   /* "genres[2].name" */
    const char *message; /* "must have 3 to 32 characters" */
};

enum
{
    JSON_MAX_COMPLAINTS = 16
};

struct json_complaints
{
    size_t count; /* at most JSON_MAX_COMPLAINTS */
    struct json_complaint list[JSON_MAX_COMPLAINTS];
};

/* Fills `out` (caller's struct, preset with defaults).  E_INVALID: `complaints` (may be NULL) tells
 * all of them and err the first; `out` then has the fields that are right, the others are as they were.
 * Texts live in `arena`. */
MUST_USE enum err_code json_read(struct arena *arena, const struct json *object,
                                 const struct json_field *fields, size_t count, void *out,
                                 struct json_complaints *complaints, struct err *err);

/* Walking by hand, for shapes that tables do not fit.  All accept NULL and answer NULL, 0 or the default. */
const struct json *json_get(const struct json *object, const char *name); /* NULL if absent */
bool json_is_null(const struct json *value);                              /* NULL or a JSON null */
bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
size_t json_count(const struct json *value);             /* elements or members */
const struct json *json_first(const struct json *value); /* child by child */
const struct json *json_next(const struct json *value);
const char *json_name(const struct json *member); /* the member's own key */
const char *json_text(const struct json *value, const char *otherwise);
int64_t json_int(const struct json *value,
                 int64_t otherwise); /* written as a whole number, or exact in a double */
double json_number(const struct json *value, double otherwise);
bool json_bool(const struct json *value, bool otherwise);
/* The value as compact text in the arena; NULL when it does not fit. */
char *json_print(struct arena *arena, const struct json *value);

#endif
