/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include "common/base/parse.h"

#include <inttypes.h>
#include <string.h>

static const struct
{
    const char *name;
    const char *value;
    const char *doc;
} table[] = {
#define X(name, text, value, doc) [OPTION_##name] = {text, value, doc},
    OPTION_TABLE(X)
#undef X
};

const char *option_name(enum option option)
{
    return table[option].name;
}

const char *option_value(enum option option)
{
    return table[option].value;
}

const char *option_doc(enum option option)
{
    return table[option].doc;
}

static enum option find(const char *name, size_t len)
{
    for (int i = 0; i < OPTIONS; i++)
        if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
            return (enum option)i;
    return OPTIONS;
}

/* One "--name", "--name=value" or "--name value"; *at moves past a value of its own. */
static enum err_code read_option(int argc, char *const *argv, int *at, struct options *options,
                                 struct err *err)
{
    const char *name = argv[*at] + 2;
    size_t len = strcspn(name, "=");
    enum option option = find(name, len);
    if (option == OPTIONS)
        return fail(err, E_USAGE, "unknown option --%.*s; try --help", len < 60 ? (int)len : 60, name);
    if (options->values[option] != NULL)
        return fail(err, E_USAGE, "--%s was given twice", option_name(option));
    bool is_flag = *option_value(option) == '\0';
    if (is_flag && name[len] == '=')
        return fail(err, E_USAGE, "--%s takes no value", option_name(option));
    if (is_flag)
        options->values[option] = "";
    else if (name[len] == '=')
        options->values[option] = name + len + 1;
    else if (*at + 1 < argc)
        options->values[option] = argv[++*at];
    else
        return fail(err, E_USAGE, "--%s needs a value: %s", option_name(option), option_value(option));
    return E_OK;
}

enum err_code options_read(struct arena *arena, int argc, char *const *argv, struct options *options,
                           struct err *err)
{
    bool only_words = false;
    *options = (struct options){.words = arena_array(arena, (size_t)argc + 1, sizeof *options->words)};
    if (options->words == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (int i = 1; i < argc; i++)
    {
        enum err_code code = E_OK;
        if (!only_words && strcmp(argv[i], "--") == 0)
            only_words = true;
        else if (!only_words && strcmp(argv[i], "-h") == 0)
            options->values[OPTION_HELP] = "";
        else if (!only_words && argv[i][0] == '-' && argv[i][1] == '-')
            code = read_option(argc, argv, &i, options, err);
        else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0')
            code = fail(err, E_USAGE, "unknown option %.60s; try --help", argv[i]);
        else
            options->words[options->word_count++] = argv[i];
        if (code != E_OK)
            return code;
    }
    return E_OK;
}

enum err_code options_check(const struct options *options, uint64_t allowed, const char *verb,
                            struct err *err)
{
    for (int i = 0; i < OPTIONS; i++)
        if (options->values[i] != NULL && (allowed >> i & 1) == 0)
            return fail(err, E_USAGE, "%s does not take --%s; try sokoulctl %s --help", verb,
                        option_name((enum option)i), verb);
    return E_OK;
}

bool option_given(const struct options *options, enum option option)
{
    return options->values[option] != NULL;
}

const char *option_text(const struct options *options, enum option option, const char *otherwise)
{
    return options->values[option] != NULL ? options->values[option] : otherwise;
}

enum err_code option_number(const struct options *options, enum option option, int64_t min, int64_t max,
                            int64_t *out, struct err *err)
{
    int64_t value = 0;
    if (options->values[option] == NULL)
        return E_OK;
    if (!parse_i64(options->values[option], &value) || value < min || value > max)
        return fail(err, E_USAGE, "--%s must be a whole number from %" PRId64 " to %" PRId64,
                    option_name(option), min, max);
    *out = value;
    return E_OK;
}
