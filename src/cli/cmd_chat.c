/* frugal chat: talk with a model in the terminal, or let a script do it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/chat_input.h"
#include "cli/chat_session.h"
#include "cli/cli_priv.h"
#include "cli/sampling_args.h"

enum { DEFAULT_TOKENS = 512 };

static const fr_option OPTIONS[] = {
    FR_OPTIONS_MODEL,
    { "system", 's', FR_OPTION_TEXT, "TEXT", "what the model is told before all" },
    { "tokens", 'n', FR_OPTION_I64, "N",
      "at most N tokens an answer (default 512; 0: to the context's end)" },
    { "window", 0, FR_OPTION_FLAG, NULL, "drop the oldest turns when the context is full" },
    FR_OPTIONS_SAMPLING,
    { "adapter", 0, FR_OPTION_TEXT, "DIR", "add a LoRA adapter (PEFT folder or GGUF)" },
    FR_OPTION_PROFILE,
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

static const char HELP[] =
    "/help               this list\n"
    "/system TEXT        what the model is told before all (nothing: no more)\n"
    "/retry              another answer to the last question (the next seed)\n"
    "/reset              begin anew; the system text stays\n"
    "/save FILE          the conversation as JSON messages\n"
    "/load FILE          go on from such a file\n"
    "/compare MODEL      MODEL answers, too, from here on; figures side by side (off: no more)\n"
    "/set NAME VALUE     temp 0.7, top-p 0.9, top-k, min-p, seed, tokens, …; alone: what is set\n"
    "/quit               or Ctrl-D, or Ctrl-C twice; one Ctrl-C stops an answer and keeps its "
    "text\n"
    "A line that ends with \\ goes on in the next; \"\"\" begins and ends a text of many lines;\n"
    "a message that begins with / is written with //.\n";

/* What a person asked to stop, when it was Ctrl-C, is over when the answer is. false: the process
 * is to end. */
static bool goes_on(void)
{
    if (!fr_signals_caught())
        return true;
    if (fr_signals_number() != SIGINT)
        return false;
    fr_signals_forget();
    return true;
}

static void complain(fr_chat *c, const fr_err *err)
{
    fflush(stdout);
    fr_cli_tell(c->cli, "%s%s%s", err->what, err->hint[0] != '\0' ? ". " : "", err->hint);
}

static void tell(fr_chat *c, const fr_spoken *a)
{
    FR_AUTO(fr_buf) line = { 0 };
    char energy[48], carbon[32];
    fr_spoken_text(a, &line);
    fr_text_energy(c->energy, energy);
    fr_text_g(c->carbon_g, carbon);
    fr_buf_put_f(&line, "; answers so far %s, %s", energy, carbon);
    if (a->dropped_turns > 0)
        fr_cli_tell(c->cli, "[the context was full: the oldest %zu turn%s dropped]",
                    a->dropped_turns, a->dropped_turns > 1 ? "s were" : " was");
    fr_cli_tell(c->cli, "[%s]", fr_buf_text(&line));
}

/* The second model's answer to what the first one has just answered. */
static int answer_beside(fr_chat *c, const fr_spoken *first, fr_err *err)
{
    FR_AUTO(fr_spoken) second = { 0 };
    json_t *last = json_incref(json_array_get(c->messages, fr_chat_n_messages(c) - 1));
    bool plain = !fr_cli_json(c->cli);
    fr_chat_take_back(c);
    if (plain)
        printf("--- %s\n", c->second.name);
    int rc = fr_chat_answer(c, &c->second, &second, err);
    json_array_append_new(c->messages, last);
    if (rc == 0 && plain) {
        putchar('\n');
        fr_chat_side_by_side(c, first, &second);
        fflush(stdout);
    }
    return rc;
}

static int answer(fr_chat *c, fr_err *err)
{
    FR_AUTO(fr_spoken) a = { 0 };
    bool plain = !fr_cli_json(c->cli);
    if (plain && c->second.engine != NULL)
        printf("--- %s\n", c->first.name);
    FR_TRY(fr_chat_answer(c, &c->first, &a, err));
    if (plain)
        putchar('\n');
    fflush(stdout);
    tell(c, &a);
    bool stopped = a.finish == FR_FINISH_CANCELLED;
    return c->second.engine != NULL && !stopped ? answer_beside(c, &a, err) : 0;
}

/* ---- commands -------------------------------------------------------------------------------- */

