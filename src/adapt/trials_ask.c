/* The arms of an experiment, and how one is asked: with whatever its model stands behind. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/outcome.h"
#include "adapt/rung.h"
#include "adapt/trials_priv.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "prompt/prompt_file.h"

#define BATCH         16
#define KV_MAX_BYTES  ((size_t)1 << 30)
#define CONTEXT_MOST  4096
#define PASSAGE_CHARS 600
#define FOUND         3 /* passages that a tool shows */

uint64_t fr_trial_row(const fr_datum *row)
{
    return fr_hash64(row->input.at, row->input.n, 0x726f77);
}

/* ---- what answers ------------------------------------------------------------------------- */

void fr_trial_close(fr_bench *b)
{
    fr_endpoint_free(b->endpoint);
    fr_engine_free(b->engine);
    fr_model_free(b->model);
    b->endpoint = NULL;
    b->engine = NULL;
    b->model = NULL;
    b->open_model = SIZE_MAX;
}

static int open_engine(fr_bench *b, const char *path, fr_err *err)
{
    FR_TRY(fr_model_open(path, &b->model, err));
    const fr_shape *shape = fr_model_shape(b->model);
    size_t context = FR_MIN(shape->context != 0 ? shape->context : CONTEXT_MOST, CONTEXT_MOST);
    size_t kv = fr_shape_kv_bytes_per_token(shape) * context, batch = BATCH;
    while (batch > 1 && kv * batch > KV_MAX_BYTES)
        batch /= 2;
    fr_engine_options options = { .threads = b->options->threads,
                                  .context = context,
                                  .max_batch = batch,
                                  .work = fr_run_work(b->run) };
    FR_TRY(fr_engine_new(b->model, &options, &b->engine, err));
    return fr_endpoint_engine(b->engine, NULL, &b->endpoint, err);
}

static int open_model(fr_bench *b, size_t m, fr_err *err)
{
    if (b->open_model == m)
        return 0;
    fr_trial_close(b);
    const fr_task_model *model = &b->t->task->models[m];
    int rc = model->path != NULL ? open_engine(b, model->path, err)
                                 : fr_endpoint_connect(model->endpoint, model->written, b->t->dir,
                                                       &b->endpoint, err);
    if (rc == 0)
        b->open_model = m;
    return rc;
}

static bool is_inside(const fr_bench *b, size_t m)
{
    const fr_task_model *model = &b->t->task->models[m];
    return model->path != NULL || fr_endpoint_address_is_local(model->endpoint);
}

/* ---- prompts of the user's own ------------------------------------------------------------ */

static json_t *text_json(fr_str text)
{
    json_t *value = text.n != 0 ? json_stringn(text.at, text.n) : json_string("");
    return value != NULL ? value : json_string("\xef\xbf\xbd"); /* bytes that are no UTF-8 */
}

static json_t *list_json(const fr_str *at, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, text_json(at[i]));
    return list;
}

static json_t *joined(const fr_str *at, size_t n, const char *by)
{
    FR_AUTO(fr_buf) out = { 0 };
    for (size_t i = 0; i < n; i++)
        fr_buf_put_f(&out, "%s%.*s", i != 0 ? by : "", FR_STR_F(at[i]));
    return text_json(fr_buf_str(&out));
}

