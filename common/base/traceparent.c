/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/traceparent.h"

#include "common/base/id.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum
{
    AT_TRACE = 3,
    AT_SPAN = 36,
    AT_FLAGS = 53,
    LENGTH = 55,
    TRACE_DIGITS = 32,
    SPAN_DIGITS = 16
};

static bool is_hex(const char *text, size_t len)
{
    return strspn(text, "0123456789abcdef") >= len;
}

static bool is_zero(const char *text, size_t len)
{
    return strspn(text, "0") >= len;
}

/* Of a version that we do not know, what stands behind the flags may be anything that begins with a dash. */
static bool is_whole(const char *header)
{
    size_t len = strlen(header);
    if (len < LENGTH || header[2] != '-' || header[AT_SPAN - 1] != '-' || header[AT_FLAGS - 1] != '-')
        return false;
    if (!is_hex(header, 2) || !is_hex(header + AT_TRACE, TRACE_DIGITS) ||
        !is_hex(header + AT_SPAN, SPAN_DIGITS) || !is_hex(header + AT_FLAGS, 2))
        return false;
    if (strncmp(header, "00", 2) == 0)
        return len == LENGTH;
    return strncmp(header, "ff", 2) != 0 && (len == LENGTH || header[LENGTH] == '-');
}

bool traceparent_read(const char *header, char trace[TRACE_ID_SIZE], char span[TRACE_SPAN_SIZE])
{
    if (header == NULL || !is_whole(header) || is_zero(header + AT_TRACE, TRACE_DIGITS) ||
        is_zero(header + AT_SPAN, SPAN_DIGITS))
        return false;
    snprintf(trace, TRACE_ID_SIZE, "%.32s", header + AT_TRACE);
    if (span != NULL)
        snprintf(span, TRACE_SPAN_SIZE, "%.16s", header + AT_SPAN);
    return true;
}

/* FNV-1a. */
static uint64_t digest(const char *text, uint64_t seed)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ seed;
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash;
}

void trace_of_request(const char *request_id, char trace[TRACE_ID_SIZE])
{
    struct id id;
    size_t len = 0;
    bool is_trace = strlen(request_id) == TRACE_DIGITS && is_hex(request_id, TRACE_DIGITS);
    const char *digits = is_trace ? request_id : id_parse(request_id, &id) ? id.text : "";
    for (; *digits != '\0' && len < TRACE_DIGITS; digits++)
        if (*digits != '-')
            trace[len++] = *digits;
    trace[len] = '\0';
    if (len < TRACE_DIGITS || is_zero(trace, TRACE_DIGITS))
        snprintf(trace, TRACE_ID_SIZE, "%016llx%016llx", (unsigned long long)digest(request_id, 0),
                 (unsigned long long)digest(request_id, 1));
}

void traceparent_write(const char *request_id, uint64_t span, char header[TRACEPARENT_SIZE])
{
    char trace[TRACE_ID_SIZE];
    trace_of_request(request_id, trace);
    snprintf(header, TRACEPARENT_SIZE, "00-%s-%016llx-01", trace, (unsigned long long)(span != 0 ? span : 1));
}

uint64_t span_of(const char *id, uint64_t n)
{
    uint64_t span = digest(id, (n + 2) * UINT64_C(0x9e3779b97f4a7c15));
    return span != 0 ? span : 1;
}

uint64_t span_of_request(const char *request_id)
{
    struct id id;
    return id_parse(request_id, &id) ? span_of(request_id, 0) : 0;
}
