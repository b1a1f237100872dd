/* frugal adapt: the ladder of customization strategies, climbed, shown while it is climbed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/adapt.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "choose/cascade.h"
#include "cli/cli.h"
#include "report/report.h"

#define INPUT_LIMIT_BYTES ((size_t)256 << 20)

/* ---- while it climbs ---------------------------------------------------------------------- */

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "";
}

static double number_of(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* "12.3 J", or "?" where nobody knows. */
static void joules_text(double joules, char out[32])
{
    if (isnan(joules))
        strcpy(out, "?");
    else
        fr_text_j(joules, out);
}

/* The same with "~" before what a model tells. */
static void told_text(double joules, bool modelled, char out[33])
{
    bool about = modelled && !isnan(joules);
    if (about)
        out[0] = '~';
    joules_text(joules, out + about);
}

static void seconds_text(double seconds, char out[FR_TIME_TEXT])
{
    if (isnan(seconds))
        strcpy(out, "?");
    else
        fr_duration_text(seconds, out);
}

static void show_plan(fr_cli *cli, const json_t *plan)
{
    char now_j[32], low_j[32], high_j[32], now_s[FR_TIME_TEXT];
    fr_cli_tell(cli, "expected, before anything is spent (%.0f requests, hosting %s):",
                number_of(plan, "requests"), text_of(plan, "hosting"));
    const json_t *rungs = json_object_get(plan, "rungs");
    for (size_t i = 0; i < json_array_size(rungs); i++) {
        const json_t *r = json_array_get(rungs, i);
        const char *status = text_of(r, "status");
        if (json_is_true(json_object_get(r, "reused"))) {
            fr_cli_tell(cli, "  %-16s kept from an earlier climb (%s)", text_of(r, "name"), status);
        } else if (strcmp(status, "planned") != 0) {
            fr_cli_tell(cli, "  %-16s %s: %s", text_of(r, "name"), status, text_of(r, "reason"));
        } else {
            seconds_text(number_of(r, "run_s"), now_s);
            joules_text(number_of(r, "run_j"), now_j);
            joules_text(number_of(r, "horizon_low_j"), low_j);
            joules_text(number_of(r, "horizon_high_j"), high_j);
            fr_cli_tell(cli, "  %-16s now %9s %9s   over the horizon %9s to %9s",
                        text_of(r, "name"), now_s, now_j, low_j, high_j);
        }
    }
}

static void show_rung(fr_cli *cli, const json_t *r)
{
    const json_t *q = json_object_get(r, "quality"), *e = json_object_get(r, "energy_j");
    const char *status = text_of(r, "status"), *reason = text_of(r, "reason");
    if (!json_is_object(q)) {
        fr_cli_tell(cli, "  %-16s %s: %s", text_of(r, "name"), status, reason);
        return;
    }
    char build[33], request[33];
    bool modelled = strcmp(text_of(r, "method"), "measured") != 0;
    told_text(number_of(e, "build"), modelled, build);
    told_text(number_of(e, "per_request"), modelled, request);
    fr_cli_tell(cli,
                "  %-16s %s %.3f (%.3f to %.3f)  %s to build, %s a request, %.3g CPU s a "
                "request%s%s",
                text_of(r, "name"), text_of(q, "metric"), number_of(q, "value"),
                number_of(q, "ci_low"), number_of(q, "ci_high"), build, request,
                number_of(r, "cpu_s_per_request"), reason[0] != '\0' ? "; " : "", reason);
}

static void on_event(void *user, const char *event, const json_t *object)
{
    fr_cli *cli = user;
    char seconds[FR_TIME_TEXT], joules[32];
    if (strcmp(event, "warning") == 0) {
        fr_cli_tell(cli, "warning: %s", text_of(object, "text"));
    } else if (strcmp(event, "plan") == 0) {
        show_plan(cli, object);
        fr_cli_tell(cli, "climbing:");
    } else if (strcmp(event, "rung-begin") == 0) {
        seconds_text(number_of(object, "run_s"), seconds);
        joules_text(number_of(object, "run_j"), joules);
        fr_cli_tell(cli, "> %-16s expected %s, %s", text_of(object, "name"), seconds, joules);
    } else if (strcmp(event, "rung-end") == 0) {
        show_rung(cli, object);
    }
}

static void on_run(void *user, fr_run *run)
{
    fr_cli_progress(user, run);
}

/* ---- the end ------------------------------------------------------------------------------ */

static const json_t *rung_named(const json_t *verdict, const char *name)
{
    const json_t *rungs = json_object_get(verdict, "rungs");
    for (size_t i = 0; i < json_array_size(rungs); i++) {
        if (strcmp(text_of(json_array_get(rungs, i), "name"), name) == 0)
            return json_array_get(rungs, i);
    }
    return NULL;
}

static void put_break_even(const json_t *verdict, fr_buf *out)
{
    const json_t *list = json_object_get(verdict, "break_even");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        fr_buf_put_f(out, "from %.0f requests on %s instead of %s\n", number_of(x, "requests"),
                     text_of(x, "to"), text_of(x, "from"));
    }
}

