/* frugal embed: embeddings of texts, or the classes that a model sees in them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/model_work.h"
#include "infer/embedder.h"

enum { TOGETHER = 1024 /* texts between two looks at Ctrl-C */ };

static const fr_option OPTIONS[] = {
    { "model", 'm', FR_OPTION_TEXT, "FILE", "model file (GGUF): an encoder, or any other" },
    { "prompt", 'p', FR_OPTION_TEXT, "TEXT", "one text" },
    { "file", 'f', FR_OPTION_TEXT, "FILE", "a text a line (-: stdin, the default)" },
    { "pooling", 0, FR_OPTION_TEXT, "KIND",
      "mean, cls (first token) or last (default: as the model says)" },
    { "no-normalize", 0, FR_OPTION_FLAG, NULL, "embeddings keep their length (default: made one)" },
    { "truncate", 0, FR_OPTION_FLAG, NULL, "cut texts that are too long (default: refuse them)" },
    { "classify", 0, FR_OPTION_FLAG, NULL, "labels and scores by the model's classification head" },
    { "pairs", 0, FR_OPTION_FLAG, NULL,
      "with --classify: a line is two texts with a tab between them (query, passage)" },
    { "batch", 'b', FR_OPTION_I64, "N", "tokens computed together (default: 512)" },
    { "out", 'o', FR_OPTION_TEXT, "FILE", "write embeddings or logits: float32, a row per text" },
    { "threads", 't', FR_OPTION_I64, "N", "processor threads (default: all)" },
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

typedef struct {
    fr_model_work work; /* its engine stays closed */
    fr_embedder *embedder;
    fr_buf text;
    fr_str *first, *second; /* [n]; second NULL without pairs */
    size_t n, cap, width;   /* width: of a row of values */
    float *values;          /* [n][width] */
    bool classify, pairs;
} job;

static void job_fini(job *j)
{
    if (j->embedder != NULL)
        fr_embedder_listen(j->embedder, (fr_work_sink){ 0 });
    fr_model_work_fini(&j->work);
    fr_embedder_free(j->embedder);
    fr_buf_fini(&j->text);
    free(j->first);
    free(j->second);
    free(j->values);
}
FR_AUTO_DEFINE(job);

static int pooling_of(fr_cli *cli, fr_pooling *out, fr_err *err)
{
    static const fr_pooling KNOWN[] = { FR_POOLING_MEAN, FR_POOLING_CLS, FR_POOLING_LAST };
    const char *name = fr_arg_text(cli, "pooling", NULL);
    *out = FR_POOLING_NONE;
    for (size_t i = 0; name != NULL && i < FR_COUNT_OF(KNOWN); i++)
        if (strcmp(name, fr_pooling_name(KNOWN[i])) == 0)
            *out = KNOWN[i];
    if (name != NULL && *out == FR_POOLING_NONE)
        return fr_fail(err, FR_E_USAGE, "Choose mean, cls or last.", "--pooling '%s' is not known",
                       name);
    return 0;
}

/* ---- texts in -------------------------------------------------------------------------------- */

static int put_line(job *j, fr_str line, fr_err *err)
{
    size_t tab = 0;
    if (line.n > 0 && line.at[line.n - 1] == '\r')
        line.n--;
    if (j->n == j->cap) {
        j->cap = j->cap > 0 ? j->cap * 2 : 64;
        j->first = fr_array_resize(j->first, j->cap, sizeof(*j->first));
        if (j->pairs)
            j->second = fr_array_resize(j->second, j->cap, sizeof(*j->second));
    }
    if (j->pairs) {
        if (!fr_str_find(line, FR_STR("\t"), &tab))
            return fr_fail(err, FR_E_USAGE, "Write a query, a tab and a passage on each line.",
                           "line %zu has no tab", j->n + 1);
        j->second[j->n] = (fr_str){ line.at + tab + 1, line.n - tab - 1 };
        line.n = tab;
    }
    j->first[j->n++] = line;
    return 0;
}

static int read_texts(fr_cli *cli, job *j, fr_err *err)
{
    FR_TRY(fr_text_given(cli, &j->text, err));
    fr_str rest = fr_buf_str(&j->text), line;
    if (fr_arg_given(cli, "prompt") && !j->pairs) {
        FR_TRY(put_line(j, rest, err)); /* also of several lines */
    } else {
        while (fr_str_next(&rest, '\n', &line))
            if (line.n > 0 || rest.n > 0)
                FR_TRY(put_line(j, line, err));
    }
    if (j->n == 0)
        return fr_fail(err, FR_E_USAGE, "Give a text a line.", "there is no text");
    return 0;
}

/* ---- the run --------------------------------------------------------------------------------- */

static int open_model(fr_cli *cli, job *j, fr_err *err)
{
    const char *path = NULL;
    fr_embedder_options o = { .raw = fr_arg_flag(cli, "no-normalize"),
                              .truncate = fr_arg_flag(cli, "truncate") };
    const long long threads = fr_arg_i64(cli, "threads", 0), batch = fr_arg_i64(cli, "batch", 0);
    FR_TRY(fr_arg_need_text(cli, "model", &path, err));
    FR_TRY(pooling_of(cli, &o.pooling, err));
    if (threads < 0 || threads > 1024)
        return fr_fail(err, FR_E_USAGE, NULL, "--threads takes a number from 1 to 1024, not %lld",
                       threads);
    if (batch < 0 || batch > 1 << 20 || (batch == 0 && fr_arg_given(cli, "batch")))
        return fr_fail(err, FR_E_USAGE, NULL, "--batch takes a number from 1 to %d, not %lld",
                       1 << 20, batch);
    if (j->pairs && !j->classify)
        return fr_fail(err, FR_E_USAGE, "Add --classify.", "--pairs alone says nothing");
    o.threads = (int)threads;
    o.step_tokens = (size_t)batch;
    FR_TRY(fr_cli_run_begin(cli, "embed", path, &j->work.run, err));
    o.work = fr_run_work(j->work.run);
    fr_phase *load = NULL;
    FR_TRY(fr_phase_begin(j->work.run, "load", path, &load, err));
    int rc = fr_embedder_open(path, &o, &j->embedder, err);
    int end_rc = fr_phase_end(load, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : NULL);
    return rc != 0 ? rc : end_rc;
}

static int compute(fr_cli *cli, job *j, fr_err *err)
{
    const fr_progress *progress = fr_cli_progress(cli, j->work.run);
    for (size_t i = 0; i < j->n; i += TOGETHER) {
        const size_t n = FR_MIN((size_t)TOGETHER, j->n - i);
        float *out = j->values + i * j->width;
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped");
        FR_TRY(j->classify ? fr_embedder_classify(j->embedder, j->first + i,
                                                  j->pairs ? j->second + i : NULL, n, out, err)
                           : fr_embedder_embed(j->embedder, j->first + i, n, out, err));
        fr_progress_step(progress, "embed", (double)(i + n), (double)j->n, "texts", NULL);
    }
    return 0;
}

static int embed_all(fr_cli *cli, job *j, fr_err *err)
{
    j->width = j->classify ? fr_embedder_n_labels(j->embedder) : fr_embedder_dim(j->embedder);
    if (j->width == 0)
        return fr_fail(err, FR_E_USAGE, "Leave --classify out, or take a model that classifies.",
                       "'%s' has no classification head",
                       fr_model_path(fr_embedder_model(j->embedder)));
    void *room;
    FR_TRY(fr_try_array(j->n, j->width * sizeof(float), "embeddings", &room, err));
    j->values = room;
    fr_phase *phase = NULL;
    FR_TRY(fr_phase_begin(j->work.run, j->classify ? "classify" : "embed", NULL, &phase, err));
    int rc = compute(cli, j, err);
    int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : NULL);
    FR_TRY(rc != 0 ? rc : end_rc);
    const char *path = fr_arg_text(cli, "out", NULL);
    const fr_str bytes = { (const char *)j->values, j->n * j->width * sizeof(float) };
    return path != NULL ? fr_file_write(path, bytes, err) : 0;
}