static int write_prompt(void *user, const fr_prompt_parts *parts, fr_buf *out, fr_err *err)
{
    const fr_bench *b = user;
    json_t *vars = json_object(), *shots = json_array();
    FR_AUTO(fr_buf) examples = { 0 };
    for (size_t i = 0; i < parts->n_shots; i++) {
        const fr_shot *s = &parts->shots[i];
        json_t *shot = json_object();
        json_object_set_new(shot, "input", text_json(s->input));
        json_object_set_new(shot, "output", text_json(s->output));
        json_array_append_new(shots, shot);
        fr_buf_put_f(&examples, "Input: %.*s\nOutput: %.*s\n\n", FR_STR_F(s->input),
                     FR_STR_F(s->output));
    }
    json_object_set_new(vars, "input", text_json(parts->input));
    json_object_set_new(vars, "instruction", text_json(parts->instruction));
    json_object_set_new(vars, "labels", list_json(parts->labels, parts->n_labels));
    json_object_set_new(vars, "label_list", joined(parts->labels, parts->n_labels, ", "));
    json_object_set_new(vars, "shots", shots);
    json_object_set_new(vars, "examples", text_json(fr_buf_str(&examples)));
    json_object_set_new(vars, "passages", list_json(parts->passages, parts->n_passages));
    json_object_set_new(vars, "context", joined(parts->passages, parts->n_passages, "\n\n"));
    json_object_set_new(vars, "knowledge", joined(parts->knowledge, parts->n_knowledge, "\n"));
    int rc = fr_prompt_file_render(b->asking->variant->prompt_path,
                                   &(fr_prompt_file_options){ .strict = true }, vars, out, err);
    json_decref(vars);
    return rc;
}

/* ---- passages and tools ------------------------------------------------------------------- */

static int open_index(fr_bench *b, fr_err *err)
{
    if (b->index != NULL)
        return 0;
    char *path = fr_path_join(b->out_dir, "index.db");
    fr_documents documents = { 0 };
    int rc = fr_documents_load(b->t->task->documents_path, &documents, err);
    if (rc == 0)
        rc = fr_index_build(
            path, documents.at, documents.n,
            &(fr_index_options){ .chunk_chars = PASSAGE_CHARS, .progress = b->options->progress },
            err);
    fr_documents_fini(&documents);
    if (rc == 0)
        rc = fr_index_open(path, &b->index, err);
    free(path);
    return rc;
}

static int give_passages(void *user, fr_str input, const fr_str **at, size_t *n, fr_err *err)
{
    fr_bench *b = user;
    FR_TRY(open_index(b, err));
    fr_hits_fini(&b->hits);
    size_t most = FR_MIN(b->asking->variant->n_passages, FR_COUNT_OF(b->passages));
    FR_TRY(fr_index_search(b->index, input, most, &b->hits, err));
    for (size_t i = 0; i < b->hits.n; i++)
        b->passages[i] = fr_str_of(b->hits.at[i].text);
    *at = b->passages;
    *n = b->hits.n;
    return 0;
}

static int search_documents(void *user, fr_str words, fr_buf *out, fr_err *err)
{
    fr_bench *b = user;
    FR_AUTO(fr_hits) hits = { 0 };
    FR_TRY(open_index(b, err));
    FR_TRY(fr_index_search(b->index, words, FOUND, &hits, err));
    for (size_t i = 0; i < hits.n; i++)
        fr_buf_put_f(out, "%s[%s] %s", i != 0 ? " " : "", hits.at[i].id, hits.at[i].text);
    return 0;
}

static double joules_so_far(void *user)
{
    return fr_run_so_far(((fr_bench *)user)->run).value_j;
}

/* ---- asking ------------------------------------------------------------------------------- */

static fr_prompting prompting_of(fr_bench *b, const fr_trial_arm *arm, const fr_progress *quiet)
{
    const fr_task *task = b->t->task;
    const fr_trial_parameters *q = arm->parameters;
    return (fr_prompting){ .endpoint = b->endpoint,
                           .kind = task->kind,
                           .labels = task->labels,
                           .n_labels = task->n_labels,
                           .instruction = fr_str_of(arm->instruction),
                           .write = arm->variant->prompt != NULL ? write_prompt : NULL,
                           .user = b,
                           .sampling = { .temperature = q->temperature,
                                         .top_p = q->top_p,
                                         .top_k = q->top_k,
                                         .max_tokens = q->max_tokens,
                                         .grammar = b->grammar,
                                         .seed = b->t->seed },
                           .progress = quiet,
                           .joules = joules_so_far,
                           .meter = b };
}

