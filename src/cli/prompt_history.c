/* frugal prompt save, list, show, log, tag, restore, best: versions of prompts in a history. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/prompt_known.h"

/* ---- save -------------------------------------------------------------------------------- */

static const fr_option SAVE_OPTIONS[] = {
    { "name", 0, FR_OPTION_TEXT, "NAME", "of the prompt (default: the file's, without ending)" },
    { "message", 0, FR_OPTION_TEXT, "TEXT", "what was changed, and why" },
    { "task", 0, FR_OPTION_TEXT, "NAME", "what it is for; `prompt best --task` asks by it" },
    FR_OPTIONS_MODEL,
    { "try", 0, FR_OPTION_FLAG, NULL, "try it now on --data with -m, unless history knows" },
    { "temperature", 0, FR_OPTION_F64, "T", "temperature that it was tried with" },
    { "top-p", 0, FR_OPTION_F64, "P", "share of the likeliest drawn from" },
    { "top-k", 0, FR_OPTION_I64, "K", "number of the likeliest drawn from" },
    { "max-tokens", 0, FR_OPTION_I64, "N", "longest answer" },
    { "param", 0, FR_OPTION_LIST, "NAME=VALUE", "another parameter; several times" },
    { "metric", 0, FR_OPTION_TEXT, "NAME", "how good it was: accuracy, token-f1…" },
    { "value", 0, FR_OPTION_F64, "X", "the metric's value" },
    { "low", 0, FR_OPTION_F64, "X", "low end of its 95% interval" },
    { "high", 0, FR_OPTION_F64, "X", "high end of it" },
    { "rows", 0, FR_OPTION_I64, "N", "over so many rows (with --try: the first N, default 100)" },
    { "lower-is-better", 0, FR_OPTION_FLAG, NULL, "as for perplexity" },
    { "data", 0, FR_OPTION_TEXT, "FILE", "the rows (their hash is kept, not they)" },
    { "energy-j", 0, FR_OPTION_F64, "J", "what trying it took" },
    { "cpu-s", 0, FR_OPTION_F64, "S", "processor time of it" },
    { "method", 0, FR_OPTION_TEXT, "WORD", "measured or modelled (default modelled)" },
    { "parent", 0, FR_OPTION_TEXT, "REF", "the version before (default: the newest of the name)" },
    { "tag", 0, FR_OPTION_TEXT, "TAG", "tag it at once" },
    { "author", 0, FR_OPTION_TEXT, "NAME", "(default: $GIT_AUTHOR_NAME, then the user)" },
    FR_OPTIONS_PROMPT_VARS,
    FR_OPTION_STORE,
    FR_OPTIONS_PROMPT_FORM,
    FR_OPTION_PROFILE,
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

/* "ask" of "prompts/ask.few.yaml". Owned. */
static char *name_by_file(const char *main)
{
    return fr_dup_n(main, strcspn(main[0] == '.' ? main + 1 : main, ".") + (main[0] == '.'));
}

static int parameters_given(fr_cli *cli, json_t *out, fr_err *err)
{
    static const struct {
        const char *option, *key;
        bool whole;
    } ROWS[] = { { "temperature", "temperature", false },
                 { "top-p", "top_p", false },
                 { "top-k", "top_k", true },
                 { "max-tokens", "max_tokens", true } };
    for (size_t i = 0; i < FR_COUNT_OF(ROWS); i++)
        if (fr_arg_given(cli, ROWS[i].option))
            json_object_set_new(out, ROWS[i].key,
                                ROWS[i].whole ? json_integer(fr_arg_i64(cli, ROWS[i].option, 0))
                                              : json_real(fr_arg_f64(cli, ROWS[i].option, 0)));
    for (size_t i = 0; fr_arg_list(cli, "param", i) != NULL; i++) {
        const char *pair = fr_arg_list(cli, "param", i), *value = strchr(pair, '=');
        if (value == NULL || value == pair)
            return fr_fail(err, FR_E_USAGE, "Write --param name=value.", "--param '%s' names none",
                           pair);
        char *name = fr_dup_n(pair, (size_t)(value - pair));
        double number = 0;
        bool is_number = fr_str_to_f64(fr_str_of(value + 1), &number) && isfinite(number);
        json_object_set_new(out, name, is_number ? json_real(number) : json_string(value + 1));
        free(name);
    }
    return 0;
}

static int outcome_given(fr_cli *cli, fr_history_outcome *o, char data[FR_HISTORY_ID], fr_err *err)
{
    const char *path = fr_arg_text(cli, "data", NULL),
               *method = fr_arg_text(cli, "method", "modelled");
    *o = fr_history_outcome_none();
    o->metric = fr_arg_text(cli, "metric", NULL);
    o->value = fr_arg_f64(cli, "value", NAN);
    o->low = fr_arg_f64(cli, "low", NAN);
    o->high = fr_arg_f64(cli, "high", NAN);
    o->n = (size_t)FR_MAX(fr_arg_i64(cli, "rows", 0), 0);
    o->lower_is_better = fr_arg_flag(cli, "lower-is-better");
    if ((o->metric != NULL) != isfinite(o->value))
        return fr_fail(err, FR_E_USAGE, NULL, "--metric and --value belong together");
    if (path != NULL) {
        FR_TRY(fr_prompt_data_hash(path, data, err));
        o->data_hash = data;
    }
    o->cpu_s = fr_arg_f64(cli, "cpu-s", NAN);
    double joules = fr_arg_f64(cli, "energy-j", NAN);
    o->energy = (fr_energy){ joules, joules, joules, fr_method_parse(method), "told by the user" };
    if (o->energy.method == FR_METHOD_NONE)
        return fr_fail(err, FR_E_USAGE, "There are measured and modelled.", "--method '%s' is none",
                       method);
    return 0;
}

typedef struct {
    fr_prompt_store store;
    fr_prompt_known known;
    fr_prompt_file *p;
    char hash[FR_HISTORY_ID], data[FR_HISTORY_ID], *model_name, *own_name;
    fr_history_outcome outcome;
} cli_save;
static void cli_save_fini(cli_save *s)
{
    fr_prompt_store_fini(&s->store);
    fr_prompt_known_fini(&s->known);
    fr_prompt_file_free(s->p);
    free(s->model_name);
    free(s->own_name);
}
FR_AUTO_DEFINE(cli_save);

static int put_saved(fr_cli *cli, const cli_save *s, const char *id, const char *name, bool is_new,
                     fr_err *err)
{
    char quality[160], cost[96];
    fr_prompt_quality_text(&s->outcome, quality);
    fr_prompt_cost_text(&s->outcome, cost);
    if (fr_cli_json(cli)) {
        json_t *o = json_pack("{s:s, s:s, s:b, s:b}", "id", id, "name", name, "new", is_new,
                              "known", s->known.known);
        json_object_set_new(o, "value", fr_json_f64(s->outcome.value));
        json_object_set_new(o, "ci_low", fr_json_f64(s->outcome.low));
        json_object_set_new(o, "ci_high", fr_json_f64(s->outcome.high));
        fr_json_put_energy(o, "energy_j", s->outcome.energy);
        json_object_set_new(o, "method", json_string(fr_method_name(s->outcome.energy.method)));
        json_object_set_new(o, "cpu_s", fr_json_f64(s->outcome.cpu_s));
        return fr_prompt_put_json(cli, o, err);
    }
    printf("%s\n", id);
    if (s->known.known)
        fr_cli_tell(cli, "known: %s; it took %s then, and nothing now", quality, cost);
    else if (s->known.metric != NULL)
        fr_cli_tell(cli, "%s; %s", quality, cost);
    if (!is_new)
        fr_cli_tell(cli, "nothing new: the newest version of '%s' says the same", name);
    return 0;
}

static int save_version(fr_cli *cli, cli_save *s, fr_history_version *v, fr_err *err)
{
    const fr_history_entry *parent = NULL;
    const char *word = fr_arg_text(cli, "parent", NULL), *tag = fr_arg_text(cli, "tag", NULL);
    char id[FR_HISTORY_ID];
    bool is_new = false;
    if (word != NULL) {
        FR_TRY(fr_history_find(&s->store.versions, &s->store.tags, word, &parent, err));
        v->parent = parent->id;
    }
    v->form = fr_prompt_file_form(s->p);
    v->main = fr_prompt_file_main(s->p);
    v->files = fr_prompt_file_sources(s->p);
    FR_TRY(fr_history_save(s->store.history, v, id, &is_new, err));
    if (tag != NULL)
        FR_TRY(fr_history_tag(s->store.history, v->name, tag, id, v->author, err));
    return put_saved(cli, s, id, v->name, is_new, err);
}

/* What was found is told by the user, or found now. */
static int find_outcome(fr_cli *cli, cli_save *s, json_t *parameters, fr_err *err)
{
    static const char *const TOLD[] = { "value", "low", "high", "energy-j", "cpu-s" };
    if (!fr_arg_flag(cli, "try"))
        return outcome_given(cli, &s->outcome, s->data, err);
    for (size_t i = 0; i < FR_COUNT_OF(TOLD); i++)
        if (fr_arg_given(cli, TOLD[i]))
            return fr_fail(err, FR_E_USAGE, NULL, "--try finds out what --%s would tell", TOLD[i]);
    if (s->hash[0] == '\0')
        return fr_fail(err, FR_E_USAGE, "Name one: -m MODEL.", "--try needs a model");
    FR_TRY(fr_prompt_try_known(cli, s->p, s->hash, s->model_name, parameters, s->store.history,
                               &s->known, err));
    s->outcome = s->known.outcome;
    return 0;
}

static int save(fr_cli *cli, json_t *parameters, fr_err *err)
{
    FR_AUTO(cli_save) s = { 0 };
    const char *path = NULL, *model = fr_arg_text(cli, "model", NULL);
    fr_prompt_file_options options = { 0 };
    FR_TRY(fr_arg_need(cli, 0, "a prompt file", &path, err));
    FR_TRY(fr_prompt_options_given(cli, &options, err));
    FR_TRY(fr_prompt_file_open(path, &options, &s.p, err));
    FR_TRY(parameters_given(cli, parameters, err));
    if (model != NULL)
        FR_TRY(fr_prompt_model_hash(model, s.hash, &s.model_name, err));
    FR_TRY(fr_prompt_store_open(cli, &s.store, err));
    FR_TRY(find_outcome(cli, &s, parameters, err));
    s.own_name = name_by_file(fr_prompt_file_main(s.p));
    fr_history_version v = { .name = fr_arg_text(cli, "name", s.own_name),
                             .author = fr_arg_text(cli, "author", NULL),
                             .message = fr_arg_text(cli, "message", NULL),
                             .task = fr_arg_text(cli, "task", NULL),
                             .model_hash = model != NULL ? s.hash : NULL,
                             .model_name = s.model_name,
                             .parameters = parameters,
                             .outcome = &s.outcome };
    return save_version(cli, &s, &v, err);
}

static int run_save(fr_cli *cli)
{
    fr_err err = { 0 };
    json_t *parameters = json_object();
    int rc = save(cli, parameters, &err);
    json_decref(parameters);
    return fr_cli_fail(cli, rc, &err);
}

const fr_command FR_PROMPT_save = {
    .name = "prompt save",
    .run = run_save,
    .options = SAVE_OPTIONS,
    .arguments = "FILE",
    .summary = "keep a version of a prompt, with how good it was and what it took",
    .examples = "frugal prompt save ask.yaml --message \"shorter instruction\"  # its id\n"
                "frugal prompt save ask.yaml --task routing -m model.gguf --metric accuracy "
                "--value 0.81 --rows 200 --data dev.jsonl --energy-j 12.5 --cpu-s 0.6  # with "
                "proof\n"
                "frugal prompt save ask.yaml --task routing -m model.gguf --data dev.jsonl --try  "
                "# tried now, or known\n"
                "frugal prompt save ask.yaml --tag live --store /shared/prompts  # for all\n",
    .more = "Versions are small text files named by their SHA-256 under .frugal/prompts, made\n"
            "to be committed: two stores are merged by putting their files together. Files\n"
            "that the prompt names are kept in it. With --try the model answers the rows of\n"
            "--data (greedy, or as the parameters say) and the result is kept beside; the\n"
            "same prompt, rows, model and parameters a second time ask no model at all.",
};

/* ---- list -------------------------------------------------------------------------------- */

static const fr_option STORE_OPTIONS[] = { FR_OPTION_STORE, FR_OPTIONS_END };

typedef struct {
    const fr_history_entry *newest;
    size_t n_versions, n_heads;
} prompt_line;

/* One line a name, in order of its first version. */
static prompt_line *lines_of(const fr_history_list *versions, size_t *n)
{
    prompt_line *lines = FR_NEW_N(prompt_line, versions->n + 1);
    *n = 0;
    for (size_t i = 0; i < versions->n; i++) {
        const fr_history_entry *e = versions->at[i];
        size_t k = 0;
        while (k < *n && strcmp(lines[k].newest->name, e->name) != 0)
            k++;
        *n = FR_MAX(*n, k + 1);
        lines[k].newest = e;
        lines[k].n_versions++;
        lines[k].n_heads += fr_history_is_head(versions, e);
    }
    return lines;
}

static void put_line(const prompt_line *line, const fr_history_list *tags)
{
    FR_AUTO(fr_buf) marks = { 0 };
    char quality[160];
    fr_prompt_put_tags(line->newest, tags, &marks);
    fr_prompt_quality_text(&line->newest->outcome, quality);
    printf("%-20s %.12s  %.10s  %zu version%s%s%s%s\n", line->newest->name, line->newest->id,
           line->newest->time, line->n_versions, line->n_versions == 1 ? "" : "s",
           fr_buf_text(&marks), quality[0] != '\0' ? "  " : "", quality);
    if (line->n_heads > 1)
        printf("%20s %zu versions were made apart from each other: `frugal prompt log %s`\n", "",
               line->n_heads, line->newest->name);
}

static json_t *list_json(const fr_prompt_store *s, const prompt_line *lines, size_t n,
                         const fr_history_list *results)
{
    json_t *o = json_object(), *list = json_array(), *damaged = json_array();
    const fr_history_list *lists[] = { &s->versions, &s->tags, results };
    for (size_t i = 0; i < n; i++) {
        json_t *each = fr_prompt_entry_json(lines[i].newest, &s->tags);
        json_object_set_new(each, "versions", json_integer((json_int_t)lines[i].n_versions));
        json_object_set_new(each, "heads", json_integer((json_int_t)lines[i].n_heads));
        json_array_append_new(list, each);
    }
    for (size_t i = 0; i < FR_COUNT_OF(lists); i++)
        for (size_t k = 0; k < lists[i]->n_damaged; k++)
            json_array_append_new(damaged, json_string(lists[i]->damaged[k]));
    json_object_set_new(o, "store", json_string(fr_history_dir(s->history)));
    json_object_set_new(o, "prompts", list);
    json_object_set_new(o, "results", json_integer((json_int_t)results->n));
    json_object_set_new(o, "damaged", damaged);
    return o;
}

static int list(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_prompt_store) store = { 0 };
    FR_AUTO(fr_history_list) results = { 0 };
    size_t n = 0;
    FR_TRY(fr_prompt_store_open(cli, &store, err));
    FR_TRY(fr_history_all(store.history, FR_HISTORY_RESULT, &results, err));
    prompt_line *lines = lines_of(&store.versions, &n);
    int rc = 0;
    if (fr_cli_json(cli))
        rc = fr_prompt_put_json(cli, list_json(&store, lines, n, &results), err);
    for (size_t i = 0; !fr_cli_json(cli) && i < n; i++)
        put_line(&lines[i], &store.tags);
    if (!fr_cli_json(cli) && (n == 0 || results.n != 0))
        printf("%zu prompts, %zu results of experiments in %s\n", n, results.n,
               fr_history_dir(store.history));
    free(lines);
    FR_TRY(rc);
    int damage[] = { fr_prompt_store_damage(cli, &store.versions, err),
                     fr_prompt_store_damage(cli, &store.tags, err),
                     fr_prompt_store_damage(cli, &results, err) };
    return damage[0] != 0 ? damage[0] : damage[1] != 0 ? damage[1] : damage[2];
}

