/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a time, a trace context, and what a client accepts: what is taken is written so that it is
 * taken again. */
#include "common/base/clock.h"
#include "common/base/traceparent.h"
#include "common/obs/metrics.h"
#include "tests/fuzz/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void check_time(const char *text)
{
    int64_t first_ms = 0;
    int64_t again_ms = 1;
    char written[CLOCK_TEXT_SIZE];
    if (!clock_parse(text, &first_ms))
        return;
    clock_format(first_ms, written);
    need(written[0] == '\0' || (clock_parse(written, &again_ms) && again_ms == first_ms));
}

static void check_trace(const char *text)
{
    char trace[TRACE_ID_SIZE] = "";
    char span[TRACE_SPAN_SIZE] = "";
    char header[TRACEPARENT_SIZE];
    char own[TRACE_ID_SIZE];
    if (traceparent_read(text, trace, span))
        need(strspn(trace, "0123456789abcdef") == TRACE_ID_SIZE - 1 &&
             strspn(span, "0123456789abcdef") == TRACE_SPAN_SIZE - 1);
    trace_of_request(text, own);
    traceparent_write(text, span_of(text, 1), header);
    need(traceparent_read(header, trace, span) && strcmp(trace, own) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = fuzz_text(bytes, len);
    check_time(text);
    check_trace(text);
    (void)metrics_format_of(text);
    free(text);
    return 0;
}
