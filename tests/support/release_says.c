/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/release_says.h"

#include <check.h>
#include <string.h>

static void add_numbers(struct buf *buf, const struct release_name *release)
{
    if (release->year != 0)
        buf_addf(buf, "%d", release->year);
    if (release->day != 0)
        buf_addf(buf, "-%02d-%02d", release->month, release->day);
    buf_add_char(buf, '|');
    if (release->season != RELEASE_NONE)
        buf_addf(buf, "S%d", release->season);
    if (release->season_last != release->season)
        buf_addf(buf, "-S%d", release->season_last);
    if (release->episode_first != RELEASE_NONE)
        buf_addf(buf, "E%d", release->episode_first);
    if (release->episode_last != release->episode_first)
        buf_addf(buf, "-%d", release->episode_last);
    buf_add_char(buf, '|');
    if (release->resolution != 0)
        buf_addf(buf, "%d", release->resolution);
}

static void add_extra(struct buf *buf, const char *text)
{
    buf_addf(buf, "%s%s", buf->data[buf->len - 1] == '|' ? "" : ",", text);
}

void release_says(struct buf *buf, const struct release_name *release)
{
    buf_clear(buf);
    buf_addf(buf, "%s|", release->title);
    add_numbers(buf, release);
    buf_addf(buf, "|%s|%s|%s|", release_source_name(release->source), release_codec_name(release->codec),
             release_audio_name(release->audio));
    for (int bit = 0; bit < RELEASE_HDR_COUNT; bit++)
        if ((release->hdr >> bit & 1) != 0)
            add_extra(buf, release_hdr_name((enum release_hdr)bit));
    if (release->edition[0] != '\0')
        add_extra(buf, release->edition);
    for (int bit = 0; bit < RELEASE_LANGUAGE_COUNT; bit++)
        if ((release->languages >> bit & 1) != 0)
            add_extra(buf, release_language_name((enum release_language)bit));
    for (int bit = 0; bit < RELEASE_FLAG_COUNT; bit++)
        if (release_has(release, (enum release_flag)bit))
            add_extra(buf, release_flag_name((enum release_flag)bit));
    buf_addf(buf, "|%s", release->group);
}

void release_check(const struct release_row *row)
{
    struct release_name release;
    struct buf buf;
    buf_init(&buf, 4096);
    release_parse(row->name, &release);
    release_says(&buf, &release);
    ck_assert_msg(strcmp(buf.data, row->says) == 0, "%s\n  want %s\n  got  %s", row->name, row->says,
                  buf.data);
    buf_fini(&buf);
}
