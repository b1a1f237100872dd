#include "train/loop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define MICRO_TOKENS 2048 /* of one pass: activations stay in the last-level cache */

/* What a run holds while it runs. */
typedef struct {
    const fr_loop *loop;
    fr_train_state state;
    fr_graph *graph;
    fr_packer packer;
    fr_feed feed;
    fr_piece *pieces;
    size_t n_pieces, cap;
    float *best; /* [n_trained] with patience */
    FILE *log;
    size_t micro_tokens;
    int64_t start_ns, last_save_ns;
    double elapsed_before_s, cpu_before_s;
    uint64_t tokens_before;
    bool early, budget, stopped;
} session;

/* Not getrusage(): its maximum also knows the program that started this one. */
uint64_t fr_peak_rss_bytes(void)
{
    FR_AUTO(fr_buf) status = { 0 };
    if (fr_file_read("/proc/self/status", 1 << 16, &status, NULL) != 0)
        return 0;
    const char *at = strstr(fr_buf_text(&status), "VmHWM:");
    return at != NULL ? strtoull(at + 6, NULL, 10) * 1024 : 0;
}

/* Once asked to stop, it stays so. */
static bool is_stopped(session *s)
{
    s->stopped = s->stopped || fr_progress_stopped(s->loop->progress);
    return s->stopped;
}

