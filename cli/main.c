/* SPDX-License-Identifier: Apache-2.0 */
/* sokoulctl: read the command line, find the verb, run it, translate how it ended. */
#include "cli/verb.h"
#include "common/base/leftovers.h"
#include "common/base/log.h"

#include <signal.h>

static enum err_code check_words(const struct session *session, const struct verb *verb, const char *title,
                                 struct err *err)
{
    if (session->arg_count < verb->min_words)
        return fail(err, E_USAGE, "%s needs %s; try sokoulctl %s --help", title, verb->words, title);
    if (session->arg_count > verb->max_words)
        return fail(err, E_USAGE, "%s does not know what to do with %.60s", title,
                    session->args[verb->max_words]);
    return E_OK;
}

static enum err_code run_verb(struct session *session, const struct verb *verb, struct err *err)
{
    char title[VERB_TITLE_SIZE];
    verb_title(verb, title);
    enum err_code code = options_check(&session->options, verb_options(verb), title, err);
    if (code == E_OK)
        code = check_words(session, verb, title, err);
    if (code == E_OK && verb->need == VERB_NEEDS_SETTINGS)
        code = session_load(session, err);
    if (code == E_OK)
        code = verb->run(session, err);
    return code;
}

/* --help: of a verb, of a group, of all. */
static void help(const struct session *session)
{
    const struct options *options = &session->options;
    const struct verb *verb = NULL;
    struct err ignored = ERR_INIT;
    size_t used = 0;
    if (verb_find(options->words, options->word_count, &verb, &used, &ignored) == E_OK)
        verb_help(verb, stdout);
    else if (options->word_count > 0 && verb_is_group(options->words[0]))
        verb_list(options->words[0], stdout);
    else
        verb_list(NULL, stdout);
}

static enum err_code run(struct session *session, struct err *err)
{
    const struct options *options = &session->options;
    const struct verb *verb = NULL;
    size_t used = 0;
    if (option_given(options, OPTION_HELP))
    {
        help(session);
        return E_OK;
    }
    if (option_given(options, OPTION_VERSION))
    {
        printf("sokoulctl %s\n", SOKOUL_VERSION);
        return E_OK;
    }
    enum err_code code = verb_find(options->words, options->word_count, &verb, &used, err);
    if (code != E_OK)
        return code;
    session->args = options->words + used;
    session->arg_count = options->word_count - used;
    return run_verb(session, verb, err);
}

int main(int argc, char **argv)
{
    struct session session;
    struct err err = ERR_INIT;
    leftovers_limit();
    signal(SIGPIPE, SIG_IGN);
    log_open("sokoulctl", LOG_ERROR); /* a verb prints its own errors */
    enum err_code code = session_open(&session, argc, argv, &err);
    if (code == E_OK)
        code = run(&session, &err);
    int status = exit_status(code, session.verdict, &err);
    session_close(&session);
    log_close();
    return status;
}
