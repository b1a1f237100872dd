/**
 * choose/candidates.h: which of several models is enough for a task: accuracy, calibration,
 * robustness and efficiency of each, smallest first, until one meets the target.
 *
 *     const char *models[] = { "small.gguf", "large.gguf" };
 *     FR_TRY(fr_candidates(&(fr_candidates_options){ .task = task, .run = run, .models = models,
 *                          .n_models = 2, .out_dir = "evaluated/routing" }, &record, err));
 *
 * The order is that of the work that one request is predicted to be (FLOPs of its prompt and
 * answer); servers, whose size nobody knows, stand last as given. A model meets the target when
 * the lower end of its 95% interval reaches it.
 */
#ifndef FR_CHOOSE_CANDIDATES_H
#define FR_CHOOSE_CANDIDATES_H

#include <jansson.h>
#include "adapt/adapt.h"

typedef struct {
    fr_task *task; /* loaded; it is split by the seed here */
    fr_run *run;
    const char *const *models; /* [n_models] GGUF files, or URL#NAME; 0: those of the task */
    size_t n_models;
    const char *strategy; /* "zero-shot", "few-shot", "rag"; NULL: rag for questions about
                             documents, else zero-shot */
    const char *out_dir;
    bool all;           /* do not stop at the first that is enough */
    size_t robust_rows; /* rows that are asked again in other words; 0: none */
    double measure_s;   /* as fr_adapt_options */
    int threads;
    uint64_t seed;
    const fr_progress *progress;
    /** Each candidate's object as it is done. NULL: nobody listens. */
    void (*on_candidate)(void *user, const json_t *candidate);
    void *user;
} fr_candidates_options;

/**
 * record: {task, metric, target, strategy, rows, chosen (name or null), met, candidates[{model,
 * path, params, status, reason, predicted_j_per_request, quality{value, ci_low, ci_high, n}, met,
 * calibration{ece, brier, brier_classes, mean_confidence, n}, robustness{rows, value,
 * worst_drop, perturbations[{name, value, drop, drop_low, drop_high, tie}]},
 * efficiency{energy_j_per_request, energy_low_j, energy_high_j, cpu_s_per_request,
 * tokens_per_request, tokens_per_s, peak_rss_bytes, method}}]}; owned. Also written to
 * out_dir/evaluation.json; each model's predictions lie below.
 */
int fr_candidates(const fr_candidates_options *options, json_t **record, fr_err *err);

#endif