static double elapsed_s(const session *s)
{
    return s->elapsed_before_s + (double)(fr_now_monotonic_ns() - s->start_ns) * 1e-9;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static int open_graph(session *s, fr_err *err)
{
    size_t sequence = 1, batch = 1;
    for (size_t i = 0; i < s->loop->n_stages; i++) {
        const fr_stage *stage = &s->loop->stages[i];
        if (stage->n_sources == 0 || stage->n_sources > FR_MAX_SOURCES)
            return fr_fail(err, FR_E_USAGE, NULL, "stage '%s' mixes %zu files: expected 1 to %d",
                           stage->name, stage->n_sources, FR_MAX_SOURCES);
        sequence = FR_MAX(sequence, stage->sequence);
        batch = FR_MAX(batch, stage->batch_tokens);
    }
    s->micro_tokens = FR_MAX(sequence, FR_MIN(batch, (size_t)MICRO_TOKENS));
    fr_packer_init(&s->packer, s->micro_tokens);
    FR_TRY(
        fr_graph_new(s->loop->weights, s->loop->pool, s->micro_tokens, sequence, &s->graph, err));
    fr_graph_listen(s->graph, s->loop->work);
    return 0;
}

static int open_stage(session *s, fr_err *err)
{
    const fr_stage *stage = &s->loop->stages[s->state.stage];
    fr_feed_fini(&s->feed);
    FR_TRY(fr_feed_init(&s->feed, stage->corpora, stage->ratios, stage->n_sources, stage->sequence,
                        s->loop->seed, s->state.stage, err));
    for (size_t i = 0; i < stage->n_sources; i++) {
        fr_source *source = &s->feed.sources[i];
        source->epoch = s->state.source[i][0];
        source->cursor = FR_MIN(s->state.source[i][1], source->n_pieces);
        source->drawn = s->state.source[i][2];
        if (source->n_dropped > 0)
            fr_log(FR_LOG_WARN, "%zu rows of '%s' are longer than %zu tokens and are left out",
                   source->n_dropped, source->corpus->name, stage->sequence);
    }
    fr_log(FR_LOG_INFO, "stage '%s': %llu tokens at most", stage->name,
           (unsigned long long)stage->tokens);
    return 0;
}

static void open_log(session *s)
{
    char *path = fr_path_join(s->loop->checkpoint_dir, "log.csv");
    const bool fresh = !fr_file_exists(path);
    if (fr_dir_make(s->loop->checkpoint_dir, NULL) == 0)
        s->log = fopen(path, "a");
    if (s->log != NULL && fresh)
        fputs("step,tokens,stage,loss,dev_loss,lr,grad_norm,elapsed_s\n", s->log);
    free(path);
}

static int open_session(session *s, fr_err *err)
{
    const fr_loop *loop = s->loop;
    FR_TRY(open_graph(s, err));
    if (loop->patience > 0)
        FR_TRY(fr_try_array(loop->weights->n_trained, sizeof(float), "the best weights",
                            (void **)&s->best, err));
    s->state = (fr_train_state){ .identity = loop->identity,
                                 .loss_first = NAN,
                                 .dev_first = NAN,
                                 .dev_best = NAN,
                                 .dev_last = NAN };
    if (loop->checkpoint_dir != NULL) {
        bool found;
        FR_TRY(fr_checkpoint_load(loop->checkpoint_dir, &s->state, loop->weights, s->best, &found,
                                  err));
        if (found)
            fr_log(FR_LOG_INFO, "resumed at step %llu, %llu tokens",
                   (unsigned long long)s->state.step, (unsigned long long)s->state.tokens);
        open_log(s);
    }
    s->elapsed_before_s = s->state.elapsed_s;
    s->cpu_before_s = fr_cpu_self_s();
    s->tokens_before = s->state.tokens;
    s->start_ns = s->last_save_ns = fr_now_monotonic_ns();
    return s->state.stage < loop->n_stages ? open_stage(s, err) : 0;
}

static void close_session(session *s)
{
    fr_graph_free(s->graph);
    fr_packer_fini(&s->packer);
    fr_feed_fini(&s->feed);
    free(s->pieces);
    free(s->best);
    if (s->log != NULL)
        fclose(s->log);
}

/* ---- one step ----------------------------------------------------------------------------------
 */

static uint64_t planned_tokens(const session *s)
{
    uint64_t total = s->state.finished_tokens;
    for (size_t i = s->state.stage; i < s->loop->n_stages; i++)
        total += s->loop->stages[i].tokens;
    return total;
}

/* Warm-up over steps, then a half cosine over all planned tokens down to final_ratio. */
static double learning_rate(const session *s)
{
    const fr_loop *loop = s->loop;
    const double step = (double)s->state.step + 1;
    double factor = 1;
    if (!loop->constant) {
        const double done = fmin(1, (double)s->state.tokens / (double)planned_tokens(s));
        factor =
            loop->final_ratio + (1 - loop->final_ratio) * 0.5 * (1 + cos(done * 3.14159265358979));
    }
    if (step < (double)loop->warmup_steps)
        factor *= step / (double)loop->warmup_steps;
    return loop->stages[s->state.stage].lr * factor;
}

/* Multiply-adds counted twice: 2 per weight forward, 4 backward (LoRA: 2, no gradient of the
 * frozen weights); attention 2 products forward, 5 backward over half a square. */
static double step_flops(const session *s, size_t tokens, size_t n_loss, double squares)
{
    const fr_shape *shape = &s->loop->weights->shape;
    const double head = (double)shape->n_vocab * (double)shape->dim;
    double weights = 0;
    for (size_t i = 0; i < s->loop->weights->n_params; i++)
        if (s->loop->weights->params[i].slot->per_layer)
            weights += (double)s->loop->weights->params[i].n;
    const double per_weight = s->loop->method == FR_TRAIN_LORA ? 4 : 6;
    return per_weight * (weights * (double)tokens + head * (double)n_loss) +
           7 * squares * (double)(shape->n_heads * shape->head_dim * shape->n_layers);
}

static void tell_work(const session *s, int64_t from_ns, double flops, size_t tokens)
{
    const fr_work_event event = { .kind = FR_WORK_TRAIN,
                                  .start_ns = from_ns,
                                  .end_ns = fr_now_monotonic_ns(),
                                  .device = "cpu",
                                  .flops = flops,
                                  .bytes = 0,
                                  .tokens = tokens };
    if (s->loop->work.fn != NULL)
        s->loop->work.fn(s->loop->work.user, &event);
}

static double recent_loss(const fr_train_state *st)
{
    const size_t n = FR_MIN(st->n_recent, FR_COUNT_OF(st->recent));
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += st->recent[i];
    return n > 0 ? total / (double)n : NAN;
}

/* False: stopped in the middle, and nothing was changed: a resume takes the same rows again. */
static bool step(session *s)
{
    const int64_t from_ns = fr_now_monotonic_ns();
    fr_train_state *st = &s->state;
    const fr_stage *stage = &s->loop->stages[st->stage];
    s->n_pieces = fr_feed_next(&s->feed, stage->batch_tokens, &s->pieces, &s->cap);
    size_t n_loss = 0, tokens = 0;
    double squares = 0;
    for (size_t i = 0; i < s->n_pieces; i++) {
        n_loss += fr_piece_n_loss(s->pieces[i]);
        tokens += s->pieces[i].n;
        squares += (double)s->pieces[i].n * (double)s->pieces[i].n;
    }
    const double lr = learning_rate(s);
    double loss = 0;
    for (size_t done = 0; n_loss > 0 && done < s->n_pieces;) {
        done += fr_packer_fill(&s->packer, s->pieces + done, s->n_pieces - done);
        loss += fr_graph_run(s->graph, &s->packer.batch, 1.0f / (float)n_loss);
        if (done < s->n_pieces && is_stopped(s))
            return false;
    }
    fr_update update = s->loop->update;
    update.lr = lr;
    st->step++;
    const double norm = fr_graph_update(s->graph, &update, st->step);
    loss /= (double)FR_MAX(n_loss, (size_t)1);
    st->tokens += tokens;
    st->stage_tokens += tokens;
    if (isnan(st->loss_first))
        st->loss_first = loss;
    st->recent[st->n_recent++ % FR_COUNT_OF(st->recent)] = loss;
    const double flops = step_flops(s, tokens, n_loss, squares);
    st->flops += flops;
    for (size_t i = 0; i < stage->n_sources; i++) {
        st->source[i][0] = s->feed.sources[i].epoch;
        st->source[i][1] = s->feed.sources[i].cursor;
        st->source[i][2] = s->feed.sources[i].drawn;
    }
    tell_work(s, from_ns, flops, tokens);
    if (s->log != NULL)
        fprintf(s->log, "%llu,%llu,%s,%.5f,,%.6g,%.4g,%.1f\n", (unsigned long long)st->step,
                (unsigned long long)st->tokens, stage->name, loss, lr, norm, elapsed_s(s));
    char note[96];
    snprintf(note, sizeof(note), "%s, step %llu, loss %.3f", stage->name,
             (unsigned long long)st->step, recent_loss(st));
    fr_progress_step(s->loop->progress, "train", (double)st->tokens, (double)planned_tokens(s),
                     "tokens", note);
    return true;
}

/* ---- watching the dev split ---------------------------------------------------------------------
 */

/* NAN where it was stopped. */
static double dev_loss(session *s, const fr_stage *stage)
{
    const int64_t from_ns = fr_now_monotonic_ns();
    fr_feed feed = { 0 };
    const double one = 1;
    double loss = 0;
    size_t n_loss = 0, tokens = 0;
    if (fr_feed_init(&feed, &stage->dev, &one, 1, stage->sequence, 0, 0, NULL) == 0) {
        const fr_source *source = &feed.sources[0];
        const size_t n = FR_MIN(stage->dev_rows, source->n_pieces);
        for (size_t done = 0; done < n;) {
            done += fr_packer_fill(&s->packer, source->pieces + done, n - done);
            loss += fr_graph_run(s->graph, &s->packer.batch, 0);
            n_loss += s->packer.batch.n_loss;
            tokens += s->packer.batch.n;
            if (done < n && is_stopped(s)) {
                n_loss = 0;
                break;
            }
        }
    }
    fr_feed_fini(&feed);
    const fr_work_event event = { .kind = FR_WORK_SCORE,
                                  .start_ns = from_ns,
                                  .end_ns = fr_now_monotonic_ns(),
                                  .device = "cpu",
                                  .flops = step_flops(s, tokens, n_loss, 0) / 3,
                                  .tokens = tokens };
    if (s->loop->work.fn != NULL)
        s->loop->work.fn(s->loop->work.user, &event);
    return n_loss > 0 ? loss / (double)n_loss : NAN;
}

static void keep_best(session *s)
{
    const fr_weights *w = s->loop->weights;
    memcpy(s->best, w->tw, w->n_trained * sizeof(float));
}

/* True: the stage is over, by reaching its loss or by running out of patience. */
static bool watch(session *s, bool at_end)
{
    fr_train_state *st = &s->state;
    const fr_stage *stage = &s->loop->stages[st->stage];
    if (stage->dev == NULL || (st->stage_tokens < st->next_eval && !at_end))
        return false;
    const double loss = dev_loss(s, stage);
    if (s->stopped)
        return false;
    st->next_eval = st->stage_tokens + stage->eval_every;
    st->dev_last = loss;
    if (isnan(st->dev_first))
        st->dev_first = loss;
    if (st->n_recent == 0)
        fr_log(FR_LOG_INFO, "%s: before training, dev loss %.4f", stage->name, loss);
    else
        fr_log(FR_LOG_INFO, "%s: %llu tokens, loss %.4f, dev loss %.4f", stage->name,
               (unsigned long long)st->tokens, recent_loss(st), loss);
    if (s->log != NULL) {
        fprintf(s->log, "%llu,%llu,%s,%.5f,%.5f,,,%.1f\n", (unsigned long long)st->step,
                (unsigned long long)st->tokens, stage->name, recent_loss(st), loss, elapsed_s(s));
        fflush(s->log);
    }
    if (isnan(st->dev_best) || loss < st->dev_best) {
        st->dev_best = loss;
        st->bad_evals = 0;
        if (s->best != NULL)
            keep_best(s);
    } else if (s->best != NULL && ++st->bad_evals >= s->loop->patience) {
        s->early = true;
        return true;
    }
    return stage->until_loss > 0 && loss <= stage->until_loss;
}

/* ---- the loop
 * ------------------------------------------------------------------------------------ */

static int save(session *s, fr_err *err)
{
    const fr_loop *loop = s->loop;
    if (loop->checkpoint_dir == NULL)
        return 0;
    const int64_t from_ns = fr_now_monotonic_ns();
    s->state.elapsed_s = elapsed_s(s);
    s->last_save_ns = fr_now_monotonic_ns();
    if (s->log != NULL)
        fflush(s->log);
    FR_TRY(fr_checkpoint_save(loop->checkpoint_dir, &s->state, loop->weights, s->best, err));
    if (loop->export != NULL)
        FR_TRY(loop->export(loop->user, err));
    const fr_work_event event = {
        .kind = FR_WORK_SAVE, .start_ns = from_ns, .end_ns = fr_now_monotonic_ns(), .device = "cpu"
    };
    if (loop->work.fn != NULL)
        loop->work.fn(loop->work.user, &event);
    return 0;
}

static int next_stage(session *s, fr_err *err)
{
    fr_train_state *st = &s->state;
    st->finished_tokens += st->stage_tokens;
    st->stage_tokens = st->next_eval = st->bad_evals = 0;
    memset(st->source, 0, sizeof(st->source));
    st->stage++;
    return st->stage < s->loop->n_stages ? open_stage(s, err) : 0;
}

/* Stopped by the user: with a checkpoint, nothing is lost but the step in progress. */
static int leave(session *s, fr_err *err)
{
    const char *dir = s->loop->checkpoint_dir;
    FR_TRY(save(s, err));
    return fr_fail(err, FR_E_INTERRUPTED,
                   dir != NULL ? "Run the same command again to go on." : NULL,
                   "stopped after step %llu%s%s", (unsigned long long)s->state.step,
                   dir != NULL ? "; checkpoint in " : "", dir != NULL ? dir : "");
}

static int train(session *s, fr_err *err)
{
    const fr_loop *loop = s->loop;
    fr_train_state *st = &s->state;
    if (s->best != NULL && st->step == 0)
        keep_best(s);
    while (st->stage < loop->n_stages && !s->early && !s->budget) {
        const fr_stage *stage = &loop->stages[st->stage];
        const bool at_end = st->stage_tokens >= stage->tokens;
        const bool over = watch(s, at_end) || at_end;
        if (is_stopped(s) && !s->early)
            return leave(s, err);
        if (over) {
            if (!s->early)
                FR_TRY(next_stage(s, err));
            continue;
        }
        if (!step(s))
            return leave(s, err);
        if (!isfinite(recent_loss(st)))
            return fr_fail(err, FR_E_FAILED, "Lower the learning rate.",
                           "the loss is no number any more at step %llu",
                           (unsigned long long)st->step);
        s->budget = loop->max_s > 0 && elapsed_s(s) >= loop->max_s;
        if ((double)(fr_now_monotonic_ns() - s->last_save_ns) * 1e-9 >= loop->checkpoint_every_s)
            FR_TRY(save(s, err));
    }
    if (s->budget)
        watch(s, true);
    if (s->best != NULL && !isnan(st->dev_best))
        memcpy(loop->weights->tw, s->best, loop->weights->n_trained * sizeof(float));
    return save(s, err);
}

int fr_loop_run(const fr_loop *loop, fr_train_result *out, fr_err *err)
{
    session s = { .loop = loop };
    int rc = open_session(&s, err);
    if (rc == 0)
        rc = train(&s, err);
    if (rc == 0 || rc == FR_E_INTERRUPTED) {
        const double here_s = elapsed_s(&s) - s.elapsed_before_s;
        *out = (fr_train_result){
            .loss_first = s.state.loss_first,
            .loss_last = recent_loss(&s.state),
            .dev_loss_first = s.state.dev_first,
            .dev_loss_best = s.state.dev_best,
            .steps = s.state.step,
            .tokens = s.state.tokens,
            .trainable_params = 0,
            .total_params = fr_shape_n_params(&loop->weights->shape),
            .duration_s = elapsed_s(&s),
            .tokens_per_s = here_s > 0 ? (double)(s.state.tokens - s.tokens_before) / here_s : 0,
            .cpu_s = fr_cpu_self_s() - s.cpu_before_s,
            .peak_rss_bytes = fr_peak_rss_bytes(),
            .flops = s.state.flops,
            .stopped_by = rc != 0    ? FR_STOP_INTERRUPTED
                          : s.early  ? FR_STOP_EARLY
                          : s.budget ? FR_STOP_BUDGET
                                     : FR_STOP_DONE,
        };
        const fr_weights *w = loop->weights;
        for (size_t i = 0; i < w->n_params; i++)
            out->trainable_params +=
                w->lora == NULL ? w->params[i].n : w->lora[i].a.n + w->lora[i].b.n;
        if (loop->method == FR_TRAIN_LORA)
            out->total_params += out->trainable_params;
    }
    close_session(&s);
    return rc;
}