static int do_system(fr_chat *c, fr_str rest, fr_err *err)
{
    char *text = fr_str_dup(rest);
    (void)err;
    fr_chat_set_system(c, text);
    free(text);
    return 0;
}

static int do_reset(fr_chat *c, fr_str rest, fr_err *err)
{
    (void)rest;
    (void)err;
    fr_chat_reset(c);
    return 0;
}

static int do_retry(fr_chat *c, fr_str rest, fr_err *err)
{
    (void)rest;
    if (!fr_chat_take_back(c))
        return fr_fail(err, FR_E_USAGE, NULL, "there is no answer to try again");
    c->sampling.seed++;
    return answer(c, err);
}

static int do_save(fr_chat *c, fr_str rest, fr_err *err)
{
    if (rest.n == 0)
        return fr_fail(err, FR_E_USAGE, NULL, "/save takes the name of a file");
    char *path = fr_str_dup(rest);
    int rc = fr_chat_save(c, path, err);
    if (rc == 0)
        fr_cli_tell(c->cli, "[%zu messages in %s]", fr_chat_n_messages(c), path);
    free(path);
    return rc;
}

static int do_load(fr_chat *c, fr_str rest, fr_err *err)
{
    if (rest.n == 0)
        return fr_fail(err, FR_E_USAGE, NULL, "/load takes the name of a file");
    char *path = fr_str_dup(rest);
    int rc = fr_chat_load(c, path, err);
    if (rc == 0)
        fr_cli_tell(c->cli, "[%zu messages]", fr_chat_n_messages(c));
    free(path);
    return rc;
}

static int do_compare(fr_chat *c, fr_str rest, fr_err *err)
{
    if (rest.n == 0)
        return fr_fail(err, FR_E_USAGE, NULL, "/compare takes a model file, or off");
    char *path = fr_str_dup(rest);
    int rc = fr_chat_compare(c, strcmp(path, "off") == 0 ? NULL : path, err);
    free(path);
    /* what was asked last is answered by both, so that both begin alike: with a cold cache or a
     * warm one */
    if (rc == 0 && c->second.engine != NULL && fr_chat_take_back(c))
        rc = answer(c, err);
    return rc;
}

static int do_set(fr_chat *c, fr_str rest, fr_err *err)
{
    FR_AUTO(fr_buf) now = { 0 };
    fr_str name;
    if (fr_str_next(&rest, ' ', &name) && name.n > 0)
        FR_TRY(fr_sampling_set(&c->sampling, name, fr_str_trim(rest), err));
    fr_sampling_text(&c->sampling, &now);
    fr_cli_tell(c->cli, "[%s]", fr_buf_text(&now));
    return 0;
}

static int do_help(fr_chat *c, fr_str rest, fr_err *err)
{
    (void)rest;
    (void)err;
    FILE *out = fr_cli_json(c->cli) ? stderr : stdout;
    fputs(HELP, out);
    fflush(out);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(fr_chat *c, fr_str rest, fr_err *err);
} COMMANDS[] = {
    { "help", do_help }, { "system", do_system }, { "retry", do_retry },     { "reset", do_reset },
    { "save", do_save }, { "load", do_load },     { "compare", do_compare }, { "set", do_set },
    { "quit", NULL },    { "exit", NULL },
};

/* false: that was all. */
static bool command(fr_chat *c, fr_str line)
{
    fr_str word = line, rest = { 0 };
    fr_err err = { 0 };
    for (size_t i = 0; i < line.n; i++) {
        if (line.at[i] == ' ' || line.at[i] == '\n') {
            word.n = i;
            rest = fr_str_trim((fr_str){ line.at + i, line.n - i });
            break;
        }
    }
    for (size_t i = 0; i < FR_COUNT_OF(COMMANDS); i++) {
        if (!fr_str_is(word, COMMANDS[i].name))
            continue;
        if (COMMANDS[i].run == NULL)
            return false;
        if (COMMANDS[i].run(c, rest, &err) != 0)
            complain(c, &err);
        return true;
    }
    fr_cli_tell(c->cli, "no command '/%.*s'; /help tells those there are", FR_STR_F(word));
    return true;
}

/* ---- the conversation ------------------------------------------------------------------------ */

/* false: an answer failed, and a script cannot go on as if it had come. */
static int say(fr_chat *c, fr_str text, bool person, fr_err *err)
{
    if (!fr_chat_put_user(c, text))
        return fr_fail(err, FR_E_FORMAT, NULL, "the message is no UTF-8");
    int rc = answer(c, err);
    if (rc == 0 || !person)
        return rc;
    complain(c, err);
    *err = (fr_err){ 0 };
    return 0;
}