static int run_list(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, list(cli, &err), &err);
}

const fr_command FR_PROMPT_list = {
    .name = "prompt list",
    .run = run_list,
    .options = STORE_OPTIONS,
    .arguments = "",
    .summary = "the prompts of a history, each with its newest version",
    .examples = "frugal prompt list  # of .frugal/prompts\n"
                "frugal prompt list --store /shared/prompts --store .frugal/prompts --json  # "
                "of both\n",
    .more = "Files that are damaged are named on stderr, and the status is 1.",
};

/* ---- show -------------------------------------------------------------------------------- */

static const fr_option SHOW_OPTIONS[] = {
    { "text", 0, FR_OPTION_FLAG, NULL, "the prompt's text and nothing else" },
    { "file", 0, FR_OPTION_TEXT, "PATH", "text of another file of the version" },
    FR_OPTION_STORE,
    FR_OPTIONS_END,
};

static void put_field(const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0')
        printf("%-11s %s\n", name, text);
}

static void put_entry(const fr_history_entry *e, const fr_history_list *tags, const fr_buf *text)
{
    FR_AUTO(fr_buf) marks = { 0 };
    char quality[160], cost[96];
    fr_prompt_put_tags(e, tags, &marks);
    fr_prompt_quality_text(&e->outcome, quality);
    fr_prompt_cost_text(&e->outcome, cost);
    printf("version     %s%s\n", e->id, fr_buf_text(&marks));
    put_field("name", e->name);
    put_field("parent", e->parent);
    put_field("author", e->author);
    put_field("time", e->time);
    put_field("message", e->message);
    put_field("task", e->task);
    put_field("model", e->model_hash);
    put_field("", e->model_name);
    if (json_object_size(e->parameters) != 0) {
        char *parameters = json_dumps(e->parameters, JSON_SORT_KEYS | JSON_REAL_PRECISION(9));
        put_field("parameters", parameters);
        free(parameters);
    }
    put_field("quality", quality);
    put_field("took", cost);
    double each = fr_prompt_per_accepted(e->outcome.energy.value_j, &e->outcome);
    if (isfinite(each)) {
        char joules[32];
        fr_text_j(each, joules);
        printf("%-11s %s for each right answer\n", "", joules);
    }
    printf("form        %s, %s\n\n%s%s", e->form, e->main, fr_buf_text(text),
           text->n > 0 && text->at[text->n - 1] == '\n' ? "" : "\n");
}

