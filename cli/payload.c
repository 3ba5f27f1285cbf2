/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/payload.h"

#include "common/base/utf8.h"
#include "common/job/envelope.h"
#include "common/json/json.h"

#include <string.h>

enum err_code read_payload(struct session *session, const char *otherwise, const char **payload,
                           struct err *err)
{
    const struct json *json = NULL;
    struct err inner = ERR_INIT;
    const char *text = option_text(&session->options, OPTION_PAYLOAD, NULL);
    if (text == NULL)
    {
        *payload = otherwise;
        return E_OK;
    }
    if (json_parse(session->arena, text, strlen(text), &json, &inner) != E_OK)
        return fail(err, E_INVALID, "--payload is not JSON: %.150s", inner.text);
    enum err_code code = envelope_payload(session->arena, json, payload, &inner);
    return code == E_OK ? E_OK : fail(err, code, "--payload %.150s", inner.text);
}

enum err_code read_unique_key(struct session *session, const char **key, struct err *err)
{
    const char *text = option_text(&session->options, OPTION_UNIQUE_KEY, NULL);
    size_t count = text != NULL ? utf8_count(text) : 1;
    if (count < 1 || count > ENVELOPE_MAX_UNIQUE_KEY || (text != NULL && !utf8_valid(text, strlen(text))))
        return fail(err, E_INVALID, "--unique-key must have 1 to %d characters of UTF-8",
                    ENVELOPE_MAX_UNIQUE_KEY);
    *key = text;
    return E_OK;
}
