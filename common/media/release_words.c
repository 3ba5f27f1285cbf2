/* SPDX-License-Identifier: Apache-2.0 */
#include "common/media/release_words.h"

#include "common/base/utf8.h"
#include "common/media/slug.h"
#include "common/media/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const endings[] = {
    ".mkv", ".mp4", ".avi", ".m4v",  ".webm", ".wmv", ".mov", ".m2ts", ".iso", ".torrent", ".nzb",
    ".srt", ".zip", ".rar", ".mpg",  ".mpeg", ".ogm", ".flv", ".rmvb", ".vob", ".mk3d",    ".nfo",
    ".jpg", ".png", ".gif", ".jpeg", ".webp", ".bmp", ".tbn", ".7z",   ".tar", ".gz",      ".bz2",
    ".tgz", ".ace", ".arj", ".cbr",  ".cbz",  ".cb7", ".sub", ".idx",  ".ass", ".divx",
};
enum
{
    BLANK_ENDINGS = 7, /* how many endings also stand behind a blank, which some lists write for points */
    GLUED_LEAST = 3    /* letters of a title before a number that no sign parts from it */
};

static const bool separators[256] = {
    ['\0'] = true, [' '] = true, ['.'] = true, ['_'] = true, [','] = true, ['-'] = true,  ['('] = true,
    [')'] = true,  ['['] = true, [']'] = true, ['{'] = true, ['}'] = true, ['\t'] = true, ['~'] = true,
    ['/'] = true,  ['|'] = true, [':'] = true, [';'] = true, ['#'] = true, ['"'] = true,
};
static const char counter_mark[] = "\xE7\xAC\xAC"; /* the Chinese and Japanese sign before a number */

int word_number(const char *text, size_t max_digits)
{
    size_t len = strspn(text, "0123456789");
    int number = 0;
    if (len == 0 || len > max_digits || text[len] != '\0')
        return RELEASE_NONE;
    for (; *text != '\0'; text++)
        number = number * 10 + (*text - '0');
    return number;
}

int word_year(const char *text)
{
    char bare[5] = "";
    if (strlen(text) == 6 && strcmp(text + 4, "г") == 0)
        memcpy(bare, text, 4); /* "2011г" */
    int year = word_number(bare[0] != '\0' ? bare : text, 4);
    return year >= RELEASE_MIN_YEAR && year <= RELEASE_MAX_YEAR ? year : RELEASE_NONE;
}

/* ---- plain signs ------------------------------------------------------------------------------ */

/* The plain form of a sign, 0 to leave it out, TEXT_BROKEN to leave it as it is. */
static uint32_t plain_sign(uint32_t point, char before)
{
    static const struct
    {
        uint32_t first;
        uint32_t last;
        uint32_t to;
    } signs[] = {
        {0xA0, 0xA0, ' '},     {0xAD, 0xAD, 0},       {0x200B, 0x200F, 0},   {0x2010, 0x2015, '-'},
        {0x202A, 0x202E, 0},   {0x2060, 0x2069, 0},   {0x2116, 0x2116, '#'}, {0x2212, 0x2212, '-'},
        {0x2605, 0x2606, ' '}, {0x3000, 0x3000, ' '}, {0x3010, 0x3010, '['}, {0x3011, 0x3011, ']'},
        {0x301C, 0x301C, '~'}, {0xFEFF, 0xFEFF, 0},
    };
    if (point == 0xD7)
        return before >= '0' && before <= '9' ? 'x' : TEXT_BROKEN;
    if (point >= 0xFF01 && point <= 0xFF5E)
        return point - 0xFF01 + '!';
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (point >= signs[i].first && point <= signs[i].last)
            return signs[i].to;
    return TEXT_BROKEN;
}

/* A '*' beside one of these marks a word, as in "*2011*", and is none of a title like "P*I*E*R". */
static bool is_edge(char c)
{
    return strchr(" ._-[]()", c) != NULL;
}

