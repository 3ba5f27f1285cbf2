/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/conf.h"

#include "common/base/arena.h"
#include "common/conf/envfile.h"
#include "common/conf/value.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* clang-format off */
const struct conf_setting conf_settings[CONF_COUNT] = {
#define X(name, member, type, otherwise, min, max, need, reload, doc)                                        \
    {#name, CONF_##type, otherwise, min, max, CONF_NEED_##need, CONF_##reload, doc, offsetof(struct conf, member)},
    CONF_TABLE(X)
#undef X
};
/* clang-format on */

enum
{
    ARENA_BYTES = 16 << 20,
    VALUE_FILE_BYTES = 64 * 1024
};

/* A NAME_FILE, and what it was when it was read. */
struct value_file
{
    const char *path; /* NULL: the value came from elsewhere */
    struct timespec changed;
    off_t bytes;
    ino_t number;
};

struct loaded
{
    struct conf conf; /* first, so that a pointer to it is a pointer to the whole */
    struct arena *arena;
    enum conf_program program;
    const char *env_file;        /* as it was given; NULL: `.env` if there */
    const char *raw[CONF_COUNT]; /* the texts that the members were read from */
    struct value_file files[CONF_COUNT];
    struct loaded *before; /* the one that this was read after; somebody may still be reading it */
};

static const char *from_environment(const struct envfile *file, const char *name)
{
    (void)file;
    return getenv(name);
}

static bool given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static const char *default_of(const struct conf_setting *setting, enum conf_program program)
{
    static const char *const metrics[CONF_PROGRAMS] = {
        [CONF_SCOUT] = "127.0.0.1:9101", [CONF_HUNTER] = "127.0.0.1:9102", [CONF_BOT] = "127.0.0.1:9103"};
    if (setting == &conf_settings[CONF_INDEX_METRICS_LISTEN] && metrics[program] != NULL)
        return metrics[program];
    return setting->otherwise;
}

/* The host name, in the arena; "localhost" where the system has none. */
static const char *host_name(struct arena *arena)
{
    char name[201] = "";
    if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0')
        return "localhost";
    const char *copy = arena_strdup(arena, name);
    return copy == NULL ? "localhost" : copy;
}

static struct value_file file_at(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return (struct value_file){.path = path};
    return (struct value_file){path, st.st_mtim, st.st_size, st.st_ino};
}

/* Its state is taken first: a change while it is read is found at the next look. */
static enum err_code read_value_file(struct loaded *loaded, const struct conf_setting *setting,
                                     const char *path, const char **value, struct err *err)
{
    char *text = NULL;
    struct err inner = ERR_INIT;
    const char *kept = arena_strdup(loaded->arena, path);
    if (kept == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the settings");
    loaded->files[setting - conf_settings] = file_at(kept);
    if (envfile_slurp(loaded->arena, path, VALUE_FILE_BYTES, &text, &inner) != E_OK)
        return fail(err, E_CONFIG, "%s_FILE: %.150s", setting->name, inner.text);
    size_t len = strlen(text);
    if (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    if (len > 0 && text[len - 1] == '\r')
        text[--len] = '\0';
    *value = text;
    return E_OK;
}

/* Reads NAME or NAME_FILE from one source; *value stays as it was when neither is set. */
static enum err_code look_in(struct loaded *loaded, const struct conf_setting *setting,
                             const char *(*lookup)(const struct envfile *file, const char *name),
                             const struct envfile *file, const char **value, struct err *err)
{
    char name_file[80];
    snprintf(name_file, sizeof name_file, "%s_FILE", setting->name);
    const char *direct = lookup(file, setting->name);
    const char *path = lookup(file, name_file);
    if (given(direct) && given(path))
        return fail(err, E_CONFIG, "%s and %s are both set; set one", setting->name, name_file);
    if (given(path))
        return read_value_file(loaded, setting, path, value, err);
    if (!given(direct))
        return E_OK;
    *value = arena_strdup(loaded->arena, direct);
    return *value == NULL ? fail(err, E_NO_MEMORY, "no memory for the settings") : E_OK;
}

/* The text of one setting, from the first source that has it; never NULL on success. */
static enum err_code find_text(struct loaded *loaded, size_t i, const struct envfile *file, struct err *err)
{
    const struct conf_setting *setting = &conf_settings[i];
    const char *value = NULL;
    enum err_code code = look_in(loaded, setting, from_environment, NULL, &value, err);
    if (code == E_OK && value == NULL)
        code = look_in(loaded, setting, envfile_get, file, &value, err);
    if (code != E_OK)
        return code;
    if (!given(value) && (setting->need & 1U << loaded->program) != 0)
        return fail(err, E_CONFIG, "%s is required and not set", setting->name);
    if (!given(value))
        value = i == CONF_INDEX_NODE_NAME ? host_name(loaded->arena) : default_of(setting, loaded->program);
    loaded->raw[i] = value;
    return E_OK;
}

/* ---- unknown names ---- */

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* How many letters must change to turn one word into the other (Levenshtein). */
static size_t distance(const char *left, const char *right)
{
    enum
    {
        LONGEST = 64
    };
    size_t row[LONGEST + 1];
    size_t width = strlen(right);
    if (width > LONGEST)
        return SIZE_MAX;
    for (size_t i = 0; i <= width; i++)
        row[i] = i;
    for (size_t y = 1; left[y - 1] != '\0'; y++)
    {
        size_t diagonal = row[0];
        row[0] = y;
        for (size_t x = 1; x <= width; x++)
        {
            size_t above = row[x];
            row[x] = smallest(above + 1, row[x - 1] + 1, diagonal + (left[y - 1] != right[x - 1]));
            diagonal = above;
        }
    }
    return row[width];
}

static bool name_known(const char *name)
{
    for (size_t i = 0; i < CONF_COUNT; i++)
    {
        size_t len = strlen(conf_settings[i].name);
        if (strncmp(name, conf_settings[i].name, len) == 0 &&
            (name[len] == '\0' || strcmp(name + len, "_FILE") == 0))
            return true;
    }
    return false;
}

static const char *nearest(const char *name)
{
    const char *best = NULL;
    size_t least = strlen(name) / 2 < 5 ? strlen(name) / 2 : 5;
    for (size_t i = 0; i < CONF_COUNT; i++)
    {
        size_t away = distance(name, conf_settings[i].name);
        if (away >= least)
            continue;
        least = away;
        best = conf_settings[i].name;
    }
    return best;
}

static enum err_code check_names(const struct envfile *file, struct err *err)
{
    for (size_t i = 0; i < file->count; i++)
    {
        const struct envfile_entry *entry = &file->list[i];
        if (name_known(entry->name))
            continue;
        const char *best = nearest(entry->name);
        if (best == NULL)
            return fail(err, E_CONFIG, "%s:%d: unknown setting %s", file->path, entry->line, entry->name);
        return fail(err, E_CONFIG, "%s:%d: unknown setting %s; did you mean %s?", file->path, entry->line,
                    entry->name, best);
    }
    return E_OK;
}

/* ---- loading ---- */

static enum err_code read_env_file(struct loaded *loaded, struct envfile *file, struct err *err)
{
    const char *path = loaded->env_file == NULL ? ".env" : loaded->env_file;
    enum err_code code = envfile_read(loaded->arena, path, file, err);
    if (code == E_NOT_FOUND && loaded->env_file == NULL)
        return E_OK;
    if (code == E_NOT_FOUND)
        return fail(err, E_CONFIG, "there is no env file %s", path);
    return code == E_OK ? check_names(file, err) : code;
}

static enum err_code read_values(struct loaded *loaded, struct err *err)
{
    for (size_t i = 0; i < CONF_COUNT; i++)
    {
        enum err_code code = value_read(&conf_settings[i], loaded->raw[i], &loaded->conf, err);
        if (code != E_OK)
            return code;
        value_mask(&conf_settings[i], loaded->raw[i]);
    }
    return E_OK;
}

static void loaded_free(struct loaded *loaded)
{
    while (loaded != NULL)
    {
        struct loaded *before = loaded->before;
        arena_free(loaded->arena);
        free(loaded);
        loaded = before;
    }
}

static struct loaded *loaded_new(enum conf_program program, const char *env_file)
{
    struct loaded *loaded = calloc(1, sizeof *loaded);
    if (loaded == NULL)
        return NULL;
    loaded->program = program;
    loaded->arena = arena_new(ARENA_BYTES);
    loaded->env_file = loaded->arena == NULL ? NULL : arena_strdup(loaded->arena, env_file);
    if (loaded->arena != NULL && (env_file == NULL || loaded->env_file != NULL))
        return loaded;
    loaded_free(loaded);
    return NULL;
}

/* Keeps the old values of settings that may not change while the program runs. */
static enum err_code keep_fixed(struct loaded *loaded, const struct loaded *old, struct err *err)
{
    for (size_t i = 0; i < CONF_COUNT; i++)
    {
        if (conf_settings[i].reload == CONF_RELOAD || strcmp(old->raw[i], loaded->raw[i]) == 0)
            continue;
        log_warn("conf_fixed", "%s has changed; that needs a restart", conf_settings[i].name);
        loaded->raw[i] = arena_strdup(loaded->arena, old->raw[i]);
        if (loaded->raw[i] == NULL)
            return fail(err, E_NO_MEMORY, "no memory for the settings");
    }
    return E_OK;
}

static enum err_code load(struct loaded *loaded, const struct loaded *old, struct err *err)
{
    struct envfile file = {.count = 0};
    enum err_code code = read_env_file(loaded, &file, err);
    for (size_t i = 0; i < CONF_COUNT && code == E_OK; i++)
        code = find_text(loaded, i, &file, err);
    if (code == E_OK && old != NULL)
        code = keep_fixed(loaded, old, err);
    return code == E_OK ? read_values(loaded, err) : code;
}

static bool is_same(const struct loaded *loaded, const struct loaded *old)
{
    for (size_t i = 0; i < CONF_COUNT; i++)
    {
        const char *path = loaded->files[i].path;
        const char *old_path = old->files[i].path;
        if (strcmp(loaded->raw[i], old->raw[i]) != 0 || (path == NULL) != (old_path == NULL) ||
            (path != NULL && strcmp(path, old_path) != 0))
            return false;
    }
    return true;
}

/* The files were written anew, with what they held before. */
static void look_again(struct loaded *old, const struct loaded *loaded)
{
    for (size_t i = 0; i < CONF_COUNT; i++)
    {
        const char *path = old->files[i].path;
        old->files[i] = loaded->files[i];
        old->files[i].path = path;
    }
}

static enum err_code load_new(enum conf_program program, const char *env_file, struct loaded *old,
                              struct conf **conf, struct err *err)
{
    struct loaded *loaded = loaded_new(program, env_file);
    if (loaded == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the settings");
    enum err_code code = load(loaded, old, err);
    if (code != E_OK)
    {
        loaded_free(loaded);
        return code;
    }
    if (old != NULL && is_same(loaded, old))
    {
        look_again(old, loaded);
        loaded_free(loaded);
        *conf = &old->conf;
        return E_OK;
    }
    loaded->before = old;
    *conf = &loaded->conf;
    return E_OK;
}

enum err_code conf_load(enum conf_program program, const char *env_file, struct conf **conf, struct err *err)
{
    return load_new(program, env_file, NULL, conf, err);
}

enum err_code conf_reload(struct conf *old, struct conf **conf, struct err *err)
{
    struct loaded *before = (struct loaded *)(void *)old;
    return load_new(before->program, before->env_file, before, conf, err);
}

bool conf_differs(const struct conf *conf, const struct conf *other, size_t setting)
{
    const struct loaded *left = (const struct loaded *)(const void *)conf;
    const struct loaded *right = (const struct loaded *)(const void *)other;
    return strcmp(left->raw[setting], right->raw[setting]) != 0;
}

bool conf_files_changed(const struct conf *conf)
{
    const struct loaded *loaded = (const struct loaded *)(const void *)conf;
    for (size_t i = 0; i < CONF_COUNT; i++)
    {
        const struct value_file *was = &loaded->files[i];
        if (was->path == NULL)
            continue;
        const struct value_file is = file_at(was->path);
        if (is.number != was->number || is.bytes != was->bytes || is.changed.tv_sec != was->changed.tv_sec ||
            is.changed.tv_nsec != was->changed.tv_nsec)
            return true;
    }
    return false;
}

bool conf_is_secret(const struct conf_setting *setting)
{
    return setting->type == CONF_SECRET;
}

void conf_free(struct conf *conf)
{
    loaded_free((struct loaded *)(void *)conf);
}
