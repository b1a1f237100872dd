/* frugal prompt lint: what a prompt costs, part by part, and what it could do without. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/mem.h"
#include "cli/prompt_measure.h"
#include "prompt/concise.h"

enum { MOST_TOGETHER = 16, COUNTED_ROWS = 20, COSTED_REQUESTS = 16 };

static const fr_option OPTIONS[] = {
    FR_OPTIONS_MODEL,
    FR_OPTIONS_PROMPT_DATA,
    FR_OPTIONS_PROMPT_VARS,
    FR_OPTIONS_PROMPT_FORM,
    { "strict", 0, FR_OPTION_FLAG, NULL, "status 3 when something was found" },
    FR_OPTION_PROFILE,
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

typedef struct {
    fr_prompt_file *p;
    json_t *rows;  /* of --data, or one with --vars alone */
    bool has_rows; /* they have wanted outputs */
    json_t *names, *findings, *shots;
    const fr_metric *metric;
    double total, shots_tokens, context, input; /* tokens, mean over rows */
    fr_used cost;                               /* of COSTED_REQUESTS prompts read */
    bool costed;
    fr_interval quality;
} cli_lint;

static void cli_lint_fini(cli_lint *l)
{
    fr_prompt_file_free(l->p);
    json_decref(l->rows);
    json_decref(l->names);
    json_decref(l->findings);
    json_decref(l->shots);
}
FR_AUTO_DEFINE(cli_lint);

static void found(cli_lint *l, const char *kind, const char *where, size_t line, double tokens,
                  const char *text, const char *hint)
{
    json_t *o = json_object();
    json_object_set_new(o, "kind", json_string(kind));
    json_object_set_new(o, "where", json_string(where));
    json_object_set_new(o, "line", line != 0 ? json_integer((json_int_t)line) : json_null());
    json_object_set_new(o, "tokens", fr_json_f64(tokens));
    json_object_set_new(o, "text", json_string(text));
    json_object_set_new(o, "hint", json_string(hint));
    json_array_append_new(l->findings, o);
}

/* ---- words ------------------------------------------------------------------------------- */

static size_t line_of(fr_str text, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += text.at[i] == '\n';
    return line;
}

static void lint_words(cli_lint *l, const fr_model_work *w, fr_str text, const char *format,
                       const char *where)
{
    FR_AUTO(fr_flaws) flaws = { 0 };
    bool *fixed = FR_NEW_N(bool, text.n + 1);
    fr_concise_fix_fields(text, format, fixed);
    fr_concise_flaws(text, fixed, &flaws);
    for (size_t i = 0, told = 0; i < flaws.n; i++) {
        const fr_flaw *f = &flaws.at[i];
        if (f->to <= told)
            continue; /* filler in a sentence that can go as a whole */
        told = f->kind != FR_FLAW_FILLER ? f->to : told;
        fr_str said = { text.at + f->from, f->to - f->from };
        char shown[128], hint[160];
        size_t n = FR_MIN(said.n, (size_t)100);
        while (n > 0 && n < said.n && ((unsigned char)said.at[n] & 0xC0) == 0x80)
            n--;
        snprintf(shown, sizeof(shown), "%.*s%s", (int)n, said.at, n < said.n ? "…" : "");
        if (f->kind == FR_FLAW_FILLER)
            snprintf(hint, sizeof(hint), "It can go: a model does not need it.");
        else
            snprintf(hint, sizeof(hint), "Said in line %zu already (%.0f%% the same words).",
                     line_of(text, f->first_from), 100 * f->likeness);
        found(l, fr_flaw_name(f->kind), where, line_of(text, f->from), fr_prompt_count(w, said),
              shown, hint);
    }
    free(fixed);
}

static void lint_values(cli_lint *l, const fr_model_work *w)
{
    const json_t *vars = json_object_get(json_array_get(l->rows, 0), "vars");
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)vars, name, value)
    {
        char where[96];
        snprintf(where, sizeof(where), "the value of %.64s", name);
        if (json_is_string(value) && json_string_length(value) > 40)
            lint_words(l, w, (fr_str){ json_string_value(value), json_string_length(value) },
                       "none", where);
    }
}

/* ---- variables --------------------------------------------------------------------------- */

static bool has_name(const json_t *list, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        if (strcmp(json_string_value(one), name) == 0)
            return true;
    }
    return false;
}