static void copy_plain(char *to, const char *name, size_t len)
{
    const char *end = name + len;
    size_t used = 0;
    while (name < end)
    {
        const char *from = name;
        if ((unsigned char)*name < 0x80)
        {
            bool star = *name == '*' && (is_edge(used > 0 ? to[used - 1] : ' ') || is_edge(name[1]));
            to[used++] = star ? ' ' : *name;
            name++;
            continue;
        }
        uint32_t sign = plain_sign(text_next(&name, end), used > 0 ? to[used - 1] : '\0');
        if (sign == TEXT_BROKEN)
        {
            memcpy(to + used, from, (size_t)(name - from));
            used += (size_t)(name - from);
        }
        else if (sign != 0)
            to[used++] = (char)sign;
    }
    to[used] = '\0';
}

/* ---- the ends of a name ------------------------------------------------------------------------- */

static void drop_ending(char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
    {
        size_t ending_len = strlen(endings[i]);
        const char *end = name + len - ending_len;
        bool apart = i < BLANK_ENDINGS && len > ending_len && strchr(" _", *end) != NULL;
        if (len <= ending_len || (*end != '.' && !apart) || strcasecmp(end + 1, endings[i] + 1) != 0)
            continue; /* the sign is looked at first, for it is rarely there */
        name[len - ending_len] = '\0';
        return;
    }
}

/* "sample-name", "name-sample" and "name.sample": the word goes, the fact stays.  Where the rest begins. */
static size_t take_sample(struct words *words)
{
    static const char mark[] = "-sample";
    size_t len = strlen(words->name);
    size_t mark_len = sizeof mark - 1;
    bool front = strncasecmp(words->name, "sample-", mark_len) == 0 && len > mark_len;
    bool back = len > mark_len && strcasecmp(words->name + len - mark_len, mark) == 0;
    if (back)
        words->name[len - mark_len] = '\0';
    words->is_sample = front || back;
    return front ? mark_len : 0;
}

static bool has_www(const char *text, size_t len)
{
    for (size_t at = 0; at + 3 <= len; at++)
        if (strncasecmp(text + at, "www", 3) == 0)
            return true;
    return false;
}

static bool is_site(const char *text, size_t len)
{
    static const char *const tails[] = {".com", ".org", ".net", ".me", ".to", ".tv", ".info", ".mx"};
    if (has_www(text, len))
        return true;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++)
    {
        size_t tail = strlen(tails[i]);
        if (len > tail && strncasecmp(text + len - tail, tails[i], tail) == 0)
            return true;
    }
    return false;
}

/* "Title-GRP -={ SITE }=-": the signs that some who show a release put around their name. */
static void drop_banner(char *name)
{
    char *banner = strstr(name, "={");
    while (banner != NULL && banner > name && strchr("=- ", banner[-1]) != NULL)
        banner--;
    if (banner != NULL && banner > name)
        *banner = '\0';
}

/* "Title [www.site.example]", "Title[rartv]": who shows the release is none of it. */
static void drop_site(char *name)
{
    static const char *const trackers[] = {"rartv", "rarbg", "eztv", "ettv", "tgx", "eztvx.to"};
    drop_banner(name);
    size_t len = strlen(name);
    const char *open = len > 2 && name[len - 1] == ']' ? memrchr(name, '[', len - 1) : NULL;
    if (open == NULL || open == name)
        return;
    size_t inside = len - 2 - (size_t)(open - name);
    bool site = has_www(open + 1, inside);
    for (size_t i = 0; i < sizeof trackers / sizeof trackers[0]; i++)
        site = site || (strlen(trackers[i]) == inside && strncasecmp(open + 1, trackers[i], inside) == 0);
    if (site)
        name[open - name] = '\0';
}

/* The first dash with a blank, or a sign for one, on both sides; NULL when there is none. */
static const char *find_break(const char *name)
{
    for (const char *dash = strchr(name, '-'); dash != NULL; dash = strchr(dash + 1, '-'))
        if (dash > name && strchr(" ._", dash[-1]) != NULL && dash[1] != '\0' &&
            strchr(" ._", dash[1]) != NULL)
            return dash;
    return NULL;
}