/* ---- what is shown --------------------------------------------------------------------------- */

/* Of several classes their softmax, of one its sigmoid. */
static void to_scores(const float *logits, size_t n, double *scores)
{
    double sum = 0, most = (double)logits[0];
    for (size_t i = 1; i < n; i++)
        most = fmax(most, (double)logits[i]);
    if (n == 1) {
        scores[0] = 1 / (1 + exp(-most));
        return;
    }
    for (size_t i = 0; i < n; i++)
        sum += scores[i] = exp((double)logits[i] - most);
    for (size_t i = 0; i < n; i++)
        scores[i] /= sum;
}

static size_t best_of(const float *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

static json_t *numbers(const float *at, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_real((double)at[i]));
    return list;
}

static void put_classes(const job *j, json_t *o)
{
    const fr_model *m = fr_embedder_model(j->embedder);
    double *scores = FR_NEW_N(double, j->width);
    char buf[32];
    json_t *labels = json_array(), *list = json_array();
    for (size_t i = 0; i < j->width; i++)
        json_array_append_new(labels, fr_json_bytes(fr_model_label(m, i, buf)));
    for (size_t i = 0; i < j->n; i++) {
        const float *logits = j->values + i * j->width;
        json_t *score = json_array();
        to_scores(logits, j->width, scores);
        for (size_t k = 0; k < j->width; k++)
            json_array_append_new(score, json_real(scores[k]));
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o}", "label",
                            fr_json_bytes(fr_model_label(m, best_of(logits, j->width), buf)),
                            "scores", score, "logits", numbers(logits, j->width)));
    }
    free(scores);
    json_object_set_new(o, "labels", labels);
    json_object_set_new(o, "classes", list);
}