/* Whether a value of the file's own comes out anywhere. */
static bool shows_partial(const cli_lint *l, const char *name)
{
    static const char MARK[] = "\x02mark\x02";
    FR_AUTO(fr_buf) text = { 0 };
    size_t at = 0;
    json_t *vars = json_deep_copy(json_object_get(json_array_get(l->rows, 0), "vars"));
    json_object_set_new(vars, name, json_string(MARK));
    int rc = fr_prompt_file_fill(l->p, vars, &text, NULL);
    json_decref(vars);
    return rc != 0 || fr_str_find(fr_buf_str(&text), fr_str_of(MARK), &at);
}

static void lint_variables(cli_lint *l)
{
    const json_t *stated = fr_prompt_file_stated(l->p), *partial = fr_prompt_file_partial(l->p);
    const json_t *vars = json_object_get(json_array_get(l->rows, 0), "vars");
    const char *name;
    const char *form = fr_prompt_file_form(l->p);
    bool prints_nothing = strcmp(form, "jinja2") == 0 || strcmp(form, "mustache") == 0;
    json_t *one;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)stated, i, one)
    {
        if (!has_name(l->names, json_string_value(one)) &&
            json_object_get(partial, json_string_value(one)) == NULL)
            found(l, "unused-variable", "input_variables", 0, NAN, json_string_value(one),
                  "It is stated, and stands nowhere in the prompt.");
    }
    json_array_foreach(l->names, i, one)
    {
        if (stated != NULL && !has_name(stated, json_string_value(one)))
            found(l, "undeclared-variable", "input_variables", 0, NAN, json_string_value(one),
                  "It stands in the prompt, and is not stated.");
        if (json_object_size(vars) != 0 && json_object_get(vars, json_string_value(one)) == NULL)
            found(l, "undefined-variable", "variables", 0, NAN, json_string_value(one),
                  prints_nothing ? "No value is given for it: nothing is printed in its place."
                                 : "No value is given for it: filling the prompt is an error.");
    }
    json_object_foreach((json_t *)(uintptr_t)vars, name, one)
    {
        if (!l->has_rows && !has_name(l->names, name) && json_object_get(partial, name) == NULL)
            found(l, "unused-variable", "variables", 0, NAN, name,
                  "A value is given, and stands nowhere in the prompt.");
    }
}

/* Of values that the file itself gives, once all others have one. */
static void lint_partials(cli_lint *l)
{
    const char *name;
    json_t *one;
    json_object_foreach((json_t *)(uintptr_t)fr_prompt_file_partial(l->p), name, one)
    {
        if (!shows_partial(l, name))
            found(l, "unused-variable", "partial_variables", 0, NAN, name,
                  "It has a value, and stands nowhere in the prompt.");
    }
}

/* ---- tokens by part ---------------------------------------------------------------------- */

static bool is_context(const char *name)
{
    static const char *const NAMES[] = { "context", "contexts",     "passage",   "passages",
                                         "docs",    "document",     "documents", "history",
                                         "source",  "chat_history", "sources",   "knowledge",
                                         "facts",   "background",   "examples" };
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++)
        if (strcmp(name, NAMES[i]) == 0)
            return true;
    return false;
}

/* Tokens of the filled prompt; NAN when it cannot be filled. */
static double count_filled(const fr_prompt_file *p, const fr_model_work *w, const json_t *vars)
{
    FR_AUTO(fr_buf) text = { 0 };
    return fr_prompt_file_fill(p, vars, &text, NULL) == 0 ? fr_prompt_count(w, fr_buf_str(&text))
                                                          : NAN;
}

/* What a variable adds: the prompt with it, less the prompt with nothing in its place. */
static void count_row(cli_lint *l, const fr_model_work *w, const fr_prompt_file *less,
                      const json_t *vars, double share)
{
    double all = count_filled(l->p, w, vars);
    json_t *one, *without;
    size_t i;
    l->total += share * all;
    if (less != NULL)
        l->shots_tokens += share * (all - count_filled(less, w, vars));
    json_array_foreach(l->names, i, one)
    {
        const char *name = json_string_value(one);
        const json_t *value = json_object_get(vars, name);
        without = json_copy((json_t *)(uintptr_t)vars);
        json_object_set_new(without, name,
                            json_is_array(value)    ? json_array()
                            : json_is_object(value) ? json_object()
                                                    : json_string(""));
        double own = all - count_filled(l->p, w, without);
        json_decref(without);
        if (!isfinite(own))
            continue;
        if (is_context(name))
            l->context += share * own;
        else
            l->input += share * own;
    }
}