static int show(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_prompt_store) store = { 0 };
    FR_AUTO(fr_buf) text = { 0 };
    const fr_history_entry *e = NULL;
    const char *file = fr_arg_text(cli, "file", NULL);
    FR_TRY(fr_prompt_store_open(cli, &store, err));
    FR_TRY(fr_prompt_store_find(cli, &store, 0, &e, err));
    FR_TRY(fr_history_text(e, file, &text, err));
    if (fr_cli_json(cli)) {
        json_t *o = fr_prompt_entry_json(e, &store.tags);
        json_object_set_new(o, "text", json_stringn(fr_buf_text(&text), text.n));
        return fr_prompt_put_json(cli, o, err);
    }
    if (fr_arg_flag(cli, "text") || file != NULL)
        return fr_prompt_put_text(&text, err);
    put_entry(e, &store.tags, &text);
    return 0;
}

static int run_show(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, show(cli, &err), &err);
}

const fr_command FR_PROMPT_show = {
    .name = "prompt show",
    .run = run_show,
    .options = SHOW_OPTIONS,
    .arguments = "REF",
    .summary = "one version: who, when, how good, what it took, and its text",
    .examples = "frugal prompt show ask  # the newest\n"
                "frugal prompt show ask@live  # the one that is tagged\n"
                "frugal prompt show ask~2 --text  # the second before, its text alone\n"
                "frugal prompt show 3f2a91c0 --json  # by digits of its id\n",
};