static int talk(fr_chat *c, fr_chat_input *in, fr_err *err)
{
    FR_AUTO(fr_buf) line = { 0 };
    bool person = fr_chat_input_is_terminal(in), once = false;
    for (;;) {
        fr_chat_input_kind kind = fr_chat_input_next(in, &line);
        fr_str text = fr_str_trim(fr_buf_str(&line));
        if (kind == FR_CHAT_INPUT_INTERRUPTED) {
            if (once || !person || !goes_on())
                return 0;
            once = true;
            fr_cli_tell(c->cli, "\n[Ctrl-C again, Ctrl-D or /quit ends]");
            continue;
        }
        if (kind == FR_CHAT_INPUT_END)
            return 0;
        once = false;
        if (text.n == 0)
            continue;
        if (text.at[0] == '/' && !(text.n > 1 && text.at[1] == '/')) {
            if (!command(c, (fr_str){ text.at + 1, text.n - 1 }))
                return 0;
        } else {
            size_t skip = text.at[0] == '/';
            FR_TRY(say(c, (fr_str){ text.at + skip, text.n - skip }, person, err));
        }
        if (!goes_on() || (!person && fr_signals_caught()))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped after %zu answers", c->n_answers);
    }
}

static void greet(fr_chat *c)
{
    const fr_model *m = fr_engine_model(c->first.engine);
    fr_cli_tell(c->cli, "%s: %.0f million parameters, %zu tokens of context, %s. /help tells more.",
                c->first.name, (double)fr_model_n_params(m) * 1e-6,
                fr_engine_context(c->first.engine),
                fr_chat_form_is_template(c->first.form)
                    ? "with a chat template"
                    : "without a chat template: a plain form of User: and Assistant:");
}

static int chat(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_sampling_args) sampling = { 0 };
    FR_AUTO(fr_chat) c = { 0 };
    json_t *transcript = NULL;
    FR_TRY(fr_sampling_args_read(cli, DEFAULT_TOKENS, 0.7, 0.95, &sampling, err));
    FR_TRY(fr_chat_open(&c, cli, &sampling.sampling, err));
    fr_chat_set_system(&c, fr_arg_text(cli, "system", ""));
    fr_chat_input *in = fr_chat_input_open();
    if (fr_chat_input_is_terminal(in))
        greet(&c);
    int rc = talk(&c, in, err);
    if (fr_chat_input_is_terminal(in))
        putchar('\n'); /* behind the prompt that got no answer */
    fr_chat_input_close(in);
    int end_rc = fr_chat_end(&c, &transcript, rc == 0 ? err : NULL);
    if (end_rc == 0 && fr_cli_json(cli) && fr_cli_put_json(cli, transcript) != 0)
        end_rc = fr_fail(rc == 0 ? err : NULL, FR_E_IO, NULL, "cannot write the output");
    else if (end_rc == 0 && !fr_cli_json(cli))
        json_decref(transcript);
    if (end_rc == 0) {
        char took[128];
        fr_model_work_text(&c.work, took);
        fr_op_profile_tell(cli, c.work.profile, &c.work.profiled);
        fr_cli_tell(cli, "%zu answers; with loading and waiting %s", c.n_answers, took);
    }
    return rc != 0 ? rc : end_rc;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, chat(cli, &err), &err);
}

const fr_command FR_COMMAND_chat = {
    .name = "chat",
    .run = run,
    .options = OPTIONS,
    .arguments = "",
    .summary = "talk with a model, and see what each answer takes",
    .examples =
        "frugal chat -m model.gguf  # in the terminal; /help there tells its commands\n"
        "frugal chat -m model.gguf --system \"Answer in French.\" --temp 0  # the same each time\n"
        "printf 'Hello\\nAnd you?\\n' | frugal chat -m model.gguf --json  # a script, and its "
        "transcript",
    .more =
        "The model's own chat template is used; a model without one gets lines that begin with "
        "User: and Assistant:. What was said before is not computed again (the cached tokens of an "
        "answer tell). When the context is full it says so; with --window the oldest turns are "
        "dropped, and that is said. Temperature 0.7 and top-p 0.95 unless given. With stdin that "
        "is no "
        "terminal each line is a message (or a command) and an answer that fails ends it. Lines "
        "typed are kept for the arrow keys until it ends, and nowhere else.",
};
