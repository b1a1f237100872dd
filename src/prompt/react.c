/* ReAct: a model that thinks, uses a tool, sees what came of it, and goes on, in bounds. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "prompt/calculator.h"
#include "prompt/techniques_priv.h"

#define STEPS             6
#define OBSERVATION_BYTES 2000
#define RUBBISH_MOST      2 /* steps in a row without an action */
#define MOST_BYTES        ((size_t)1 << 20)

/* ---- reading a step ----------------------------------------------------------------------- */

static bool begins(fr_str line, const char *word, fr_str *rest)
{
    size_t n = strlen(word);
    while (line.n > 0 &&
           (line.at[0] == '*' || line.at[0] == '#' || isspace((unsigned char)line.at[0])))
        line = (fr_str){ line.at + 1, line.n - 1 };
    if (line.n < n || strncasecmp(line.at, word, n) != 0)
        return false;
    line = (fr_str){ line.at + n, line.n - n };
    while (line.n > 0 &&
           (isdigit((unsigned char)line.at[0]) || line.at[0] == ' ' || line.at[0] == '*'))
        line = (fr_str){ line.at + 1, line.n - 1 }; /* "Thought 3:", "**Action:**" */
    if (line.n == 0 || line.at[0] != ':')
        return false;
    *rest = (fr_str){ line.at + 1, line.n - 1 };
    return true;
}

/* Up to the bracket that closes the one before text; the whole when none does. */
static fr_str in_brackets(fr_str text, char open, char close)
{
    size_t depth = 1;
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] == open)
            depth++;
        else if (text.at[i] == close && --depth == 0)
            return (fr_str){ text.at, i };
    }
    fr_str line = { text.at, 0 };
    fr_str_next(&text, '\n', &line);
    return line;
}

static fr_str unquoted(fr_str a)
{
    a = fr_str_trim(a);
    while (a.n >= 2 && (a.at[0] == '"' || a.at[0] == '\'' || a.at[0] == '`') &&
           a.at[a.n - 1] == a.at[0])
        a = fr_str_trim((fr_str){ a.at + 1, a.n - 2 });
    return a;
}

/* name[argument], name(argument), name: argument, name argument; a name alone has none. */
static void read_action(fr_str text, fr_react_step *out)
{
    text = fr_str_trim(text);
    while (text.n > 0 &&
           (text.at[0] == '`' || text.at[0] == '*' || text.at[0] == '"' || text.at[0] == ' '))
        text = (fr_str){ text.at + 1, text.n - 1 };
    size_t n = 0;
    while (n < text.n &&
           (isalnum((unsigned char)text.at[n]) || text.at[n] == '_' || text.at[n] == '-'))
        n++;
    if (n == 0)
        return;
    fr_str rest = { text.at + n, text.n - n };
    size_t blanks = 0;
    while (blanks < rest.n && rest.at[blanks] == ' ')
        blanks++;
    out->tool = (fr_str){ text.at, n };
    fr_str after = { rest.at + blanks, rest.n - blanks };
    if (after.n > 0 && (after.at[0] == '[' || after.at[0] == '(')) {
        char open = after.at[0], close = open == '[' ? ']' : ')';
        out->argument = unquoted(in_brackets((fr_str){ after.at + 1, after.n - 1 }, open, close));
        return;
    }
    if (after.n > 0 && after.at[0] == ':')
        after = (fr_str){ after.at + 1, after.n - 1 };
    fr_str line = { after.at, 0 };
    fr_str_next(&after, '\n', &line);
    out->argument = unquoted(line);
}

/* "Action: search" and "Action Input: words" on two lines, as some models have learnt it. */
static bool read_input(fr_str line, fr_react_step *out)
{
    fr_str rest;
    if (!begins(line, "action input", &rest))
        return false;
    if (out->tool.n > 0 && out->argument.n == 0)
        out->argument = unquoted(rest);
    return true;
}

void fr_react_read(fr_str text, fr_react_step *out)
{
    static const fr_str FINISH = { "finish", 6 };
    *out = (fr_react_step){ .thought = { text.at, 0 } };
    fr_str rest = text, line, found;
    bool thinking = true;
    while (fr_str_next(&rest, '\n', &line)) {
        if (begins(line, "observation", &found))
            break; /* what it imagines to have seen is not read */
        if (read_input(line, out) || out->tool.n > 0)
            continue;
        if (begins(line, "action", &found)) {
            /* brackets may go over line ends */
            read_action((fr_str){ found.at, (size_t)(text.at + text.n - found.at) }, out);
            thinking = false;
        } else if (begins(line, "final answer", &found) || begins(line, "answer", &found)) {
            if (fr_str_trim(found).n > 0) {
                out->tool = FINISH;
                out->argument = unquoted(found);
            }
            thinking = false;
        } else if (begins(line, "thought", &found)) {
            if (out->thought.n > 0)
                break; /* it goes on to the next step without having acted */
            out->thought = fr_str_trim(found);
        } else if (thinking) {
            out->thought = fr_str_trim((fr_str){
                out->thought.n > 0 ? out->thought.at : line.at,
                (size_t)(line.at + line.n - (out->thought.n > 0 ? out->thought.at : line.at)) });
        }
    }
}