/* ---- log --------------------------------------------------------------------------------- */

static void put_log_line(const fr_history_entry *e, const fr_prompt_store *s)
{
    FR_AUTO(fr_buf) line = { 0 };
    char quality[160], cost[96], joules[32];
    fr_prompt_quality_text(&e->outcome, quality);
    fr_prompt_cost_text(&e->outcome, cost);
    fr_buf_put_f(&line, "%.12s  %.19sZ  %s", e->id, e->time, e->author != NULL ? e->author : "");
    fr_prompt_put_tags(e, &s->tags, &line);
    if (e->message != NULL)
        fr_buf_put_f(&line, "  %s", e->message);
    puts(fr_buf_text(&line));
    double each = fr_prompt_per_accepted(e->outcome.energy.value_j, &e->outcome);
    fr_text_j(each, joules);
    if (quality[0] != '\0' || cost[0] != '\0')
        printf("              %s%s%s%s%s%s\n", quality,
               quality[0] != '\0' && cost[0] != '\0' ? "; " : "", cost, isfinite(each) ? ", " : "",
               isfinite(each) ? joules : "", isfinite(each) ? " for each right answer" : "");
}

typedef struct {
    size_t n;
    double energy_j, cpu_s;
} log_sum;

static void add_up(log_sum *sum, const fr_history_outcome *o)
{
    sum->n++;
    sum->energy_j += isfinite(o->energy.value_j) ? o->energy.value_j : 0;
    sum->cpu_s += isfinite(o->cpu_s) ? o->cpu_s : 0;
}