static int count_parts(cli_lint *l, const fr_model_work *w, fr_err *err)
{
    FR_AUTOPTR(fr_prompt_file) less = NULL;
    size_t n = FR_MIN(json_array_size(l->rows), (size_t)COUNTED_ROWS);
    if (fr_prompt_file_n_examples(l->p) != 0)
        FR_TRY(fr_prompt_file_less(l->p, SIZE_MAX, &less, err));
    for (size_t i = 0; i < n; i++)
        count_row(l, w, less, json_object_get(json_array_get(l->rows, i), "vars"), 1 / (double)n);
    if (!isfinite(l->total)) { /* a variable has no value: filled again, to say which */
        FR_AUTO(fr_buf) text = { 0 };
        return fr_prompt_file_fill(l->p, json_object_get(json_array_get(l->rows, 0), "vars"), &text,
                                   err);
    }
    return 0;
}

/* ---- with a model ------------------------------------------------------------------------ */

/* What reading the prompt takes, without a cache of its beginning: the rows' prompts one by one. */
static int read_prompts(cli_lint *l, fr_engine *engine, fr_err *err)
{
    size_t n = json_array_size(l->rows);
    for (size_t i = 0; i < COSTED_REQUESTS; i++) {
        FR_AUTO(fr_buf) text = { 0 };
        uint64_t id = 0;
        FR_TRY(fr_prompt_file_fill(l->p, json_object_get(json_array_get(l->rows, i % n), "vars"),
                                   &text, err));
        fr_request request = { .prompt = fr_buf_str(&text), .sampling = { .max_tokens = 1 } };
        FR_TRY(fr_engine_submit(engine, &request, &id, err));
        while (fr_engine_busy(engine))
            FR_TRY(fr_engine_step(engine, err));
        fr_engine_release(engine, id);
    }
    return 0;
}

static int cost(fr_cli *cli, cli_lint *l, fr_model_work *w, fr_err *err)
{
    FR_AUTOPTR(fr_engine) plain = NULL;
    fr_engine_options options = { .threads = (int)fr_arg_i64(cli, "threads", 0),
                                  .max_batch = 1,
                                  .no_prefix_cache = true,
                                  .work = fr_run_work(w->run) };
    FR_TRY(fr_engine_new(fr_engine_model(w->engine), &options, &plain, err));
    fr_phase *phase = NULL;
    FR_TRY(fr_phase_begin(w->run, "cost", "reading the prompt", &phase, err));
    int rc = read_prompts(l, plain, err);
    int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", &l->cost, rc == 0 ? err : NULL);
    l->costed = rc == 0 && end_rc == 0;
    return rc != 0 ? rc : end_rc;
}

/* One example less, on the same rows: what it gains there, against what it costs each time. */
static int leave_out(fr_cli *cli, cli_lint *l, fr_model_work *w, const fr_prompt_trial *whole,
                     size_t i, fr_err *err)
{
    FR_AUTOPTR(fr_prompt_file) less = NULL;
    FR_AUTO(fr_prompt_trial) trial = { 0 };
    FR_TRY(fr_prompt_file_less(l->p, i, &less, err));
    FR_TRY(fr_prompt_try(cli, w, less, l->rows, l->metric, NULL, &trial, err));
    fr_interval gain = fr_interval_paired(whole->scores, trial.scores, whole->n, i);
    double tokens = ((double)whole->prompt_tokens - (double)trial.prompt_tokens) / (double)whole->n;
    bool helps = gain.low > 0;
    json_t *o = json_object();
    json_object_set_new(o, "example", json_integer((json_int_t)i));
    json_object_set_new(o, "tokens", fr_json_f64(tokens));
    json_object_set_new(o, "gain", fr_json_f64(gain.value));
    json_object_set_new(o, "ci_low", fr_json_f64(gain.low));
    json_object_set_new(o, "ci_high", fr_json_f64(gain.high));
    json_object_set_new(o, "verdict",
                        json_string(helps            ? "helps"
                                    : gain.high <= 0 ? "no gain"
                                                     : "not shown"));
    json_array_append_new(l->shots, o);
    if (helps)
        return 0;
    char text[64], hint[200];
    snprintf(text, sizeof(text), "example %zu", i);
    snprintf(hint, sizeof(hint), "Without it %s changes by %+.3f (%+.3f to %+.3f) on %zu rows.",
             l->metric->name, 0 - gain.value, 0 - gain.high, 0 - gain.low, whole->n);
    found(l, "example-without-gain", "examples", 0, tokens, text, hint);
    return 0;
}

