/* The user's own rung: a command that builds and a command that answers, JSON Lines in and out. */
#include "adapt/rung.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/proc.h"

#define TIME_S         900 /* when the task file states none */
#define FILE_MAX_BYTES ((off_t)256 << 20)

static bool fits(fr_rung *r)
{
    if (!r->with.metric->perplexity)
        return true;
    snprintf(r->reason, sizeof(r->reason),
             "a command gives answers, not likelihoods, so there is no perplexity");
    return false;
}

/* Nobody can know a command's cost before it ran. */
static int predict(fr_rung *r, fr_rung_forecast *out, fr_err *err)
{
    (void)err;
    *out = (fr_rung_forecast){ .build = r->strategy->build != NULL ? fr_forecast_unknown()
                                                                   : fr_forecast_zero(),
                               .request = fr_forecast_unknown(),
                               .load = fr_forecast_zero() };
    return 0;
}

#define N_ENV 9 /* FRUGAL_RUN is there already: the run puts it there */
typedef struct {
    char *at[N_ENV + 1];
} environment;

static const char *kind_name(fr_task_kind kind)
{
    static const char *const NAMES[] = { "none", "label", "answer", "text" };
    return NAMES[kind];
}

static char *absolute(const char *path)
{
    char *real = realpath(path, NULL);
    return real != NULL ? real : fr_dup(path);
}

static void environment_init(const fr_rung *r, environment *env)
{
    char *dir = absolute(r->dir), *task = absolute(r->with.task_dir);
    char *documents = r->with.documents != NULL ? absolute(r->with.documents) : fr_dup("");
    char *model =
        r->model != NULL && r->model->path != NULL ? absolute(r->model->path) : fr_dup("");
    env->at[0] = fr_dup_f("FRUGAL_TASK_DIR=%s", task);
    env->at[1] = fr_dup_f("FRUGAL_OUT=%s", dir);
    env->at[2] = fr_dup_f("FRUGAL_TRAIN=%s/train.jsonl", dir);
    env->at[3] = fr_dup_f("FRUGAL_DEV=%s/dev.jsonl", dir);
    env->at[4] = fr_dup_f("FRUGAL_DOCUMENTS=%s", documents);
    env->at[5] = fr_dup_f("FRUGAL_MODEL=%s", model);
    env->at[6] = fr_dup_f("FRUGAL_KIND=%s", kind_name(r->with.kind));
    env->at[7] = fr_dup_f("FRUGAL_SEED=%llu", (unsigned long long)r->seed);
    env->at[8] = fr_dup_f("FRUGAL_THREADS=%d", r->threads);
    free(dir);
    free(task);
    free(documents);
    free(model);
}

static void environment_fini(environment *env)
{
    for (size_t i = 0; i < N_ENV; i++)
        free(env->at[i]);
}

/* The last line of what a program said on stderr, for an error. */
static fr_str last_line(const fr_buf *text)
{
    fr_str all = fr_str_trim(fr_buf_str(text));
    for (size_t i = all.n; i > 0; i--) {
        if (all.at[i - 1] == '\n')
            return (fr_str){ all.at + i, all.n - i };
    }
    return all;
}

static int run_command(fr_rung *r, const char *what, const char *shell, fr_str input,
                       fr_proc_result *done, fr_err *err)
{
    environment env = { { NULL } };
    environment_init(r, &env);
    double time_s = r->strategy->time_s > 0 ? r->strategy->time_s : TIME_S;
    fr_proc_options options = { .shell = shell,
                                .cwd = r->with.task_dir,
                                .env = (const char *const *)env.at,
                                .input = input,
                                .timeout_s = time_s,
                                .progress = r->progress };
    int rc = fr_proc_run(&options, done, err);
    environment_fini(&env);
    if (rc == FR_E_LIMIT)
        return fr_fail(err, FR_E_CHILD,
                       "Give the rung more time with budget: {time_s: …}, or mend the command.",
                       "the %s command did not end within %g s", what, time_s);
    FR_TRY(rc);
    if (done->exit_code == 0)
        return 0;
    fr_str line = last_line(&done->err_tail);
    line.n = FR_MIN(line.n, (size_t)160);
    if (done->exit_code < 0)
        return fr_fail(err, FR_E_CHILD, NULL, "the %s command was ended by signal %d%s%.*s", what,
                       done->signal, line.n != 0 ? ": " : "", FR_STR_F(line));
    return fr_fail(err, FR_E_CHILD, NULL, "the %s command failed with exit status %d%s%.*s", what,
                   done->exit_code, line.n != 0 ? ": " : "", FR_STR_F(line));
}

static int write_rows(const fr_rung *r, const char *name, const fr_data *data, fr_err *err)
{
    FR_AUTO(fr_buf) out = { 0 };
    for (size_t i = 0; i < data->n; i++)
        fr_data_put_json(&out, data->at[i].input, data->at[i].output);
    char *path = fr_path_join(r->dir, name);
    int rc = fr_file_write(path, fr_buf_str(&out), err);
    free(path);
    return rc;
}

