/**
 * choose/cascade.h: a small model answers, and a large one where the small one is not sure.
 *
 *     FR_TRY(fr_cascade_build(&options, &record, err));       chooses on rows of train and dev,
 * measures on eval FR_TRY(fr_cascade_open("cascades/routing", 2, NULL, &cascade, err));
 *     FR_TRY(fr_cascade_answer(cascade, inputs, n, answers, escalated, err));
 *
 * The threshold is chosen on rows that neither model learnt (dev, and train where the prompt shows
 * none of it; cascade_rule.h); quality and cost of small, large and cascade are
 * measured on eval, each really asked. What it costs to know how sure the small model is, is in.
 */
#ifndef FR_CHOOSE_CASCADE_H
#define FR_CHOOSE_CASCADE_H

#include <jansson.h>
#include "adapt/adapt.h"

typedef struct {
    fr_task *task;
    fr_run *run;
    const char *small, *large; /* GGUF files, or URL#NAME (the small one must tell likelihoods) */
    const char *strategy;      /* as fr_candidates_options */
    const char *out_dir;
    double measure_s;
    int threads;
    uint64_t seed;
    const fr_progress *progress;
} fr_cascade_options;

/**
 * record (owned; also out_dir/cascade.json, which fr_cascade_open() reads): {task, metric,
 * strategy, sureness, threshold, chosen_on{rows, escalated, value}, small{model, artifact,
 * quality{…}, energy_j_per_request, energy_low_j, energy_high_j, method, cpu_s_per_request},
 * large{…}, cascade{quality, …, calls{small, large}, escalated_ratio}, difference{value, low, high,
 * tie} of cascade less large, saving{energy_ratio, cpu_ratio, grade}}.
 */
int fr_cascade_build(const fr_cascade_options *options, json_t **record, fr_err *err);

typedef struct fr_cascade fr_cascade;
int fr_cascade_open(const char *dir, int threads, const fr_progress *progress, fr_cascade **out,
                    fr_err *err);
/** answers [n]: owned, NULL where there was none. escalated [n] or NULL. The large model is loaded
 * when it is first needed. */
int fr_cascade_answer(fr_cascade *c, const fr_str *inputs, size_t n, char **answers,
                      bool *escalated, fr_err *err);
void fr_cascade_free(fr_cascade *c);
FR_AUTOPTR_DEFINE(fr_cascade);
/** Whether the folder holds one. */
bool fr_cascade_is_in(const char *dir);

#endif
