/* frugal prompt render and convert: a prompt file filled with variables, or written in another
 * form. */
#include <string.h>
#include <unistd.h>

#include "base/doc.h"
#include "base/file.h"
#include "cli/prompt_given.h"

static const fr_option RENDER_OPTIONS[] = {
    FR_OPTIONS_PROMPT_VARS,
    FR_OPTIONS_PROMPT_FORM,
    { "strict", 0, FR_OPTION_FLAG, NULL, "Jinja: a variable that is not there is an error" },
    FR_OPTIONS_END,
};

static int put_json(fr_cli *cli, const fr_prompt_file *p, const json_t *vars, const fr_buf *text,
                    fr_err *err)
{
    json_t *messages = NULL, *o = json_object();
    if (fr_prompt_file_messages(p, vars, &messages, err) != 0) {
        json_decref(o);
        return FR_E_FAILED;
    }
    json_object_set_new(o, "text", json_stringn(fr_buf_text(text), text->n));
    json_object_set_new(o, "form", json_string(fr_prompt_file_form(p)));
    json_object_set_new(o, "messages", messages);
    return fr_prompt_put_json(cli, o, err);
}

static int render(fr_cli *cli, json_t *vars, fr_err *err)
{
    const char *path = NULL;
    FR_AUTO(fr_buf) text = { 0 };
    FR_AUTOPTR(fr_prompt_file) p = NULL;
    fr_prompt_file_options options = { .strict = fr_arg_flag(cli, "strict") };
    FR_TRY(fr_arg_need(cli, 0, "a prompt file", &path, err));
    FR_TRY(fr_prompt_options_given(cli, &options, err));
    FR_TRY(fr_prompt_vars_given(cli, vars, err));
    FR_TRY(fr_prompt_file_open(path, &options, &p, err));
    FR_TRY(fr_prompt_file_fill(p, vars, &text, err));
    return fr_cli_json(cli) ? put_json(cli, p, vars, &text, err) : fr_prompt_put_text(&text, err);
}

static int run_render(fr_cli *cli)
{
    fr_err err = { 0 };
    json_t *vars = json_object();
    int rc = render(cli, vars, &err);
    json_decref(vars);
    return fr_cli_fail(cli, rc, &err);
}

const fr_command FR_PROMPT_render = {
    .name = "prompt render",
    .run = run_render,
    .options = RENDER_OPTIONS,
    .arguments = "FILE",
    .summary = "fill a prompt file (Jinja, f-string, mustache, LangChain) with variables",
    .examples = "frugal prompt render ask.jinja --vars vars.json  # the text and nothing else\n"
                "frugal prompt render ask.txt --set name=Ada  # \"Hello {name}\"\n"
                "frugal prompt render few_shot.yaml --set query=why  # as LangChain saves it\n"
                "frugal prompt render chat.json --vars vars.json --json  # with its messages\n"
                "frugal prompt render chat_template.jinja --vars conversation.json  # as "
                "transformers does\n"
                "frugal prompt render ask.jinja --vars - --strict < vars.json  # no variable may "
                "be missing\n",
    .more = "Jinja is rendered to the byte as Jinja2 does in the way that transformers sets\n"
            "it up for chat templates (trim_blocks, lstrip_blocks, sandbox,\n"
            "raise_exception, strftime_now); with --keep-newlines as plain Jinja2. Templates\n"
            "are held in bounds of steps, nesting, memory and output: one that never ends is\n"
            "an error (status 3).\n"
            "A .json or .yaml FILE is a prompt as LangChain saves it (_type: prompt, few_shot\n"
            "or chat, or lc: 1) and says what langchain-core makes of it. Files that it names\n"
            "are read from its own folder and below; nothing in it is ever run.",
};

/* ---- convert ----------------------------------------------------------------------------- */

static const fr_option CONVERT_OPTIONS[] = {
    { "to", 0, FR_OPTION_TEXT, "FORM", "langchain, lc, jinja, f-string, mustache (by OUT's name)" },
    { "force", 0, FR_OPTION_FLAG, NULL, "write over a file that is there" },
    FR_OPTIONS_PROMPT_FORM,
    FR_OPTIONS_END,
};

static int form_to(fr_cli *cli, fr_prompt_save_form *out, fr_err *err)
{
    static const char *const FORMS[] = { "langchain", "lc", "jinja", "f-string", "mustache", NULL };
    static const fr_prompt_save_form IDS[] = { FR_PROMPT_SAVE_LANGCHAIN, FR_PROMPT_SAVE_LC,
                                               FR_PROMPT_SAVE_JINJA, FR_PROMPT_SAVE_F_STRING,
                                               FR_PROMPT_SAVE_MUSTACHE };
    const char *word = fr_arg_text(cli, "to", NULL);
    for (size_t i = 0; word != NULL && FORMS[i] != NULL; i++)
        if (strcmp(word, FORMS[i]) == 0)
            *out = IDS[i];
    if (word == NULL || *out != FR_PROMPT_SAVE_NONE)
        return 0;
    return fr_fail(err, FR_E_USAGE, "There are langchain, lc, jinja, f-string and mustache.",
                   "--to '%s' is unknown", word);
}

static int convert(fr_cli *cli, fr_err *err)
{
    const char *from = NULL, *to = NULL;
    FR_AUTO(fr_buf) text = { 0 };
    FR_AUTOPTR(fr_prompt_file) p = NULL;
    fr_prompt_file_options options = { 0 };
    fr_prompt_save_form form = FR_PROMPT_SAVE_NONE;
    FR_TRY(fr_arg_need(cli, 0, "a prompt file", &from, err));
    FR_TRY(fr_arg_need(cli, 1, "the file to write (-: stdout)", &to, err));
    FR_TRY(fr_prompt_options_given(cli, &options, err));
    FR_TRY(form_to(cli, &form, err));
    bool out = strcmp(to, "-") == 0;
    if (!out && fr_file_exists(to) && !fr_arg_flag(cli, "force"))
        return fr_fail(err, FR_E_USAGE, "--force writes over it.", "'%s' is there already", to);
    FR_TRY(fr_prompt_file_open(from, &options, &p, err));
    FR_TRY(fr_prompt_file_save(p, form, out ? ".json" : to, &text, err));
    if (out)
        return fr_prompt_put_text(&text, err);
    FR_TRY(fr_file_write(to, fr_buf_str(&text), err));
    if (!fr_cli_json(cli))
        return 0;
    return fr_prompt_put_json(cli,
                              json_pack("{s:s, s:s, s:s, s:i}", "from", from, "to", to, "form",
                                        fr_prompt_file_form(p), "size_bytes", (int)text.n),
                              err);
}

static int run_convert(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, convert(cli, &err), &err);
}

const fr_command FR_PROMPT_convert = {
    .name = "prompt convert",
    .run = run_convert,
    .options = CONVERT_OPTIONS,
    .arguments = "IN OUT",
    .summary = "write a prompt file in another form, where that says the same",
    .examples = "frugal prompt convert ask.txt ask.yaml  # an f-string as LangChain saves it\n"
                "frugal prompt convert ask.json ask.jinja  # {name} becomes {{ name }}\n"
                "frugal prompt convert few_shot.yaml few_shot.json  # files it names go in\n"
                "frugal prompt convert ask.json ask-lc.json --to lc  # as "
                "langchain_core.load.dumps writes\n",
    .more = "What the other form cannot say (a filter, a format, examples as one template) is\n"
            "an error that names it, and nothing is written.",
};