static int ask_chunk(fr_bench *b, fr_trial_arm *arm, const fr_str *inputs, size_t n,
                     fr_tried *tried, fr_used *used, fr_err *err)
{
    char *keep_in = fr_path_join(b->out_dir, "knowledge");
    fr_tool tools[2] = { FR_TOOL_CALCULATE,
                         { "search", "search[words]: passages of the documents with these words",
                           search_documents, b } };
    fr_progress quiet = b->options->progress != NULL ? *b->options->progress : (fr_progress){ 0 };
    quiet.step = NULL;
    fr_technique technique = arm->variant->technique;
    technique.pool = b->pool;
    technique.keep_in = keep_in;
    technique.tools = tools;
    technique.n_tools = b->t->task->documents_path != NULL ? 2 : 1;
    if (arm->variant->n_passages != 0) {
        technique.passages = give_passages;
        technique.passages_user = b;
    }
    fr_prompting p = prompting_of(b, arm, &quiet);
    fr_phase *phase = NULL;
    b->asking = arm;
    fr_err dropped = { 0 };
    int rc = fr_phase_begin(b->run, "trial", arm->name, &phase, err);
    if (rc == 0) {
        rc = fr_technique_ask(&p, &technique, inputs, n, tried, err);
        int ended =
            fr_phase_end(phase, rc == 0 ? "done" : "failed", used, rc == 0 ? err : &dropped);
        rc = rc != 0 ? rc : ended;
    }
    free(keep_in);
    return rc;
}

static int keep_chunk(fr_bench *b, const fr_trial_arm *arm, const fr_datum *const *rows, size_t n,
                      fr_tried *tried, const fr_used *used, fr_err *err)
{
    fr_kept_answer *answers = FR_NEW_N(fr_kept_answer, n);
    bool inside = is_inside(b, arm->model);
    for (size_t i = 0; i < n; i++) {
        const fr_tried *t = &tried[i];
        answers[i] =
            (fr_kept_answer){ .arm = arm->key,
                              .row = fr_trial_row(rows[i]),
                              .answer = fr_dup(t->answer),
                              .calls = t->n_calls,
                              .samples = t->n_samples,
                              .prompt_tokens = t->prompt_tokens,
                              .cached_tokens = t->cached_tokens,
                              .completion_tokens = t->completion_tokens,
                              .duration_s = t->duration_s,
                              .cpu_s = inside ? used->cpu_s / (double)n : NAN,
                              .energy_j = inside ? used->active.value_j / (double)n : NAN,
                              .energy_low_j = inside ? used->active.low_j / (double)n : NAN,
                              .energy_high_j = inside ? used->active.high_j / (double)n : NAN,
                              .method = inside ? used->active.method : FR_METHOD_NONE };
        b->calls += t->n_calls;
    }
    int rc = fr_kept_put(&b->kept, answers, n, true, err);
    free(answers);
    return rc;
}

static int keep_trace(fr_bench *b, const fr_trial_arm *arm, const fr_str *inputs, size_t n,
                      const fr_tried *tried, fr_err *err)
{
    FR_AUTO(fr_buf) lines = { 0 };
    for (size_t i = 0; i < n; i++) {
        if (tried[i].trace == NULL)
            continue;
        json_t *line = json_pack("{s:s}", "arm", arm->name);
        json_object_set_new(line, "input", text_json(inputs[i]));
        json_object_set_new(line, "ended",
                            json_string(tried[i].ended != NULL ? tried[i].ended : ""));
        json_object_set(line, "steps", tried[i].trace);
        char *text = json_dumps(line, JSON_COMPACT);
        fr_buf_put_f(&lines, "%s\n", text);
        free(text);
        json_decref(line);
    }
    if (lines.n == 0)
        return 0;
    char *path = fr_path_join(b->out_dir, "traces.jsonl");
    FILE *f = fopen(path, "a");
    bool fine = f != NULL && fwrite(lines.at, 1, lines.n, f) == lines.n;
    fine = f != NULL && fclose(f) == 0 && fine;
    int rc = fine ? 0 : fr_fail_errno(err, NULL, "cannot write '%s'", path);
    free(path);
    return rc;
}