/* What a prompt is given to read, left away in all rows: answers that stay the same did not need
 * it.
 */
static int leave_context_out(fr_cli *cli, cli_lint *l, fr_model_work *w,
                             const fr_prompt_trial *whole, const char *name, fr_err *err)
{
    FR_AUTO(fr_prompt_trial) trial = { 0 };
    json_t *rows = json_deep_copy(l->rows), *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        json_t *vars = json_object_get(row, "vars");
        json_object_set_new(vars, name,
                            json_is_array(json_object_get(vars, name)) ? json_array()
                                                                       : json_string(""));
    }
    int rc = fr_prompt_try(cli, w, l->p, rows, l->metric, NULL, &trial, err);
    json_decref(rows);
    FR_TRY(rc);
    fr_interval gain = fr_interval_paired(whole->scores, trial.scores, whole->n, 0);
    double tokens = ((double)whole->prompt_tokens - (double)trial.prompt_tokens) / (double)whole->n;
    char hint[200];
    snprintf(hint, sizeof(hint), "Without it %s changes by %+.3f (%+.3f to %+.3f) on %zu rows.",
             l->metric->name, 0 - gain.value, 0 - gain.high, 0 - gain.low, whole->n);
    if (gain.low <= 0)
        found(l, "context-without-gain", "variables", 0, tokens, name, hint);
    return 0;
}

static int try_contexts(fr_cli *cli, cli_lint *l, fr_model_work *w, const fr_prompt_trial *whole,
                        fr_err *err)
{
    json_t *one;
    size_t i;
    json_array_foreach(l->names, i, one)
    {
        if (is_context(json_string_value(one)))
            FR_TRY(leave_context_out(cli, l, w, whole, json_string_value(one), err));
    }
    return 0;
}

static int try_examples(fr_cli *cli, cli_lint *l, fr_model_work *w, fr_err *err)
{
    FR_AUTO(fr_prompt_trial) whole = { 0 };
    if (!l->has_rows)
        return 0;
    FR_TRY(fr_prompt_try(cli, w, l->p, l->rows, l->metric, NULL, &whole, err));
    l->quality = whole.quality;
    if (whole.quality.value == 0) {
        found(l, "nothing-right", "data", 0, NAN, l->metric->name,
              "No answer is right: what examples and context gain cannot be told.");
        return 0;
    }
    for (size_t i = 0; i < fr_prompt_file_n_examples(l->p); i++)
        FR_TRY(leave_out(cli, l, w, &whole, i, err));
    return try_contexts(cli, l, w, &whole, err);
}

/* ---- what is told ------------------------------------------------------------------------ */

static double instruction_of(const cli_lint *l)
{
    return FR_MAX(l->total - l->shots_tokens - l->context - l->input, 0.0);
}

static json_t *cost_json(const cli_lint *l)
{
    double each = 1000.0 / COSTED_REQUESTS;
    json_t *o = json_object();
    json_object_set_new(o, "prompt_tokens", fr_json_f64(1000 * l->total));
    json_object_set_new(o, "energy_j",
                        l->costed ? fr_json_f64(each * l->cost.total.value_j) : json_null());
    json_object_set_new(o, "energy_low_j",
                        l->costed ? fr_json_f64(each * l->cost.total.low_j) : json_null());
    json_object_set_new(o, "energy_high_j",
                        l->costed ? fr_json_f64(each * l->cost.total.high_j) : json_null());
    json_object_set_new(o, "method",
                        json_string(l->costed ? fr_method_name(l->cost.total.method) : "none"));
    json_object_set_new(o, "cpu_s", l->costed ? fr_json_f64(each * l->cost.cpu_s) : json_null());
    json_object_set_new(o, "carbon_g",
                        l->costed ? fr_json_f64(each * l->cost.carbon.total_g) : json_null());
    return o;
}

