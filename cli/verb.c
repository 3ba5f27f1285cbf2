/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verb.h"

#include <string.h>

void verb_title(const struct verb *verb, char title[VERB_TITLE_SIZE])
{
    if (verb->group != NULL)
        snprintf(title, VERB_TITLE_SIZE, "%s %s", verb->group, verb->name);
    else
        snprintf(title, VERB_TITLE_SIZE, "%s", verb->name);
}

uint64_t verb_options(const struct verb *verb)
{
    return verb->options | OPTION_BIT(ENV_FILE) | OPTION_BIT(JSON) | OPTION_BIT(HELP);
}

bool verb_is_group(const char *word)
{
    for (size_t i = 0; i < verbs_count; i++)
        if (verbs[i].group != NULL && strcmp(verbs[i].group, word) == 0)
            return true;
    return false;
}

static bool matches(const struct verb *verb, const char *const *words, size_t count)
{
    if (verb->group == NULL)
        return count > 0 && strcmp(words[0], verb->name) == 0;
    return count > 1 && strcmp(words[0], verb->group) == 0 && strcmp(words[1], verb->name) == 0;
}

enum err_code verb_find(const char *const *words, size_t count, const struct verb **verb, size_t *used,
                        struct err *err)
{
    for (size_t i = 0; i < verbs_count; i++)
        if (matches(&verbs[i], words, count))
        {
            *verb = &verbs[i];
            *used = verbs[i].group != NULL ? 2 : 1;
            return E_OK;
        }
    if (count == 0)
        return fail(err, E_USAGE, "a command is missing; try sokoulctl --help");
    if (!verb_is_group(words[0]))
        return fail(err, E_USAGE, "unknown command %.60s; try sokoulctl --help", words[0]);
    if (count == 1)
        return fail(err, E_USAGE, "%s what? try sokoulctl %s --help", words[0], words[0]);
    return fail(err, E_USAGE, "unknown command %.40s %.40s; try sokoulctl %.40s --help", words[0], words[1],
                words[0]);
}

/* ---- help ------------------------------------------------------------------------------------- */

static void print_option(enum option option, FILE *out)
{
    char shown[48];
    snprintf(shown, sizeof shown, "--%s %s", option_name(option), option_value(option));
    fprintf(out, "  %-20s  %s\n", shown, option_doc(option));
}

void verb_help(const struct verb *verb, FILE *out)
{
    char title[VERB_TITLE_SIZE];
    verb_title(verb, title);
    fprintf(out, "Usage: sokoulctl %s%s%s [options]\n\n%s\n", title, *verb->words != '\0' ? " " : "",
            verb->words, verb->about);
    if (verb->more != NULL)
        fprintf(out, "\n%s\n", verb->more);
    fputs("\nOptions, before or after the command:\n", out);
    for (int i = 0; i < OPTIONS; i++)
        if ((verb_options(verb) >> i & 1) != 0)
            print_option((enum option)i, out);
}

void verb_list(const char *group, FILE *out)
{
    fputs("Usage: sokoulctl COMMAND [options]\n\n"
          "Looks after Sokoul through its database; works while the API is down.\n\nCommands:\n",
          out);
    for (size_t i = 0; i < verbs_count; i++)
    {
        char title[VERB_TITLE_SIZE];
        char shown[VERB_TITLE_SIZE + 40];
        if (group != NULL && (verbs[i].group == NULL || strcmp(verbs[i].group, group) != 0))
            continue;
        verb_title(&verbs[i], title);
        snprintf(shown, sizeof shown, "%s %s", title, verbs[i].words);
        fprintf(out, "  %-30s  %s\n", shown, verbs[i].about);
    }
    fputs("\nOptions of every command, before or after it:\n", out);
    print_option(OPTION_ENV_FILE, out);
    print_option(OPTION_JSON, out);
    print_option(OPTION_HELP, out);
    print_option(OPTION_VERSION, out);
    fputs("\nExit status: 0 done; 1 the answer is no (a job Failed, a check did not pass, no such thing);\n"
          "64 wrong usage; 69 a server is away; 70 a bug; 75 try again; 78 wrong settings.\n",
          out);
}
