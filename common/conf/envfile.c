/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/envfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum
{
    FILE_MAX_BYTES = 1 << 20
};

enum err_code envfile_slurp(struct arena *arena, const char *path, size_t max_bytes, char **text,
                            struct err *err)
{
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        return fail(err, errno == ENOENT ? E_NOT_FOUND : E_CONFIG, "cannot read %s: %s", path,
                    strerror(errno));
    enum err_code code = E_OK;
    char *bytes = arena_alloc(arena, max_bytes + 2);
    size_t len = bytes == NULL ? 0 : fread(bytes, 1, max_bytes + 1, stream);
    if (bytes == NULL)
        code = fail(err, E_NO_MEMORY, "no memory to read %s", path);
    else if (ferror(stream))
        code = fail(err, E_CONFIG, "cannot read %s", path);
    else if (len > max_bytes)
        code = fail(err, E_CONFIG, "%s is larger than %zu bytes", path, max_bytes);
    else if (memchr(bytes, '\0', len) != NULL)
        code = fail(err, E_CONFIG, "%s is not a text file", path);
    else
        *text = bytes;
    fclose(stream);
    return code;
}

static char *skip_blanks(char *at)
{
    return at + strspn(at, " \t");
}

static void trim_end(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL)
        len--;
    text[len] = '\0';
}

/* Ends an unquoted value where a blank and a # begin a comment. */
static void drop_comment(char *value)
{
    for (char *at = value; *at != '\0'; at++)
        if (*at == '#' && (at == value || at[-1] == ' ' || at[-1] == '\t'))
        {
            *at = '\0';
            return;
        }
}

/* Takes the quotes off in place; NULL when the text does not end as it should. */
static char *unquote(char *value)
{
    char quote = *value;
    char *from = value + 1;
    char *to = value;
    for (; *from != '\0' && *from != quote; from++)
    {
        if (quote == '"' && *from == '\\' && from[1] != '\0')
            from++;
        *to++ = *from;
    }
    if (*from != quote)
        return NULL;
    from = skip_blanks(from + 1);
    if (*from != '\0' && *from != '#' && *from != '\r')
        return NULL;
    *to = '\0';
    return value;
}

static bool name_valid(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return name[0] != '\0' && (name[0] < '0' || name[0] > '9') && name[strspn(name, letters)] == '\0';
}

/* NULL, or what is wrong with the line.  A line without an entry leaves entry->name NULL. */
static const char *parse_line(char *line, struct envfile_entry *entry)
{
    char *name = skip_blanks(line);
    entry->name = NULL;
    if (*name == '\0' || *name == '#' || *name == '\r')
        return NULL;
    if (strncmp(name, "export ", 7) == 0)
        name = skip_blanks(name + 7);
    char *equals = strchr(name, '=');
    if (equals == NULL)
        return "NAME=value expected";
    *equals = '\0';
    trim_end(name);
    if (!name_valid(name))
        return "a name is letters, digits and _";
    char *value = skip_blanks(equals + 1);
    if (*value == '"' || *value == '\'')
    {
        value = unquote(value);
        if (value == NULL)
            return "the quotes do not match";
    }
    else
    {
        drop_comment(value);
        trim_end(value);
    }
    entry->name = name;
    entry->value = value;
    return NULL;
}

enum err_code envfile_parse(struct arena *arena, const char *path, char *text, struct envfile *file,
                            struct err *err)
{
    struct envfile parsed = {.path = path};
    parsed.list = arena_array(arena, ENVFILE_MAX_ENTRIES, sizeof *parsed.list);
    if (parsed.list == NULL)
        return fail(err, E_NO_MEMORY, "no memory to read %s", path);
    int number = 0;
    for (char *line = text; line != NULL;)
    {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end++ = '\0';
        number++;
        struct envfile_entry entry = {.line = number};
        const char *wrong = parse_line(line, &entry);
        if (wrong != NULL)
            return fail(err, E_CONFIG, "%s:%d: %s", path, number, wrong);
        if (entry.name != NULL && parsed.count == ENVFILE_MAX_ENTRIES)
            return fail(err, E_CONFIG, "%s:%d: too many settings", path, number);
        if (entry.name != NULL)
            parsed.list[parsed.count++] = entry;
        line = end;
    }
    *file = parsed;
    return E_OK;
}

enum err_code envfile_read(struct arena *arena, const char *path, struct envfile *file, struct err *err)
{
    char *text = NULL;
    enum err_code code = envfile_slurp(arena, path, FILE_MAX_BYTES, &text, err);
    return code == E_OK ? envfile_parse(arena, path, text, file, err) : code;
}

const char *envfile_get(const struct envfile *file, const char *name)
{
    for (size_t i = file->count; i > 0; i--)
        if (strcmp(file->list[i - 1].name, name) == 0)
            return file->list[i - 1].value;
    return NULL;
}
