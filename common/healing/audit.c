/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail: seals for what is new, copies for the stream LOGS, and a word about settings that changed.
 */
#include "common/healing/internal.h"

#include "common/healing/healing.h"
#include "common/store/seals.h"

#include <stdio.h>
#include <string.h>

enum
{
    SEAL_LIMIT = 1000,
    COPY_LIMIT = 100,
    COPY_WAIT_MS = 1000
};

enum err_code audit_seal(struct healing *healing, struct err *err)
{
    int64_t sealed = 0;
    enum err_code code = seal_store_run(healing->db, SEAL_LIMIT, &sealed, err);
    if (code == E_OK && sealed == SEAL_LIMIT)
        healing_hasten(healing, TASK_SEAL);
    return code;
}

/* JetStream drops what it has already: an entry that is copied again, since nobody noted that it had been. */
static enum err_code publish(struct healing *healing, const struct seal_copy *copies, size_t n,
                             struct err *err)
{
    struct mq_message messages[COPY_LIMIT];
    struct mq_header headers[COPY_LIMIT];
    if (healing->copier == NULL && mq_publisher_open(healing->mq, &healing->copier, err) != E_OK)
        return err->code;
    for (size_t i = 0; i < n; i++)
    {
        headers[i] = (struct mq_header){"Nats-Msg-Id", copies[i].id};
        messages[i] = (struct mq_message){.subject = copies[i].subject,
                                          .headers = &headers[i],
                                          .headers_count = 1,
                                          .data = copies[i].json,
                                          .len = strlen(copies[i].json)};
    }
    return mq_publish_all(healing->copier, messages, n, COPY_WAIT_MS, err);
}

enum err_code audit_copy(struct healing *healing, struct err *err)
{
    struct seal_copy *copies = NULL;
    size_t n = 0;
    enum err_code code = seal_store_uncopied(healing->db, healing->arena, COPY_LIMIT, &copies, &n, err);
    if (code != E_OK || n == 0)
        return code;
    code = publish(healing, copies, n, err);
    if (code == E_OK)
        code = seal_store_copied(healing->db, healing->arena, copies[n - 1].seq, err);
    if (code == E_OK && n == COPY_LIMIT)
        healing_hasten(healing, TASK_COPY);
    return code;
}

void healing_note_settings(struct healing *healing, const char *names)
{
    pthread_mutex_lock(&healing->lock);
    const size_t len = strlen(healing->noted);
    snprintf(healing->noted + len, sizeof healing->noted - len, "%s%s", len > 0 ? ", " : "", names);
    pthread_mutex_unlock(&healing->lock);
}

/* What comes while this is written is written next. */
enum err_code audit_note(struct healing *healing, struct err *err)
{
    char names[HEALING_NOTE_SIZE];
    pthread_mutex_lock(&healing->lock);
    memcpy(names, healing->noted, sizeof names);
    pthread_mutex_unlock(&healing->lock);
    if (names[0] == '\0')
        return E_OK;
    enum err_code code = audit_store_config_changed(healing->db, healing->name, names, err);
    if (code != E_OK)
        return code;
    pthread_mutex_lock(&healing->lock);
    const char *rest = healing->noted + strlen(names);
    rest += strspn(rest, ", ");
    memmove(healing->noted, rest, strlen(rest) + 1);
    pthread_mutex_unlock(&healing->lock);
    return E_OK;
}