static int log_of(fr_cli *cli, fr_err *err)
{
    FR_AUTO(fr_prompt_store) store = { 0 };
    const fr_history_entry *e = NULL;
    log_sum sum = { 0 };
    FR_TRY(fr_prompt_store_open(cli, &store, err));
    FR_TRY(fr_prompt_store_find(cli, &store, 0, &e, err));
    json_t *list = json_array();
    for (size_t i = store.versions.n; i-- > 0;) {
        const fr_history_entry *each = store.versions.at[i];
        if (strcmp(each->name, e->name) != 0)
            continue;
        add_up(&sum, &each->outcome);
        if (fr_cli_json(cli))
            json_array_append_new(list, fr_prompt_entry_json(each, &store.tags));
        else
            put_log_line(each, &store);
    }
    if (fr_cli_json(cli))
        return fr_prompt_put_json(
            cli,
            json_pack("{s:s, s:i, s:f, s:f, s:o}", "name", e->name, "iterations", (int)sum.n,
                      "energy_total_j", sum.energy_j, "cpu_total_s", sum.cpu_s, "versions", list),
            err);
    char joules[32];
    json_decref(list);
    fr_text_j(sum.energy_j, joules);
    printf("%zu iteration%s, %s and %.3g CPU-s in all\n", sum.n, sum.n == 1 ? "" : "s", joules,
           sum.cpu_s);
    return 0;
}

