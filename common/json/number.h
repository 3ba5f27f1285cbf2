/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number.h -- numbers as they were written.
 *
 * cJSON keeps a double: it rounds a chat's id of 60 bits, and cuts what has more than 63 characters.  So
 * every number that is not small keeps its text, in `valuestring`, which cJSON frees with the tree and uses
 * for texts only.  Internal to common/json.  Blocks never, any thread.
 */
#ifndef SOKOUL_COMMON_JSON_NUMBER_H
#define SOKOUL_COMMON_JSON_NUMBER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* Whole, of at most 15 digits: as good as its text. */
bool number_is_small(const char *text, size_t len);
/* A tree of strict JSON (scan.h) whose numbers have their text.  NULL: out of memory. */
cJSON *number_parse(const char *text, size_t len);
/* The text of a number that is not small, else NULL. */
const char *number_text(const cJSON *item);

#endif