static void put_chosen(const json_t *verdict, fr_buf *out)
{
    const char *chosen = text_of(verdict, "chosen");
    const json_t *r = rung_named(verdict, chosen), *h = json_object_get(verdict, "horizon");
    if (r == NULL) {
        fr_buf_put_s(out, "no rung is chosen.\n");
        return;
    }
    const json_t *e = json_object_get(r, "energy_j"), *c = json_object_get(r, "carbon_g");
    bool measured = strcmp(text_of(r, "method"), "measured") == 0;
    char joules[32], grams[32];
    joules_text(number_of(e, "horizon"), joules);
    fr_text_g(number_of(c, "horizon"), grams);
    if (measured)
        fr_buf_put_f(out,
                     "%s is enough: %s and %s over %.0f requests, the least of the rungs "
                     "that met the target.\n",
                     chosen, joules, grams, number_of(h, "requests"));
    else if (isnan(number_of(e, "horizon")))
        fr_buf_put_f(out, "%s is enough; what it draws is outside this meter.\n", chosen);
    else
        fr_buf_put_f(out,
                     "%s is enough: %.0f CPU seconds over %.0f requests, modelled as ~%s and "
                     "~%s (grade B: a model, not a counter).\n",
                     chosen, number_of(r, "cpu_s_horizon"), number_of(h, "requests"), joules,
                     grams);
    const json_t *ties = json_object_get(verdict, "ties");
    for (size_t i = 0; i < json_array_size(ties); i++)
        fr_buf_put_f(out, "%s%s%s", i == 0 ? "a tie, within what the method can tell, with " : ", ",
                     json_string_value(json_array_get(ties, i)),
                     i + 1 == json_array_size(ties) ? "\n" : "");
}

static void put_closing(const json_t *verdict, fr_buf *out)
{
    put_chosen(verdict, out);
    put_break_even(verdict, out);
    const json_t *e = json_object_get(verdict, "energy_j");
    char total[32], overhead[32], remainder[32];
    joules_text(number_of(e, "total"), total);
    joules_text(number_of(e, "overhead"), overhead);
    joules_text(number_of(e, "remainder"), remainder);
    fr_buf_put_f(out, "this climb: %s (%s), of which %s probing and bookkeeping, %s in no part.\n",
                 total, text_of(verdict, "method"), overhead, remainder);
    const json_t *notes = json_object_get(verdict, "notes");
    for (size_t i = 0; i < json_array_size(notes); i++)
        fr_buf_put_f(out, "- %s\n", json_string_value(json_array_get(notes, i)));
    const json_t *use = json_object_get(verdict, "use");
    if (json_array_size(use) != 0)
        fr_buf_put_s(out, "use it:\n");
    for (size_t i = 0; i < json_array_size(use); i++)
        fr_buf_put_f(out, "  %s\n", json_string_value(json_array_get(use, i)));
    fr_buf_put_f(out, "verdict: %s/verdict.json   report: %s\n", text_of(verdict, "out"),
                 text_of(verdict, "report"));
}

static void print_verdict(const json_t *verdict)
{
    FR_AUTO(fr_buf) out = { 0 };
    int columns = fr_cli_columns();
    fr_buf_put_c(&out, '\n');
    fr_report_table(verdict, columns, fr_cli_is_terminal(stdout), &out);
    fr_buf_put_c(&out, '\n');
    fr_report_plot(verdict, columns, 14, &out);
    fr_buf_put_c(&out, '\n');
    put_closing(verdict, &out);
    fwrite(fr_buf_text(&out), 1, out.n, stdout);
}

/* ---- --answer ----------------------------------------------------------------------------- */

/* A line of text, or {"input": …}. Owned. */
static char *input_of(fr_str line)
{
    json_t *row = line.n != 0 && line.at[0] == '{' ? json_loadb(line.at, line.n, 0, NULL) : NULL;
    const char *text = json_string_value(json_object_get(row, "input"));
    char *input = text != NULL ? fr_dup(text) : fr_str_dup(line);
    json_decref(row);
    return input;
}

static int print_answers(fr_cli *cli, char *const *answers, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        if (!fr_cli_json(cli))
            printf("%s\n", answers[i] != NULL ? answers[i] : "");
        json_array_append_new(list, answers[i] != NULL ? json_string(answers[i]) : json_null());
    }
    if (fr_cli_json(cli))
        return fr_cli_put_json(cli, json_pack("{s:o}", "answers", list));
    json_decref(list);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* What a climb left, or a cascade. */