static int run_log(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, log_of(cli, &err), &err);
}

const fr_command FR_PROMPT_log = {
    .name = "prompt log",
    .run = run_log,
    .options = STORE_OPTIONS,
    .arguments = "NAME",
    .summary = "all versions of a prompt, newest first: how good, what each took",
    .examples = "frugal prompt log ask  # with joules for each right answer\n"
                "frugal prompt log ask --json  # for a program\n",
    .more = "Children come before their parents, whatever the clocks said.",
};

/* ---- best -------------------------------------------------------------------------------- */

static const fr_option BEST_OPTIONS[] = {
    { "model", 'm', FR_OPTION_TEXT, "FILE", "model file, or its SHA-256, or a remote one's name" },
    { "task", 0, FR_OPTION_TEXT, "NAME", "what it is for (default: anything)" },
    { "metric", 0, FR_OPTION_TEXT, "NAME", "compare by this one only" },
    { "data", 0, FR_OPTION_TEXT, "FILE", "compare on these rows only" },
    FR_OPTION_STORE,
    FR_OPTIONS_END,
};

static int put_best(fr_cli *cli, const fr_history_entry *e, const char *model, const char *task,
                    fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    char quality[160], cost[96];
    if (e == NULL) {
        if (fr_cli_json(cli))
            FR_TRY(fr_prompt_put_json(cli, json_pack("{s:b}", "known", 0), err));
        return fr_fail(err, FR_E_LIMIT,
                       "`frugal prompt run` and `frugal prompt save` make it known.",
                       "not known: nothing is kept about the model '%s'%s%s", model,
                       task != NULL ? " and the task " : "", task != NULL ? task : "");
    }
    FR_TRY(fr_history_text(e, NULL, &text, err));
    if (fr_cli_json(cli)) {
        json_t *o = fr_prompt_entry_json(e, NULL);
        json_object_set_new(o, "known", json_true());
        json_object_set_new(o, "text", json_stringn(fr_buf_text(&text), text.n));
        return fr_prompt_put_json(cli, o, err);
    }
    fr_prompt_quality_text(&e->outcome, quality);
    fr_prompt_cost_text(&e->outcome, cost);
    fr_cli_tell(cli, "%s %.12s: %s%s%s", e->name != NULL ? e->name : "result", e->id, quality,
                cost[0] != '\0' ? "; " : "", cost);
    return fr_prompt_put_text(&text, err);
}