static int build(fr_rung *r, fr_err *err)
{
    FR_TRY(fr_dir_make(r->dir, err));
    FR_TRY(write_rows(r, "train.jsonl", r->with.train, err));
    FR_TRY(write_rows(r, "dev.jsonl", r->with.dev, err));
    if (r->strategy->build == NULL)
        return 0;
    FR_AUTO(fr_proc_result) done = { 0 };
    return run_command(r, "build", r->strategy->build, (fr_str){ NULL, 0 }, &done, err);
}

static int open_nothing(fr_rung *r, fr_err *err)
{
    (void)r;
    (void)err;
    return 0;
}

/* {"output": …}, or text or answer, or a bare string. NULL: rubbish. */
static char *answer_in(const json_t *row)
{
    static const char *const KEYS[] = { "output", "text", "answer", "label" };
    const json_t *value = row;
    for (size_t i = 0; json_is_object(row) && i < FR_COUNT_OF(KEYS); i++) {
        value = json_object_get(row, KEYS[i]);
        if (value != NULL)
            break;
    }
    if (json_is_string(value))
        return fr_dup(json_string_value(value));
    if (json_is_integer(value))
        return fr_dup_f("%lld", (long long)json_integer_value(value));
    return NULL;
}

static int read_answers(fr_str text, size_t n, char **answers, fr_err *err)
{
    fr_str line;
    size_t got = 0;
    for (size_t number = 1; fr_str_next(&text, '\n', &line); number++) {
        if (fr_str_trim(line).n == 0)
            continue;
        json_t *row = json_loadb(line.at, line.n, JSON_DECODE_ANY, NULL);
        char *answer = row != NULL ? answer_in(row) : NULL;
        json_decref(row);
        if (answer == NULL)
            return fr_fail(err, FR_E_CHILD,
                           "It writes {\"output\": …}, one line for each line it "
                           "reads, and nothing else on stdout.",
                           "line %zu of what the answer command wrote is no answer: '%.*s'", number,
                           (int)FR_MIN(line.n, (size_t)60), line.at);
        if (got == n) {
            free(answer);
            return fr_fail(err, FR_E_CHILD, "It writes one line for each line it reads.",
                           "the answer command wrote more than the %zu answers asked for", n);
        }
        answers[got++] = answer;
    }
    if (got < n)
        return fr_fail(err, FR_E_CHILD, "It writes one line for each line it reads.",
                       "the answer command wrote %zu answers for %zu questions", got, n);
    return 0;
}

static int answer(fr_rung *r, const fr_str *inputs, size_t n, bool together, char **answers,
                  fr_err *err)
{
    (void)together; /* a command is always asked for all at once */
    FR_AUTO(fr_buf) in = { 0 };
    for (size_t i = 0; i < n; i++)
        fr_data_put_json(&in, inputs[i], (fr_str){ NULL, 0 });
    FR_AUTO(fr_proc_result) done = { 0 };
    FR_TRY(run_command(r, "answer", r->strategy->answer, fr_buf_str(&in), &done, err));
    return read_answers(fr_buf_str(&done.out), n, answers, err);
}

static int save(fr_rung *r, json_t *artifact, fr_err *err)
{
    (void)err;
    json_object_set_new(artifact, "answer", json_string(r->strategy->answer));
    if (r->strategy->build != NULL)
        json_object_set_new(artifact, "build", json_string(r->strategy->build));
    fr_rung_note(r, "a request's figure has its share of starting the answer command");
    return 0;
}

/* A shell line's words, roughly: what could be the name of a file. */
#define BETWEEN_WORDS " \t\n'\"`;|&<>()="
#define OWN_FOLDER    "$FRUGAL_TASK_DIR/"

static void put_files(const char *task_dir, const char *shell, json_t *files)
{
    while (shell != NULL && *shell != '\0') {
        shell += strspn(shell, BETWEEN_WORDS);
        size_t n = strcspn(shell, BETWEEN_WORDS);
        char *word = fr_dup_n(shell, n);
        bool ours = strncmp(word, OWN_FOLDER, strlen(OWN_FOLDER)) == 0;
        char *path = fr_path_join(task_dir, ours ? word + strlen(OWN_FOLDER) : word);
        char hash[FR_SHA256_HEX];
        struct stat info;
        if (n != 0 && stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
            info.st_size <= FILE_MAX_BYTES && fr_sha256_file(path, hash, NULL) == 0)
            json_object_set_new(files, word, json_string(hash));
        free(path);
        free(word);
        shell += n;
    }
}

json_t *fr_rung_files(const fr_rung *r)
{
    json_t *files = json_object();
    put_files(r->with.task_dir, r->strategy->build, files);
    put_files(r->with.task_dir, r->strategy->answer, files);
    put_files(r->with.task_dir, r->with.metric->command, files);
    return files;
}

static void key(const fr_rung *r, json_t *settings)
{
    json_object_set_new(settings, "answer", json_string(r->strategy->answer));
    json_object_set_new(settings, "build",
                        json_string(r->strategy->build != NULL ? r->strategy->build : ""));
    json_object_set_new(settings, "time_s", json_real(r->strategy->time_s));
}

const fr_rung_kind FR_RUNG_COMMAND = {
    .strategy = "command",
    .fits = fits,
    .predict = predict,
    .build = build,
    .open = open_nothing,
    .answer = answer,
    .save = save,
    .key = key,
};