/* "www.site.example_Title", "www.site.example-Title": where the title begins; 0 when it is not written so. */
static size_t tied_site(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t host = 4;
    if (strncasecmp(name, "www.", 4) != 0)
        return 0;
    host += strcspn(name + host, ". _-[](){}");
    size_t domain = name[host] == '.' ? strspn(name + host + 1, letters) : 0;
    const char *behind = name + host + 1 + domain;
    return domain > 1 && (behind[0] == '_' || behind[0] == '-') && strchr("-_ ", behind[1]) == NULL
               ? (size_t)(behind + 1 - name)
               : 0;
}

/* "www.site.example - Title", "Site.com_-_Title": where the title begins. */
static size_t skip_site(const char *name)
{
    const char *dash = find_break(name);
    if (tied_site(name) > 0)
        return tied_site(name);
    if (dash == NULL)
        return 0;
    size_t len = (size_t)(dash - name);
    while (len > 0 && strchr(" ._", name[len - 1]) != NULL)
        len--;
    size_t prefix = strspn(name, "wW");
    bool www = (prefix == 2 && name[2] == '.') || (prefix == 3 && strchr(" .,_", name[3]) != NULL);
    bool plain =
        dash[-1] != '.' && strcspn(name, " _[({") >= len && memchr(name, '.', len) == memrchr(name, '.', len);
    if (!www && (!plain || !is_site(name, len)))
        return 0;
    return (size_t)(dash + 1 - name) + strspn(dash + 1, " ._");
}

/* The "[Group]" at the front, which is cut into words like the rest: it may be "[1080p]" as well.  Brackets
 * around the whole name are none of it. */
static size_t read_front(struct words *words, size_t at)
{
    const char *name = words->name + at;
    const char *close = name[0] == '[' || name[0] == '{' ? strchr(name, name[0] == '[' ? ']' : '}') : NULL;
    if (close != NULL && close[1 + strspn(close + 1, " ")] == '\0' &&
        memchr(name, ' ', (size_t)(close - name)) != NULL)
        words->name[at] = words->name[close - words->name] = ' ';
    if (close == NULL || close[1 + strspn(close + 1, " -_.")] == '\0')
        return at;
    size_t len = (size_t)(close - name - 1);
    if (len > 0 && len < RELEASE_GROUP_SIZE && !is_site(name + 1, len))
        snprintf(words->group, sizeof words->group, "%.*s", (int)len, name + 1);
    return at + len + 2;
}

/* ---- words ---------------------------------------------------------------------------------------- */