static int best(fr_cli *cli, fr_err *err)
{
    FR_AUTOPTR(fr_history) history = NULL;
    FR_AUTOPTR(fr_history_entry) e = NULL;
    const char *model = NULL, *data = fr_arg_text(cli, "data", NULL);
    char hash[FR_HISTORY_ID], rows[FR_HISTORY_ID];
    FR_TRY(fr_arg_need_text(cli, "model", &model, err));
    fr_history_query q = { .model_hash = model,
                           .task = fr_arg_text(cli, "task", NULL),
                           .metric = fr_arg_text(cli, "metric", NULL) };
    if (fr_file_exists(model)) {
        FR_TRY(fr_prompt_model_hash(model, hash, NULL, err));
        q.model_hash = hash;
    }
    if (data != NULL) {
        FR_TRY(fr_prompt_data_hash(data, rows, err));
        q.data_hash = rows;
    }
    FR_TRY(fr_prompt_history_open(cli, &history, err));
    FR_TRY(fr_history_best(history, &q, &e, err));
    return put_best(cli, e, model, q.task, err);
}

static int run_best(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, best(cli, &err), &err);
}

const fr_command FR_PROMPT_best = {
    .name = "prompt best",
    .run = run_best,
    .options = BEST_OPTIONS,
    .arguments = "",
    .summary = "the best known prompt for a model and a task, at no model energy",
    .examples = "frugal prompt best -m model.gguf --task routing  # its text\n"
                "frugal prompt best -m model.gguf --task routing --store /shared/prompts "
                "--store .frugal/prompts --json  # over both\n",
    .more = "Best is the highest low end of the interval (what can be stood behind), of equals\n"
            "the one that took the least. Only results on the same metric and data are\n"
            "compared: where there are several, those on the most rows. Status 3: not known.",
};
