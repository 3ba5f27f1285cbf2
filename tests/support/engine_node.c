/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/engine_node.h"

#include "workers/hunter/engine/engine.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
    LINE_BYTES = 70000,
    WORDS = 6,
    EVENTS = 64
};

struct node
{
    struct engine *engine;
    const char *root;
    uint64_t quota;
    uint32_t close_ms;
    bool done;
    size_t used;
    char line[LINE_BYTES];
};

static const char *const kind_names[] = {
    [ENGINE_METADATA] = "METADATA", [ENGINE_REFUSED] = "REFUSED",
    [ENGINE_PROGRESS] = "PROGRESS", [ENGINE_FINISHED] = "FINISHED",
    [ENGINE_FAULT] = "FAULT",       [ENGINE_RECOVERED] = "RECOVERED",
    [ENGINE_SEEDED] = "SEEDED",     [ENGINE_RESUME_SAVED] = "RESUME_SAVED",
    [ENGINE_REMOVED] = "REMOVED",   [ENGINE_FAILED] = "FAILED",
};

static void print_stat(const char *kind, const char *id, const struct engine_stat *stat)
{
    printf("%s %s state=%s fault=%d done=%" PRIu64 " wanted=%" PRIu64 " total=%" PRIu64 " fetched=%" PRIu64
           " down=%" PRIu32 " peers=%" PRIu32 " seeds=%" PRIu32 " uploaded=%" PRIu64 " idle=%" PRIu32,
           kind, id, engine_state_name(stat->state), (int)stat->fault, stat->done_bytes, stat->wanted_bytes,
           stat->total_bytes, stat->fetched_bytes, stat->down_bytes_s, stat->peers, stat->seeds,
           stat->all_time_up_bytes, stat->idle_s);
}

static void print_event(const struct engine_event *event)
{
    print_stat(kind_names[event->kind], event->id[0] == '\0' ? "-" : event->id, &event->stat);
    printf(" code=%s text=%s | %s\n", err_reason(event->code), event->text, event->cause);
    fflush(stdout);
}

static void answer(const char *id, enum err_code code, const struct err *err)
{
    printf("ANSWER %s code=%s text=%s\n", id, err_reason(code), code == E_OK ? "" : err->text);
    fflush(stdout);
}

static unsigned char *file_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    unsigned char *bytes = malloc(16 << 20);
    *size = bytes == NULL ? 0 : fread(bytes, 1, 16 << 20, file);
    fclose(file);
    return bytes;
}

static size_t priorities_of(char *text, uint8_t *priorities, size_t max)
{
    size_t n = 0;
    for (char *at = strtok(text, ","); at != NULL && n < max; at = strtok(NULL, ","))
        priorities[n++] = (uint8_t)strtoul(at, NULL, 10);
    return n;
}

static enum err_code add(struct node *node, char **word, struct err *err)
{
    char folder[4096];
    uint8_t priorities[256];
    snprintf(folder, sizeof folder, "%s/%s", node->root, word[1]);
    struct engine_source source = {.id = word[1], .save_dir = folder, .max_bytes = node->quota};
    unsigned char *bytes = NULL;
    if (word[4] != NULL)
    {
        source.priorities = priorities;
        source.priorities_count = priorities_of(word[4], priorities, sizeof priorities);
    }
    if (strcmp(word[2], "magnet") == 0)
        source.magnet = word[3];
    else
        source.metainfo = bytes = file_read(word[3], &source.metainfo_size);
    enum err_code code = engine_add(node->engine, &source, err);
    free(bytes);
    return code;
}

static enum err_code do_remove(struct node *node, char **word, struct err *err)
{
    return engine_remove(node->engine, word[1],
                         strcmp(word[2], "delete") == 0 ? ENGINE_DELETE_FILES : ENGINE_KEEP_FILES, err);
}

static enum err_code do_pause(struct node *node, char **word, struct err *err)
{
    return engine_pause(node->engine, word[1], err);
}

static enum err_code do_resume(struct node *node, char **word, struct err *err)
{
    return engine_resume(node->engine, word[1], err);
}

static enum err_code do_peer(struct node *node, char **word, struct err *err)
{
    return engine_connect_peer(node->engine, word[1], word[2], err);
}

static enum err_code do_purge(struct node *node, char **word, struct err *err)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/%s", node->root, word[1]);
    return engine_purge(node->engine, word[1], folder, err);
}

static enum err_code do_select(struct node *node, char **word, struct err *err)
{
    uint8_t priorities[256];
    size_t n = priorities_of(word[2], priorities, sizeof priorities);
    return engine_select(node->engine, word[1], priorities, n, err);
}

static struct engine_range range_of(char **word)
{
    return (struct engine_range){(uint32_t)strtoul(word[2], NULL, 10), strtoull(word[3], NULL, 10),
                                 strtoull(word[4], NULL, 10)};
}

static enum err_code do_want(struct node *node, char **word, struct err *err)
{
    struct engine_range range = range_of(word);
    return engine_want_range(node->engine, word[1], &range, err);
}

static enum err_code do_ready(struct node *node, char **word, struct err *err)
{
    struct engine_range range = range_of(word);
    uint64_t ready = 0;
    enum err_code code = engine_range_ready(node->engine, word[1], &range, &ready, err);
    printf("READY %s bytes=%" PRIu64 "\n", word[1], ready);
    return code;
}