static int ask_rows(fr_bench *b, fr_trial_arm *arm, const fr_datum *const *rows, size_t n,
                    fr_err *err)
{
    FR_TRY(open_model(b, arm->model, err));
    for (size_t at = 0; at < n; at += BATCH) {
        if (fr_progress_stopped(b->options->progress))
            return fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped by the user in '%s'", arm->name);
        fr_str inputs[BATCH];
        fr_tried tried[BATCH];
        fr_used used = { 0 };
        size_t some = FR_MIN(n - at, (size_t)BATCH);
        for (size_t i = 0; i < some; i++)
            inputs[i] = rows[at + i]->input;
        FR_TRY(ask_chunk(b, arm, inputs, some, tried, &used, err));
        int rc = keep_chunk(b, arm, rows + at, some, tried, &used, err);
        if (rc == 0)
            rc = keep_trace(b, arm, inputs, some, tried, err);
        for (size_t i = 0; i < some; i++)
            fr_tried_fini(&tried[i]);
        FR_TRY(rc);
        fr_progress_step(b->options->progress, arm->name, (double)(at + some), (double)n, "rows",
                         NULL);
    }
    return 0;
}

int fr_trial_score(fr_bench *b, fr_trial_arm *arm, const uint32_t *order, size_t n, double *scores,
                   fr_err *err)
{
    const fr_datum **missing = FR_NEW_N(const fr_datum *, n);
    fr_str *inputs = FR_NEW_N(fr_str, n), *outputs = FR_NEW_N(fr_str, n);
    char **answers = FR_NEW_N(char *, n);
    size_t n_missing = 0;
    for (size_t i = 0; i < n; i++) {
        const fr_datum *row = &b->rows->at[order != NULL ? order[i] : i];
        inputs[i] = row->input;
        outputs[i] = row->output;
        bool twice = false; /* the same input in two rows is asked once */
        for (size_t k = 0; k < n_missing && !twice; k++)
            twice = fr_str_equal(missing[k]->input, row->input);
        if (!twice && fr_kept_find(&b->kept, arm->key, fr_trial_row(row)) == NULL)
            missing[n_missing++] = row;
    }
    b->reused += n - n_missing;
    int rc = n_missing != 0 ? ask_rows(b, arm, missing, n_missing, err) : 0;
    for (size_t i = 0; i < n && rc == 0; i++)
        answers[i] = fr_kept_find(&b->kept, arm->key,
                                  fr_trial_row(&b->rows->at[order != NULL ? order[i] : i]))
                         ->answer;
    if (rc == 0)
        rc = fr_score_rows(&b->t->task->metric, b->t->task->dir, inputs, answers, outputs, n,
                           scores, b->options->progress, err);
    free(missing);
    free(inputs);
    free(outputs);
    free(answers);
    return rc;
}

/* ---- the arms ----------------------------------------------------------------------------- */

static void put_parameter(json_t *o, const char *key, double v)
{
    if (v != 0)
        json_object_set_new(o, key, json_real(v));
}