/* ---- tools -------------------------------------------------------------------------------- */

static int use_calculator(void *user, fr_str argument, fr_buf *out, fr_err *err)
{
    (void)user;
    double value = 0;
    char text[32];
    FR_TRY(fr_calculate(argument, &value, err));
    fr_number_text(value, text);
    fr_buf_put_s(out, text);
    return 0;
}

const fr_tool FR_TOOL_CALCULATE = {
    .name = "calculate",
    .what = "calculate[expression]: the value of an arithmetic expression, as (3 + 4) * 2",
    .use = use_calculator,
};

static bool same_name(fr_str said, const char *name)
{
    return said.n == strlen(name) && strncasecmp(said.at, name, said.n) == 0;
}

static const fr_tool *tool_of(const fr_technique *t, fr_str name)
{
    for (size_t i = 0; i < t->n_tools; i++) {
        if (same_name(name, t->tools[i].name))
            return &t->tools[i];
    }
    return NULL;
}

/* One line of bounded length; an error is told as what was seen. */
static int observe(const fr_technique *t, const fr_react_step *step, fr_buf *out, fr_err *err)
{
    const fr_tool *tool = tool_of(t, step->tool);
    if (step->tool.n == 0) {
        fr_buf_put_s(out, "no action was understood; write Action: tool[argument]");
        return 0;
    }
    if (tool == NULL) {
        fr_buf_put_f(out, "there is no tool '%.*s'; there is",
                     (int)FR_MIN(step->tool.n, (size_t)40), step->tool.at);
        for (size_t i = 0; i < t->n_tools; i++)
            fr_buf_put_f(out, "%s %s", i != 0 ? "," : "", t->tools[i].name);
        fr_buf_put_s(out, t->n_tools != 0 ? ", finish" : " finish");
        return 0;
    }
    FR_AUTO(fr_buf) said = { 0 };
    fr_err why = { 0 };
    int rc = tool->use(tool->user, step->argument, &said, &why);
    if (rc == FR_E_INTERRUPTED)
        return fr_fail(err, rc, NULL, "%s", why.what);
    if (rc != 0) {
        fr_buf_clear(&said);
        fr_buf_put_f(&said, "error: %s", why.what);
    }
    size_t n = FR_MIN(said.n, (size_t)OBSERVATION_BYTES);
    while (n < said.n && n > 0 && ((unsigned char)said.at[n] & 0xC0) == 0x80)
        n--; /* no character is cut */
    for (size_t i = 0; i < n; i++)
        fr_buf_put_c(out, said.at[i] == '\n' || said.at[i] == '\r' ? ' ' : said.at[i]);
    if (n == 0)
        fr_buf_put_s(out, "nothing was found");
    return 0;
}

/* ---- the loop ----------------------------------------------------------------------------- */

typedef struct {
    const fr_prompting *p;
    const fr_technique *t;
    fr_tried *out;
    technique_ask ask;
    double joules_before;
    size_t rubbish;
} loop;

static void put_rules(const fr_prompting *p, const fr_technique *t, fr_buf *out)
{
    fr_buf_put_s(out, "Solve the task in steps. Each step is one Thought and one Action; after it "
                      "an Observation is given to you. The actions are:\n");
    for (size_t i = 0; i < t->n_tools; i++)
        fr_buf_put_f(out, "%s\n", t->tools[i].what);
    fr_buf_put_f(out, "finish[%s]: ends with the %s\n",
                 p->kind == FR_TASK_LABEL ? "label" : "answer",
                 p->kind == FR_TASK_LABEL ? "label" : "answer");
    fr_buf_put_s(out, "Write them as\nThought: what is known and what is missing\nAction: "
                      "finish[the answer]\n\n");
}

static int begin(loop *l, fr_str input, fr_err *err)
{
    static const char *const STOPS[] = { "\nObservation", "Observation:" };
    const fr_prompting *p = l->p;
    fr_buf *prompt = &l->ask.prompt;
    prompt->limit_bytes = MOST_BYTES;
    put_rules(p, l->t, prompt);
    FR_TRY(technique_compose(p, l->t, input, NULL, 0, false, prompt, err));
    fr_str form = fr_buf_str(prompt);
    char ending[16];
    snprintf(ending, sizeof(ending), "%s:", fr_prompt_output_name(p->kind));
    if (p->write == NULL && fr_str_ends(form, fr_str_of(ending)))
        prompt->n -= strlen(ending); /* the form asks for the answer at once: not yet */
    if (prompt->n > 0 && prompt->at[prompt->n - 1] != '\n')
        fr_buf_put_c(prompt, '\n');
    fr_buf_put_s(prompt, "Thought:");
    l->ask.tried = l->out;
    l->ask.sampling = technique_sampling(p, true);
    l->ask.sampling.max_tokens = p->thought_tokens != 0 ? p->thought_tokens : 256;
    l->ask.sampling.stop = STOPS;
    l->ask.sampling.n_stop = FR_COUNT_OF(STOPS);
    return 0;
}