static int put_json(fr_cli *cli, const job *j, fr_err *err)
{
    json_t *o = json_object();
    json_object_set_new(o, "model", json_string(fr_model_name(fr_embedder_model(j->embedder))));
    json_object_set_new(o, "texts", json_integer((json_int_t)j->n));
    json_object_set_new(o, "tokens", json_integer((json_int_t)fr_embedder_n_tokens(j->embedder)));
    json_object_set_new(o, "truncated", json_integer((json_int_t)fr_embedder_n_cut(j->embedder)));
    if (j->classify) {
        put_classes(j, o);
    } else {
        json_t *list = json_array();
        for (size_t i = 0; i < j->n; i++)
            json_array_append_new(list, numbers(j->values + i * j->width, j->width));
        json_object_set_new(o, "pooling",
                            json_string(fr_pooling_name(fr_embedder_pooling(j->embedder))));
        json_object_set_new(o, "normalized", json_boolean(!fr_arg_flag(cli, "no-normalize")));
        json_object_set_new(o, "dim", json_integer((json_int_t)j->width));
        json_object_set_new(o, "embeddings", list);
    }
    fr_model_work_json(&j->work, o);
    return fr_cli_put_json(cli, o) == 0 ? 0
                                        : fr_fail(err, FR_E_IO, NULL, "cannot write the output");
}

static void print(fr_cli *cli, const job *j)
{
    const fr_model *m = fr_embedder_model(j->embedder);
    double *scores = FR_NEW_N(double, j->width);
    char buf[32], took[128];
    for (size_t i = 0; i < j->n && (j->classify || !fr_arg_given(cli, "out")); i++) {
        const float *row = j->values + i * j->width;
        if (j->classify) {
            const size_t best = best_of(row, j->width);
            to_scores(row, j->width, scores);
            printf("%.4f  %10.4f  %.*s\n", scores[best], (double)row[best],
                   FR_STR_F(fr_model_label(m, best, buf)));
            continue;
        }
        for (size_t k = 0; k < j->width; k++)
            printf("%s%.6g", k > 0 ? " " : "", (double)row[k]);
        putchar('\n');
    }
    free(scores);
    if (fr_embedder_n_cut(j->embedder) > 0)
        fr_cli_tell(cli, "%llu texts were cut at the model's context of %zu tokens",
                    (unsigned long long)fr_embedder_n_cut(j->embedder),
                    fr_embedder_context(j->embedder));
    fr_model_work_text(&j->work, took);
    fr_cli_tell(cli, "%zu texts, %llu tokens, %.2f CPU-s, %s", j->n,
                (unsigned long long)fr_embedder_n_tokens(j->embedder), j->work.used.cpu_s, took);
}

static int embed(fr_cli *cli, fr_err *err)
{
    FR_AUTO(job) j = { .classify = fr_arg_flag(cli, "classify"),
                       .pairs = fr_arg_flag(cli, "pairs") };
    const char *path = NULL;
    FR_TRY(fr_arg_need_text(cli, "model", &path, err));
    FR_TRY(read_texts(cli, &j, err));
    FR_TRY(open_model(cli, &j, err));
    FR_TRY(embed_all(cli, &j, err));
    fr_run_note(j.work.run, "work", "texts", (double)j.n, NULL, NULL);
    FR_TRY(fr_model_work_end(&j.work, "done", err));
    if (fr_cli_json(cli))
        return put_json(cli, &j, err);
    print(cli, &j);
    return 0;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, embed(cli, &err), &err);
}

const fr_command FR_COMMAND_embed = {
    .name = "embed",
    .run = run,
    .options = OPTIONS,
    .arguments = "",
    .summary = "turn texts into embeddings, or into classes",
    .examples =
        "frugal embed -m encoder.gguf --json < sentences.txt  # {\"embeddings\": [[...], ...]}\n"
        "frugal embed -m encoder.gguf -f sentences.txt --out vectors.f32  # float32, a row a line\n"
        "frugal embed -m reranker.gguf --classify --pairs -f query-tab-passage.txt  # scores\n",
    .more = "An embedding does not depend on the other texts, on --batch or on threads. A text "
            "longer than the model's context is refused with its number of tokens unless "
            "--truncate cuts it. Any generating model can embed, too: by its last layer's states.",
};