static enum err_code do_stat(struct node *node, char **word, struct err *err)
{
    struct engine_stat stat;
    enum err_code code = engine_read_stat(node->engine, word[1], &stat, err);
    if (code != E_OK)
        return code;
    print_stat("STAT", word[1], &stat);
    printf("\n");
    return code;
}

static enum err_code do_files(struct node *node, char **word, struct err *err)
{
    struct engine_file_list *files = NULL;
    enum err_code code = engine_files(node->engine, word[1], &files, err);
    for (uint32_t i = 0; code == E_OK && i < files->count; i++)
        printf("FILE %s index=%" PRIu32 " size=%" PRIu64 " done=%" PRIu64 " priority=%d path=%s\n", word[1],
               files->file[i].index, files->file[i].size_bytes, files->file[i].done_bytes,
               files->file[i].priority, files->file[i].path);
    engine_files_free(files);
    return code;
}

static enum err_code do_close(struct node *node, char **word, struct err *err)
{
    (void)err;
    node->close_ms = (uint32_t)strtoul(word[1], NULL, 10);
    node->done = true;
    return E_OK;
}

static const struct command
{
    const char *name;
    int words;
    enum err_code (*run)(struct node *node, char **word, struct err *err);
} commands[] = {
    {"add", 4, add},        {"remove", 3, do_remove}, {"pause", 2, do_pause},   {"resume", 2, do_resume},
    {"peer", 3, do_peer},   {"purge", 2, do_purge},   {"select", 3, do_select}, {"want", 5, do_want},
    {"ready", 5, do_ready}, {"stat", 2, do_stat},     {"files", 2, do_files},   {"close", 2, do_close},
};

static void obey(struct node *node, char *line)
{
    char *word[WORDS] = {NULL};
    int n = 0;
    for (char *at = strtok(line, " "); at != NULL && n < WORDS; at = strtok(NULL, " "))
        word[n++] = at;
    for (size_t i = 0; n > 0 && i < sizeof commands / sizeof commands[0]; i++)
    {
        if (strcmp(word[0], commands[i].name) != 0 || n < commands[i].words)
            continue;
        struct err err = ERR_INIT;
        answer(word[1], commands[i].run(node, word, &err), &err);
        return;
    }
    printf("ANSWER - code=usage text=not a command\n");
    fflush(stdout);
}

static void read_commands(struct node *node)
{
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 0) <= 0)
        return;
    size_t room = node->used < sizeof node->line ? sizeof node->line - node->used - 1 : 0;
    ssize_t n = room == 0 ? 0 : read(STDIN_FILENO, node->line + node->used, room);
    if (n <= 0)
    {
        node->done = true;
        return;
    }
    node->used += (size_t)n;
    node->line[node->used] = '\0';
    char *end;
    while (!node->done && (end = strchr(node->line, '\n')) != NULL)
    {
        *end = '\0';
        obey(node, node->line);
        node->used -= (size_t)(end + 1 - node->line);
        memmove(node->line, end + 1, node->used + 1);
    }
}

static const char *value_of(const char *name, int count, char **arguments)
{
    size_t n = strlen(name);
    for (int i = 0; i < count; i++)
    {
        if (strncmp(arguments[i], name, n) == 0 && arguments[i][n] == '=')
            return arguments[i] + n + 1;
    }
    return NULL;
}

static uint32_t number_of(const char *name, int count, char **arguments)
{
    const char *value = value_of(name, count, arguments);
    return value == NULL ? 0 : (uint32_t)strtoul(value, NULL, 10);
}

int engine_node_main(int count, char **arguments)
{
    struct node *node = calloc(1, sizeof *node);
    struct err err = ERR_INIT;
    char state[4096];
    if (node == NULL)
        return 1;
    node->root = value_of("root", count, arguments);
    node->quota = number_of("quota", count, arguments);
    node->close_ms = 5000;
    snprintf(state, sizeof state, "%s/.state", node->root == NULL ? "." : node->root);
    const char *other = value_of("state", count, arguments);
    struct engine_config config = {.listen = value_of("listen", count, arguments),
                                   .state_dir = other == NULL ? state : other,
                                   .boot_id = value_of("boot", count, arguments),
                                   .reach = number_of("public", count, arguments) ? ENGINE_REACH_PUBLIC
                                                                                  : ENGINE_REACH_ANY,
                                   .down_limit_bytes_s = number_of("down", count, arguments),
                                   .up_limit_bytes_s = number_of("up", count, arguments),
                                   .progress_ms = number_of("progress", count, arguments)};
    if (node->root == NULL || engine_open(&config, &node->engine, &err) != E_OK)
    {
        printf("ANSWER - code=%s text=%s\n", err_reason(err.code), err.text);
        free(node);
        return 1;
    }
    printf("OPEN port=%u\n", engine_port(node->engine));
    fflush(stdout);
    while (!node->done)
    {
        struct engine_event events[EVENTS];
        size_t n = engine_poll(node->engine, events, EVENTS, 20);
        for (size_t i = 0; i < n; i++)
            print_event(&events[i]);
        read_commands(node);
    }
    engine_close(node->engine, node->close_ms);
    free(node);
    return 0;
}