static int answer_all(fr_cli *cli, const char *dir, const fr_str *inputs, size_t n, char **answers,
                      fr_err *err)
{
    int threads = (int)fr_arg_i64(cli, "threads", 0);
    FR_AUTOPTR(fr_cascade) cascade = NULL;
    if (!fr_cascade_is_in(dir))
        return fr_adapt_answer(dir, threads, inputs, n, answers, fr_cli_progress(cli, NULL), err);
    FR_TRY(fr_cascade_open(dir, threads, fr_cli_progress(cli, NULL), &cascade, err));
    return fr_cascade_answer(cascade, inputs, n, answers, NULL, err);
}

static int run_answer(fr_cli *cli, const char *dir)
{
    fr_err err = { 0 };
    FR_AUTO(fr_buf) text = { 0 };
    int rc = fr_file_read("-", INPUT_LIMIT_BYTES, &text, &err);
    if (rc != 0)
        return fr_cli_fail(cli, rc, &err);
    fr_str *inputs = NULL, rest = fr_buf_str(&text), line;
    size_t n = 0, cap = 0;
    while (fr_str_next(&rest, '\n', &line)) {
        line = fr_str_trim(line);
        if (line.n == 0)
            continue;
        FR_GROW(inputs, n, cap);
        char *input = input_of(line);
        inputs[n++] = fr_str_of(input);
    }
    char **answers = FR_NEW_N(char *, n);
    rc = answer_all(cli, dir, inputs, n, answers, &err);
    int status = rc == 0 ? print_answers(cli, answers, n) : fr_cli_fail(cli, rc, &err);
    for (size_t i = 0; i < n; i++) {
        free((char *)inputs[i].at);
        free(answers[i]);
    }
    free(inputs);
    free(answers);
    return status;
}

/* ---- --init ------------------------------------------------------------------------------- */

static int run_init(fr_cli *cli, const char *data)
{
    fr_err err = { 0 };
    const char *out = fr_arg_text(cli, "out", NULL);
    char *path = out != NULL ? fr_dup(out) : NULL;
    if (path == NULL) { /* tickets.csv: tickets/task.yaml */
        char *stem = fr_dup(data), *slash = strrchr(stem, '/');
        char *dot = strrchr(slash != NULL ? slash : stem, '.');
        if (dot != NULL && dot > stem && dot[-1] != '/')
            *dot = '\0';
        path = strcmp(stem, data) == 0 ? fr_dup_f("%s-task/task.yaml", stem)
                                       : fr_path_join(stem, "task.yaml");
        free(stem);
    }
    FR_AUTO(fr_buf) told = { 0 };
    int rc = fr_task_init(data, path, &told, &err);
    int status = fr_cli_fail(cli, rc, &err);
    if (rc == 0 && fr_cli_json(cli))
        status = fr_cli_put_json(cli, json_pack("{s:s}", "task_file", path));
    else if (rc == 0)
        printf("%slook it over, then: frugal adapt %s\n", fr_buf_text(&told), path);
    free(path);
    return status;
}

/* ---- the command -------------------------------------------------------------------------- */

/* --only a,b --only c as one list. Owned: free() each and the list. */
static char **only_list(fr_cli *cli)
{
    char **names = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; fr_arg_list(cli, "only", i) != NULL; i++) {
        fr_str rest = fr_str_of(fr_arg_list(cli, "only", i)), piece;
        while (fr_str_next(&rest, ',', &piece)) {
            piece = fr_str_trim(piece);
            if (piece.n == 0)
                continue;
            FR_GROW(names, n, cap);
            names[n++] = fr_str_dup(piece);
        }
    }
    FR_GROW(names, n, cap);
    names[n] = NULL;
    return names;
}

static bool target_was_met(const json_t *verdict)
{
    return json_is_null(json_object_get(verdict, "target")) ||
           json_is_true(json_object_get(verdict, "met"));
}