static json_t *json_of(const cli_lint *l, const fr_model_work *w)
{
    json_t *o = json_object(), *tokens = json_object();
    json_object_set_new(tokens, "total", fr_json_f64(l->total));
    json_object_set_new(tokens, "instruction", fr_json_f64(instruction_of(l)));
    json_object_set_new(tokens, "shots", fr_json_f64(l->shots_tokens));
    json_object_set_new(tokens, "context", fr_json_f64(l->context));
    json_object_set_new(tokens, "input", fr_json_f64(l->input));
    json_object_set_new(tokens, "estimated", json_boolean(w->engine == NULL));
    json_object_set_new(o, "file", json_string(fr_prompt_file_main(l->p)));
    json_object_set_new(o, "form", json_string(fr_prompt_file_form(l->p)));
    json_object_set(o, "variables", l->names);
    json_object_set_new(o, "tokens", tokens);
    json_object_set_new(o, "per_1000_requests", cost_json(l));
    if (l->has_rows && w->ended)
        json_object_set_new(o, "quality", fr_prompt_interval_json(l->metric, l->quality));
    json_object_set(o, "examples", l->shots);
    json_object_set(o, "findings", l->findings);
    if (w->ended)
        fr_model_work_json(w, o);
    return o;
}

static void put_findings(const cli_lint *l)
{
    json_t *one;
    size_t i;
    json_array_foreach(l->findings, i, one)
    {
        const json_t *line = json_object_get(one, "line"), *tokens = json_object_get(one, "tokens");
        printf("%s", json_string_value(json_object_get(one, "where")));
        if (json_is_integer(line))
            printf(":%d", (int)json_integer_value(line));
        printf(": %s: \"%s\"", json_string_value(json_object_get(one, "kind")),
               json_string_value(json_object_get(one, "text")));
        if (json_is_number(tokens))
            printf(", %.0f tokens", json_number_value(tokens));
        printf("\n    %s\n", json_string_value(json_object_get(one, "hint")));
    }
    printf("%s%zu finding%s\n", json_array_size(l->findings) != 0 ? "\n" : "",
           json_array_size(l->findings), json_array_size(l->findings) == 1 ? "" : "s");
}

static void put_text(const cli_lint *l, const fr_model_work *w)
{
    static const char *const PARTS[] = { "instruction", "examples", "context", "input" };
    double values[] = { instruction_of(l), l->shots_tokens, l->context, l->input };
    const char *about = w->engine == NULL ? "~" : "";
    for (size_t i = 0; i < FR_COUNT_OF(PARTS); i++)
        if (values[i] != 0)
            printf("%-12s %s%.0f tokens\n", PARTS[i], about, values[i]);
    printf("%-12s %s%.0f tokens%s\n", "together", about, l->total,
           w->engine == NULL ? " (a quarter of the bytes; -m MODEL counts them)" : "");
    printf("1,000 requests read %s%.0f tokens", about, 1000 * l->total);
    if (l->costed) {
        double each = 1000.0 / COSTED_REQUESTS;
        char joules[48], carbon[32];
        fr_text_energy(fr_energy_scale(l->cost.total, each), joules);
        fr_text_g(each * l->cost.carbon.total_g, carbon);
        printf(": %s (%s), %.3g CPU-s, %s", joules, fr_method_name(l->cost.total.method),
               each * l->cost.cpu_s, carbon);
    }
    printf("\n");
    if (l->has_rows && w->ended)
        printf("%s %.3f (%.3f to %.3f) on %zu rows\n", l->metric->name, l->quality.value,
               l->quality.low, l->quality.high, l->quality.n);
    printf("\n");
    put_findings(l);
}

/* ---- all of it --------------------------------------------------------------------------- */

/* Rows of --data; without them one row of --vars, and of names that have no value, empty ones. */
static int take_rows(fr_cli *cli, cli_lint *l, fr_err *err)
{
    FR_TRY(fr_prompt_rows_given(cli, l->p, &l->rows, err));
    l->has_rows = l->rows != NULL;
    if (l->has_rows)
        return 0;
    json_t *vars = json_object();
    l->rows = json_pack("[{s:o}]", "vars", vars);
    FR_TRY(fr_prompt_vars_given(cli, vars, err));
    return 0;
}