static void take_answer(loop *l, fr_str said)
{
    const fr_prompting *p = l->p;
    said = fr_str_trim(said);
    if (p->kind == FR_TASK_LABEL)
        said = fr_prompt_match_label(p->labels, p->n_labels, said);
    l->out->answer = said.n != 0 ? fr_str_dup(said) : NULL;
}

static bool spent(const loop *l)
{
    const fr_prompting *p = l->p;
    return l->t->max_j > 0 && p->joules != NULL &&
           p->joules(p->meter) - l->joules_before > l->t->max_j;
}

static int step_once(loop *l, size_t number, bool *over, fr_err *err)
{
    FR_TRY(technique_ask_all(l->p, &l->ask, 1, err));
    if (l->ask.text == NULL) {
        *over = true; /* too long: as said there */
        return 0;
    }
    fr_react_step step;
    fr_react_read(fr_str_of(l->ask.text), &step);
    FR_AUTO(fr_buf) seen = { 0 };
    json_t *note = json_pack("{s:I}", "step", (json_int_t)number);
    json_object_set_new(note, "thought", json_slice(step.thought));
    json_object_set_new(note, "tool", json_slice(step.tool));
    json_object_set_new(note, "argument", json_slice(step.argument));
    technique_note(l->out, note);
    if (same_name(step.tool, "finish")) {
        take_answer(l, step.argument);
        l->out->ended = "answered";
        *over = true;
    } else {
        FR_TRY(observe(l->t, &step, &seen, err));
        json_object_set_new(note, "observation", json_slice(fr_buf_str(&seen)));
        l->rubbish = step.tool.n == 0 ? l->rubbish + 1 : 0;
        fr_buf_put_f(&l->ask.prompt, " %.*s\n", FR_STR_F(step.thought));
        if (step.tool.n > 0)
            fr_buf_put_f(&l->ask.prompt, "Action: %.*s[%.*s]\n", FR_STR_F(step.tool),
                         FR_STR_F(step.argument));
        fr_buf_put_f(&l->ask.prompt, "Observation: %.*s\nThought:", FR_STR_F(fr_buf_str(&seen)));
    }
    free(l->ask.text);
    l->ask.text = NULL;
    return 0;
}

/* The steps are used up: what it would answer now, in one call more. */
static int finish_now(loop *l, fr_err *err)
{
    static const char *const STOPS[] = { "]", "\n" };
    fr_buf_put_s(&l->ask.prompt, " I must answer now.\nAction: finish[");
    l->ask.sampling.stop = STOPS;
    l->ask.sampling.n_stop = FR_COUNT_OF(STOPS);
    l->ask.sampling.max_tokens = l->p->sampling.max_tokens != 0 ? l->p->sampling.max_tokens : 64;
    FR_TRY(technique_ask_all(l->p, &l->ask, 1, err));
    if (l->ask.text != NULL) {
        fr_str said = fr_prompt_clean(fr_str_of(l->ask.text));
        take_answer(l, in_brackets(said, '[', ']')); /* not every server heeds a stop string */
    }
    return 0;
}

static int go(loop *l, fr_str input, fr_err *err)
{
    size_t most = l->t->max_steps != 0 ? l->t->max_steps : STEPS;
    bool over = false;
    FR_TRY(begin(l, input, err));
    for (size_t number = 1; number <= most && !over; number++) {
        if (fr_progress_stopped(l->p->progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped at step %zu", number);
        FR_TRY(step_once(l, number, &over, err));
        if (!over && spent(l)) {
            l->out->ended = "joules";
            over = true;
        } else if (!over && l->rubbish >= RUBBISH_MOST) {
            l->out->ended = "rubbish";
            over = true;
        }
    }
    if (!over) {
        FR_TRY(finish_now(l, err));
        l->out->ended = l->out->ended != NULL ? l->out->ended : "steps";
    }
    return 0;
}

int ask_with_tools(const fr_prompting *p, const fr_technique *t, fr_str input, fr_tried *out,
                   fr_err *err)
{
    loop l = { .p = p, .t = t, .out = out };
    if (p->joules != NULL)
        l.joules_before = p->joules(p->meter);
    int rc = go(&l, input, err);
    technique_ask_fini(&l.ask);
    return rc;
}