static int run_climb(fr_cli *cli, const char *path)
{
    fr_err err = { 0 };
    FR_AUTOPTR(fr_task) task = NULL;
    int rc = fr_task_load(path, &task, &err);
    if (rc != 0)
        return fr_cli_fail(cli, rc, &err);
    char **only = only_list(cli);
    fr_adapt_options options = { .out_dir = fr_arg_text(cli, "out", NULL),
                                 .ledger = fr_cli_ledger(cli),
                                 .place = fr_cli_place(cli),
                                 .threads = (int)fr_arg_i64(cli, "threads", 0),
                                 .never_stop = fr_arg_flag(cli, "never-stop"),
                                 .only = (const char *const *)only,
                                 .train_max_s = fr_arg_f64(cli, "train-time", 0),
                                 .fresh = fr_arg_flag(cli, "fresh"),
                                 .seed = (uint64_t)fr_arg_i64(cli, "seed", 1),
                                 .argv = fr_cli_argv(cli),
                                 .progress = fr_cli_progress(cli, NULL),
                                 .on_event = on_event,
                                 .on_run = on_run,
                                 .user = cli };
    json_t *verdict = NULL;
    rc = fr_adapt(task, &options, &verdict, &err);
    for (size_t i = 0; only[i] != NULL; i++)
        free(only[i]);
    free(only);
    if (rc != 0)
        return fr_cli_fail(cli, rc, &err);
    int status = target_was_met(verdict) ? 0 : 3;
    if (fr_cli_json(cli)) {
        int put = fr_cli_put_json(cli, verdict);
        return put != 0 ? put : status;
    }
    print_verdict(verdict);
    json_decref(verdict);
    return fflush(stdout) == 0 ? status : 1;
}

static int run(fr_cli *cli)
{
    const char *init = fr_arg_text(cli, "init", NULL), *answer = fr_arg_text(cli, "answer", NULL);
    if (init != NULL)
        return run_init(cli, init);
    if (answer != NULL)
        return run_answer(cli, answer);
    fr_err err = { 0 };
    const char *path = NULL;
    int rc = fr_arg_need(cli, 0, "a task file", &path, &err);
    if (rc != 0)
        return fr_cli_fail(cli, rc, &err);
    return run_climb(cli, path);
}

static const fr_option OPTIONS[] = {
    { "out", 'o', FR_OPTION_TEXT, "DIR", "where results go (default adapted/TASK)" },
    { "init", 0, FR_OPTION_TEXT, "DATA", "write a task file for a CSV or JSONL, and split it" },
    { "answer", 0, FR_OPTION_TEXT, "DIR", "answer the lines of stdin with what a climb left" },
    { "never-stop", 0, FR_OPTION_FLAG, NULL, "climb every rung, for comparison" },
    { "only", 0, FR_OPTION_LIST, "RUNG,…", "climb these rungs only" },
    { "train-time", 0, FR_OPTION_F64, "S", "let each training take at most S seconds" },
    { "fresh", 0, FR_OPTION_FLAG, NULL, "do not go on with an earlier climb's rungs" },
    { "threads", 't', FR_OPTION_I64, "N", "threads (default: one per processor)" },
    { "seed", 0, FR_OPTION_I64, "N", "seed of every choice (default 1)" },
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

const fr_command FR_COMMAND_adapt = {
    .name = "adapt",
    .run = run,
    .options = OPTIONS,
    .arguments = "TASK.yaml",
    .summary = "find the least customization that is enough, with the evidence",
    .examples =
        "frugal adapt --init tickets.csv  # writes tickets/task.yaml, splits train and eval\n"
        "frugal adapt tickets/task.yaml  # climbs until a rung is enough\n"
        "frugal adapt task.yaml --never-stop --zone FR --json  # every rung; the verdict "
        "as JSON\n"
        "frugal adapt task.yaml --only traditional,few-shot --out tried/\n"
        "frugal adapt --answer adapted/tickets < questions.txt  # use what was chosen\n",
    .more =
        "Rungs, tried in the order of the energy predicted over the task's horizon (build + "
        "requests + idle):\n"
        "traditional, zero-shot, few-shot, generated-knowledge, self-consistency, react, rag, "
        "lora, "
        "full,\nscratch, and your own commands {name, build, answer}. Those that need a model that "
        "follows instructions are\ntried with one of 50 million parameters on, or when the task "
        "file names them: {name: self-consistency,\nsamples: 10, thinks: true}, {name: react, "
        "steps: 4}, {name: generated-knowledge, statements: 3}.\n\n"
        "Answers that stand in documents: data: {documents: docs/}; with embed: encoder.gguf "
        "beside "
        "it, rag chooses on\ndev whether it finds passages by words, by meaning or by both.\n\n"
        "Rows are JSON Lines {\"input\", \"output\"}, prompt/completion, instruction/input/output "
        "(Alpaca), ShareGPT\nconversations, OpenAI messages, or CSV with such columns.\n\n"
        "A command of yours finds FRUGAL_TASK_DIR, FRUGAL_OUT, FRUGAL_TRAIN, FRUGAL_DEV, "
        "FRUGAL_DOCUMENTS, FRUGAL_MODEL,\nFRUGAL_SEED and FRUGAL_THREADS in its environment; the "
        "answer command reads {\"input\": …} lines and writes\n{\"output\": …}, one for each.\n\n"
        "Exit status: 0 a rung met the target; 3 none did, or the budget was spent first; 1 "
        "failed; 130 interrupted\n(finished rungs are kept, and the same command goes on).",
};
