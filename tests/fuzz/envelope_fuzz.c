/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an envelope: what is taken is written so that it is taken again and means the same. */
#include "common/job/envelope.h"
#include "tests/fuzz/text.h"

#include <stdbool.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_again(struct arena *arena, const struct envelope *first)
{
    struct envelope again;
    struct err err = ERR_INIT;
    struct id id;
    struct buf buf;
    buf_init(&buf, 4 * ENVELOPE_MAX_BYTES);
    envelope_encode(first, &buf);
    need(!buf.failed);
    if (buf.len <= ENVELOPE_MAX_BYTES)
    {
        need(envelope_decode(arena, buf.data, buf.len, &again, &err) == E_OK);
        need(same(first->job_id, again.job_id) && same(first->kind, again.kind) &&
             same(first->user_id, again.user_id) && same(first->request_id, again.request_id) &&
             same(first->payload, again.payload) && same(first->unique_key, again.unique_key) &&
             same(first->parent_id, again.parent_id));
        need(first->timestamp_ms == again.timestamp_ms && first->run_at_ms == again.run_at_ms &&
             first->deadline_at_ms == again.deadline_at_ms && first->priority == again.priority);
        need(!envelope_peek(buf.data, buf.len, &id) || strcmp(id.text, first->job_id) == 0);
    }
    buf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct envelope envelope;
    struct err err = ERR_INIT;
    struct id id;
    struct arena *arena = arena_new((size_t)32 << 20);
    char *text = fuzz_text(bytes, len);
    need(arena != NULL);
    if (envelope_decode(arena, text, len, &envelope, &err) == E_OK)
    {
        need(len <= ENVELOPE_MAX_BYTES && strlen(envelope.payload) <= ENVELOPE_MAX_PAYLOAD);
        check_again(arena, &envelope);
    }
    else
        need(err.text[0] != '\0');
    (void)envelope_peek(text, len, &id);
    free(text);
    arena_free(arena);
    return 0;
}