static void fill_empty(cli_lint *l)
{
    json_t *one, *vars = json_object_get(json_array_get(l->rows, 0), "vars");
    size_t i;
    json_array_foreach(l->names, i, one)
    {
        if (!l->has_rows && json_object_get(vars, json_string_value(one)) == NULL)
            json_object_set_new(vars, json_string_value(one),
                                fr_prompt_file_kind(l->p) == FR_PROMPT_KIND_CHAT &&
                                        is_context(json_string_value(one))
                                    ? json_array()
                                    : json_string(""));
    }
}

static void lint_text(cli_lint *l, const fr_model_work *w)
{
    FR_AUTO(fr_buf) text = { 0 };
    const char *form = fr_prompt_file_form(l->p);
    bool few = fr_prompt_file_kind(l->p) == FR_PROMPT_KIND_FEW_SHOT;
    lint_words(l, w, fr_prompt_file_template(l->p), few ? "f-string" : form,
               few ? "prefix" : fr_prompt_file_main(l->p));
    lint_values(l, w);
    if (fr_prompt_file_fill(l->p, json_object_get(json_array_get(l->rows, 0), "vars"), &text,
                            NULL) == 0 &&
        text.n > 0 && text.at[text.n - 1] == ' ')
        found(l, "blank-at-the-end", fr_prompt_file_main(l->p), 0, 1, " ",
              "Most tokenizers put the blank with the next word: the answer begins worse.");
}

static int with_model(fr_cli *cli, cli_lint *l, fr_model_work *w, fr_err *err)
{
    FR_TRY(count_parts(l, w, err));
    lint_text(l, w);
    FR_TRY(cost(cli, l, w, err));
    FR_TRY(try_examples(cli, l, w, err));
    return fr_model_work_end(w, "done", err);
}

static int lint(fr_cli *cli, fr_err *err)
{
    FR_AUTO(cli_lint) l = { .findings = json_array(), .shots = json_array() };
    FR_AUTO(fr_model_work) work = { 0 };
    const char *path = NULL;
    fr_prompt_file_options options = { 0 };
    FR_TRY(fr_arg_need(cli, 0, "a prompt file", &path, err));
    FR_TRY(fr_prompt_options_given(cli, &options, err));
    FR_TRY(fr_prompt_metric_given(cli, &l.metric, err));
    FR_TRY(fr_prompt_file_open(path, &options, &l.p, err));
    l.names = fr_prompt_file_names(l.p);
    FR_TRY(take_rows(cli, &l, err));
    lint_variables(&l);
    fill_empty(&l);
    lint_partials(&l);
    if (fr_arg_text(cli, "model", NULL) != NULL) {
        FR_TRY(fr_model_work_begin(cli, "lint", MOST_TOGETHER, NULL, &work, err));
        FR_TRY(with_model(cli, &l, &work, err));
    } else {
        FR_TRY(count_parts(&l, &work, err));
        lint_text(&l, &work);
    }
    if (fr_cli_json(cli))
        FR_TRY(fr_prompt_put_json(cli, json_of(&l, &work), err));
    else
        put_text(&l, &work);
    size_t n = json_array_size(l.findings);
    return fr_arg_flag(cli, "strict") && n != 0
               ? fr_fail(err, FR_E_LIMIT, NULL, "%zu finding%s", n, n == 1 ? "" : "s")
               : 0;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, lint(cli, &err), &err);
}

const fr_command FR_PROMPT_lint = {
    .name = "prompt lint",
    .run = run,
    .options = OPTIONS,
    .arguments = "FILE",
    .summary = "tokens by part, what is said twice or for nothing, cost per 1,000 requests",
    .examples = "frugal prompt lint ask.yaml  # without a model: tokens are estimated\n"
                "frugal prompt lint ask.yaml -m model.gguf --data dev.jsonl  # counted, metered\n"
                "frugal prompt lint few_shot.yaml -m model.gguf --data dev.jsonl --json  # each "
                "example left out once\n"
                "frugal prompt lint ask.yaml --strict  # for a check before a commit\n",
    .more = "Found: duplicate and near-duplicate sentences in the prompt and in long values,\n"
            "filler, variables that are unused, undeclared or undefined, a blank at the end,\n"
            "and examples and contexts that show no gain on the dev rows when they are left\n"
            "out (paired difference with its 95% interval). The cost is what\n"
            "reading the prompt takes with nothing cached, measured on 16 requests.",
};