/* Everything but model, prompt and rows that an arm's answers depend on. */
static json_t *settings_of(const fr_bench *b, const fr_trial_variant *v, const char *instruction,
                           const fr_trial_parameters *p)
{
    const fr_technique *q = &v->technique;
    json_t *o = json_pack("{s:s}", "technique", fr_technique_name(q->kind));
    bool draws = p->temperature > 0 || q->kind == FR_TECHNIQUE_SELF_CONSISTENCY;
    json_object_set_new(o, "temperature", json_real(p->temperature));
    json_object_set_new(o, "max_tokens", json_integer((json_int_t)p->max_tokens));
    put_parameter(o, "top_p", p->top_p);
    if (p->top_k != 0)
        json_object_set_new(o, "top_k", json_integer(p->top_k));
    if (draws)
        json_object_set_new(o, "seed", json_integer((json_int_t)b->t->seed));
    if (q->n_shots != 0) {
        json_object_set_new(o, "shots", json_integer((json_int_t)q->n_shots));
        json_object_set_new(o, "choose", json_string(fr_shot_choice_name(q->choice)));
        json_object_set_new(o, "shots_from", json_string(b->train_hash));
        json_object_set_new(o, "shots_seed", json_integer((json_int_t)b->t->seed));
    }
    if (instruction != NULL && instruction[0] != '\0')
        json_object_set_new(o, "instruction", json_string(instruction));
    if (q->kind == FR_TECHNIQUE_SELF_CONSISTENCY) {
        json_object_set_new(o, "samples", json_integer((json_int_t)q->samples));
        put_parameter(o, "confidence", q->confidence);
        json_object_set_new(o, "thinks", json_boolean(q->thinks));
    }
    put_parameter(o, "statements", (double)q->statements);
    put_parameter(o, "steps", (double)q->max_steps);
    put_parameter(o, "max_j", q->max_j);
    put_parameter(o, "passages", (double)v->n_passages);
    if ((v->n_passages != 0 || q->kind == FR_TECHNIQUE_REACT) && b->t->task->documents_path != NULL)
        json_object_set_new(o, "documents", json_string(b->t->task->documents_path));
    return o;
}

static char *template_of(const fr_bench *b, const fr_trial_variant *v, const char *instruction)
{
    if (v->prompt != NULL)
        return fr_dup(v->prompt);
    FR_AUTO(fr_buf) out = { 0 };
    fr_prompt_build(
        &(fr_prompt_parts){ .kind = b->t->task->kind,
                            .labels = b->t->task->labels,
                            .n_labels = b->t->task->n_labels,
                            .instruction = fr_str_of(instruction),
                            .input = FR_STR("{input}"),
                            .think = v->technique.kind == FR_TECHNIQUE_CHAIN_OF_THOUGHT },
        &out);
    return fr_buf_take(&out);
}

static int put_arm(fr_bench *b, const fr_trial_variant *v, const char *instruction,
                   const char *origin, size_t number, size_t m, const fr_trial_parameters *p,
                   fr_err *err)
{
    const fr_trials *t = b->t;
    fr_trial_arm *arm = &b->arms[b->n_arms++];
    *arm = (fr_trial_arm){ .variant = v,
                           .instruction = instruction,
                           .origin = origin,
                           .parameters = p,
                           .model = m,
                           .settings = settings_of(b, v, instruction, p),
                           .prompt = template_of(b, v, instruction) };
    FR_AUTO(fr_buf) name = { 0 };
    fr_buf_put_s(&name, v->name);
    if (v->n_instructions != 0)
        fr_buf_put_f(&name, "-%zu", number);
    if (t->n_parameters > 1) {
        fr_buf_put_f(&name, " t%g", p->temperature);
        if (p->top_p != 0)
            fr_buf_put_f(&name, " p%g", p->top_p);
        if (p->top_k != 0)
            fr_buf_put_f(&name, " k%d", p->top_k);
        fr_buf_put_f(&name, " n%zu", p->max_tokens);
    }
    if (t->task->n_models > 1)
        fr_buf_put_f(&name, "@%s", t->task->models[m].name);
    arm->name = fr_buf_take(&name);
    char *settings = json_dumps(arm->settings, JSON_SORT_KEYS | JSON_COMPACT);
    FR_AUTO(fr_buf) all = { 0 };
    char hash[FR_SHA256_HEX];
    fr_buf_put_f(&all, "%s\n%s\n%d\n%s", b->model_hash[m], settings, (int)t->task->kind,
                 arm->prompt);
    free(settings);
    FR_TRY(fr_sha256(fr_buf_text(&all), all.n, hash, err));
    hash[16] = '\0';
    arm->key = strtoull(hash, NULL, 16);
    for (size_t i = 0; i + 1 < b->n_arms; i++) {
        if (b->arms[i].key == arm->key) { /* the very same stands there already */
            free(arm->name);
            free(arm->prompt);
            json_decref(arm->settings);
            b->n_arms--;
            break;
        }
    }
    return 0;
}

