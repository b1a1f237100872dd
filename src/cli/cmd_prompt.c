/* frugal prompt: prompts as files. A verb is one row in prompt_verbs.def and an FR_PROMPT_VERB in a
 * file of its group, prompt_….c. */
#include "cli/cli.h"

#define VERB(name) extern const fr_command FR_PROMPT_##name;
#include "cli/prompt_verbs.def"
#undef VERB

static const fr_command *const VERBS[] = {
#define VERB(name) &FR_PROMPT_##name,
#include "cli/prompt_verbs.def"
#undef VERB
    NULL,
};

static const fr_option OPTIONS[] = { FR_OPTIONS_END };

const fr_command FR_COMMAND_prompt = {
    .name = "prompt",
    .run = fr_cli_need_verb,
    .options = OPTIONS,
    .arguments = "WORD …",
    .summary = "prompts as files: fill them with variables",
    .examples = "frugal prompt render ask.jinja --vars vars.json  # the text and nothing else\n",
    .verbs = VERBS,
};