static void copy_text(struct word *word, const char *from, size_t len)
{
    bool plain = true;
    bool digit = false;
    size_t count = len < WORD_SIZE - 1 ? len : WORD_SIZE - 1;
    for (size_t i = 0; i < count; i++)
    {
        char c = from[i];
        plain = plain && (unsigned char)c < 0x80;
        digit = digit || (c >= '0' && c <= '9');
        word->text[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    word->text[count] = '\0';
    word->has_digit = digit;
    if (!plain)
    {
        char whole[WORD_SIZE];
        snprintf(whole, sizeof whole, "%.*s", (int)utf8_cut(from, count), from);
        slug_fold(word->text, sizeof word->text, whole);
    }
}

/* The most telling of the signs between two words. */
static char joint_of(const char *from, const char *to)
{
    char joint = ' ';
    for (; from < to; from++)
        if (strchr("-~+&,/|", *from) != NULL && (joint == ' ' || *from != '-'))
            joint = *from;
    return joint;
}

static void add_word(struct words *words, size_t start, size_t end, enum word_place place)
{
    if (words->count == WORDS_MAX)
        return;
    struct word *word = &words->at[words->count];
    size_t before = words->count > 0 ? word[-1].end : start;
    words->count++;
    word->start = start;
    word->end = end;
    word->place = place;
    word->tag = word->second = RELEASE_NONE;
    word->is_loud = false;
    copy_text(word, words->name + start, end - start);
    word->joint = joint_of(words->name + before, words->name + start);
    word->after_dash = start > 0 && words->name[start - 1] == '-';
    const char *sign = words->name + start;
    while (sign > words->name && strchr(" _.", sign[-1]) != NULL)
        sign--;
    word->after_break = sign < words->name + start && sign > words->name + 1 &&
                        (sign[-1] == '-' || sign[-1] == '~') && strchr(" _.])", sign[-2]) != NULL;
}

static enum word_place place_behind(char c, enum word_place place)
{
    if (c == '(')
        return WORD_ROUND;
    if (c == '[' || c == '{')
        return WORD_SQUARE;
    return c == ')' || c == ']' || c == '}' ? WORD_FREE : place;
}

static bool is_sign(char c)
{
    return separators[(unsigned char)c];
}

/* '+' and '&' separate what they join ("ENG+ITA", "S1+S2", "01&02"), but belong to "DD+5.1" and "HDR10+". */
static bool parts_at(const char *word, size_t at)
{
    if (word[at] != '+' && word[at] != '&')
        return false;
    bool digit_before = at > 0 && word[at - 1] >= '0' && word[at - 1] <= '9';
    bool digit_behind = word[at + 1] >= '0' && word[at + 1] <= '9';
    return word[at] == '&' || at == 0 || !is_sign(word[at + 1]) ? digit_before || !digit_behind : false;
}

/* Digits with "第" before them and one sign behind them are a word of their own. */
static size_t counted_length(const char *word, size_t count)
{
    static const char *const units[] = {"季", "期", "話", "话", "集", "回"};
    const char *mark = memmem(word, count, counter_mark, sizeof counter_mark - 1);
    if (mark != NULL && mark != word)
        return (size_t)(mark - word);
    size_t best = count;
    for (size_t i = 0; mark != NULL && i < sizeof units / sizeof units[0]; i++)
    {
        const char *unit = memmem(word, best, units[i], strlen(units[i]));
        if (unit != NULL)
            best = (size_t)(unit - word) + strlen(units[i]);
    }
    return best;
}

/* "titles02e05", "title2x05": where a number that is glued to the title begins; `count` when there is none.
 */
static size_t glued_number(const char *word, size_t count)
{
    size_t digits = 0;
    while (digits < count && (word[digits] < '0' || word[digits] > '9'))
        digits++;
    bool season = digits > 0 && (word[digits - 1] | 0x20) == 's';
    size_t begin = season ? digits - 1 : digits;
    size_t behind = digits + strspn(word + digits, "0123456789");
    size_t number = behind - digits;
    if (begin < GLUED_LEAST || number > 2 || behind + 3 > count ||
        (word[behind] | 0x20) != (season ? 'e' : 'x'))
        return count;
    size_t last = strspn(word + behind + 1, "0123456789");
    bool whole = behind + 1 + last == count || (season && (word[behind + 1 + last] | 0x20) == 'e');
    return last == 2 && whole ? begin : count;
}

static size_t word_length(const char *from)
{
    size_t count = 0;
    bool wide = false;
    while (!is_sign(from[count]) && !parts_at(from, count))
        wide = (unsigned char)from[count++] >= 0x80 || wide;
    return wide ? counted_length(from, count) : count > GLUED_LEAST + 4 ? glued_number(from, count) : count;
}

static void cut(struct words *words, size_t at, size_t front)
{
    enum word_place place = WORD_FREE;
    while (words->name[at] != '\0')
    {
        size_t count = word_length(words->name + at);
        if (count > 0)
            add_word(words, at, at + count, place);
        at += count;
        if (count > 0 && !is_sign(words->name[at]) && !parts_at(words->name, at))
            continue;
        if (words->name[at] != '\0')
            place = place_behind(words->name[at++], place);
        if (at <= front)
            words->first = words->count;
    }
}

void words_read(struct words *words, const char *name)
{
    words->count = 0;
    words->first = 0;
    words->group[0] = '\0';
    copy_plain(words->name, name, utf8_cut(name, strnlen(name, RELEASE_MAX_LEN)));
    drop_ending(words->name);
    drop_site(words->name);
    drop_ending(words->name);
    size_t at = take_sample(words);
    at = at > 0 ? at : skip_site(words->name);
    size_t front = read_front(words, at);
    cut(words, at, front > at ? front : 0);
}

const char *words_text(const struct words *words, size_t at)
{
    return at < words->count ? words->at[at].text : "";
}