/* Written by the first model once, then read from OUT. */
static int write_instructions(fr_bench *b, size_t i, fr_err *err)
{
    const fr_trial_variant *v = &b->t->variants[i];
    char *name = fr_dup_f("instructions-%s.json", v->name), *path = fr_path_join(b->out_dir, name);
    FR_AUTO(fr_buf) text = { 0 };
    json_t *file = NULL, *one;
    if (fr_file_exists(path) && fr_file_read(path, (size_t)4 << 20, &text, NULL) == 0)
        file = json_loadb(fr_buf_text(&text), text.n, 0, NULL);
    const char *of = json_string_value(json_object_get(file, "model_hash"));
    int rc = 0;
    size_t at;
    if (of != NULL && strcmp(of, b->model_hash[0]) == 0 &&
        json_integer_value(json_object_get(file, "n")) == (json_int_t)v->n_instructions) {
        json_array_foreach(json_object_get(file, "instructions"), at, one)
        {
            const char *said = json_string_value(one);
            if (said != NULL)
                fr_instructions_put(&b->written[i], fr_str_of(said), at == 0 ? "none" : "proposed");
        }
    } else {
        fr_prompting p = { .kind = b->t->task->kind, .sampling.seed = b->t->seed };
        if (v->instruction != NULL || b->t->instruction != NULL) {
            fr_instructions_put(&b->written[i], (fr_str){ "", 0 }, "none");
            fr_instructions_put(
                &b->written[i],
                fr_str_of(v->instruction != NULL ? v->instruction : b->t->instruction), "given");
        }
        rc = open_model(b, 0, err);
        p.endpoint = b->endpoint;
        fr_phase *phase = NULL;
        if (rc == 0)
            rc = fr_phase_begin(b->run, "phase", "instructions", &phase, err);
        if (rc == 0) {
            rc = fr_instructions_propose(&p, b->shots, b->t->task->train.n, v->n_instructions,
                                         &b->written[i], err);
            int ended = fr_phase_end(phase, rc == 0 ? "done" : "failed", NULL, NULL);
            rc = rc != 0 ? rc : ended;
            b->calls += b->written[i].n_calls;
        }
        json_t *list = json_array();
        for (size_t k = 0; k < b->written[i].n; k++)
            json_array_append_new(list, json_string(b->written[i].at[k].text));
        json_t *o = json_pack("{s:i, s:s, s:I, s:o}", "schema", 1, "model_hash", b->model_hash[0],
                              "n", (json_int_t)v->n_instructions, "instructions", list);
        if (rc == 0)
            rc = fr_json_write(b->out_dir, name, o, err);
        json_decref(o);
    }
    json_decref(file);
    free(name);
    free(path);
    return rc;
}

int fr_trial_arms(fr_bench *b, fr_err *err)
{
    const fr_trials *t = b->t;
    size_t n = 0;
    b->written = FR_NEW_N(fr_instructions, t->n_variants);
    for (size_t i = 0; i < t->n_variants; i++) {
        if (t->variants[i].n_instructions != 0)
            FR_TRY(write_instructions(b, i, err));
        n += FR_MAX(b->written[i].n, (size_t)1);
    }
    b->arms = FR_NEW_N(fr_trial_arm, n * t->n_parameters * t->task->n_models);
    for (size_t m = 0; m < t->task->n_models; m++) {
        for (size_t i = 0; i < t->n_variants; i++) {
            const fr_trial_variant *v = &t->variants[i];
            for (size_t k = 0; k < FR_MAX(b->written[i].n, (size_t)1); k++) {
                const char *said = v->instruction != NULL ? v->instruction : t->instruction;
                const char *origin = said != NULL ? "given" : NULL;
                if (b->written[i].n != 0) {
                    said = b->written[i].at[k].text;
                    origin = b->written[i].at[k].origin;
                }
                for (size_t p = 0; p < t->n_parameters; p++)
                    FR_TRY(put_arm(b, v, said, origin, k, m, &t->parameters[p], err));
            }
        }
    }
    return 0;
}
