/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that are none of an episode that is wanted, and numbers told by their first zero alone. */
#include "common/media/release_number.h"

#include <string.h>

static void set_extra(struct release_name *release)
{
    release->flags |= UINT32_C(1) << RELEASE_FLAG_EXTRA;
}

/* Digits with a point and a single digit behind them: "12.5". */
bool number_is_half(const struct words *words, size_t at)
{
    return at + 1 < words->count && number_at(words, at, 3) != RELEASE_NONE &&
           number_at(words, at + 1, 1) != RELEASE_NONE && words->name[words->at[at].end] == '.' &&
           words->at[at + 1].start == words->at[at].end + 1;
}

/* "Title - 12.5", "[Group] Title 12.5": between two episodes. */
size_t release_read_half(const struct words *words, size_t at, struct release_name *release)
{
    bool stands = words->at[at].after_break || (words->group[0] != '\0' && strlen(words->at[at].text) == 2);
    if (!number_is_half(words, at) || !stands || !number_ends_at(words, at + 2))
        return 0;
    set_extra(release);
    return 2;
}

/* "[Group] Title - Vol.3", "[Group] Title Vol.03"; "Title Vol. 3" is a title. */
static bool is_volume(const struct words *words, size_t at)
{
    const char *text = words->at[at].text;
    const char *number = text[3] != '\0' ? text + 3 : words_text(words, at + 1);
    return words->group[0] != '\0' && (words->at[at].after_break || number[0] == '0');
}

/* "Title - NCOP", "Title OP02", "Title - Vol.3", "Title CD1": a part of the work, or what comes with it. */
size_t release_read_extra(const struct words *words, size_t at, struct release_name *release)
{
    if (!words_is(words, at, RELEASE_FIELD_EXTRA))
        return 0;
    size_t end = at + 1;
    while (words_is(words, end, RELEASE_FIELD_EXTRA))
        end++;
    const char *text = words->at[end - 1].text;
    const char *rest = "";
    if (strncmp(text, "vol", 3) == 0 && !is_volume(words, end - 1))
        return 0;
    bool glued = text[strcspn(text, "0123456789")] != '\0';
    bool numbered = !glued && end < words->count && words->at[end].tag == RELEASE_NONE &&
                    number_behind(words->at[end].text, "", 2, &rest) != RELEASE_NONE &&
                    (rest[0] == '\0' || number_is_version(rest));
    bool clear =
        glued || numbered || end > at + 1 || words->at[at].after_break || strncmp(text, "nc", 2) == 0;
    end += numbered ? 1 : 0;
    if (!clear || !number_ends_at(words, end))
        return 0;
    set_extra(release);
    return end - at;
}

/* "Title 05 Words of the episode", "Title #5": a number that no title is written with. */
size_t release_read_padded(const struct words *words, size_t at, struct release_name *release)
{
    const struct word *word = &words->at[at];
    int number = number_at(words, at, 2);
    bool hash = word->start > 0 && words->name[word->start - 1] == '#';
    bool padded = word->text[0] == '0' && number > 0 && strlen(word->text) == 2 && word->place == WORD_FREE;
    bool among = words->at[at - 1].text[0] == '0' || number_at(words, at + 1, 4) != RELEASE_NONE;
    if (number == RELEASE_NONE || (!hash && (!padded || among)))
        return 0;
    release_add_episode(release, number);
    return 1;
}
