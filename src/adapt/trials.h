/**
 * adapt/trials.h: prompts, techniques, models and parameters tried against each other: an
 * experiment file says which, successive halving on the dev rows finds the best of them, and the
 * eval rows, read once, confirm it. (A door of the room of its own, for `frugal prompt run`.)
 *
 *     FR_TRY(fr_trials_load("experiment.yaml", &trials, err));
 *     FR_TRY(fr_trials_run(trials, &(fr_trials_options){ .out_dir = "tried" }, &result, err));
 *
 * Nothing is asked twice: each answer is kept in OUT/answers.jsonl as it comes, and results in the
 * history; so an interrupted experiment goes on, and one that was run before costs no call.
 */
#ifndef FR_ADAPT_TRIALS_H
#define FR_ADAPT_TRIALS_H

#include <jansson.h>
#include "base/progress.h"
#include "prompt/history.h"
#include "run/run.h"

typedef struct fr_trials fr_trials;

/**
 *   experiment: NAME
 *   task: task.yaml                     kind, data, metric, target, documents; models too
 *   models: […]                         instead of the task's
 *   variants:                           each of them with each model and each set of parameters
 *     - zero-shot
 *     - {technique: few-shot, shots: [1, 4], choose: [random, similar]}
 *     - {name: curt, prompt: curt.jinja, technique: chain-of-thought}
 *     - {technique: self-consistency, samples: 10, thinks: true}
 *     - {technique: generated-knowledge, statements: 3}
 *     - {technique: react, steps: 4, passages: 0, max_j: 50}
 *     - {technique: zero-shot, instructions: 8}       written by the model, and changed
 *   parameters: {temperature: [0, 0.7], top_p: 0.9, top_k: [0, 40], max_tokens: [16, 64]}
 *   rows: 64   finalists: 4   seed: 1   instruction: "…"
 *
 * A prompt file sees input, labels, shots ([{input, output}]), passages, knowledge, instruction.
 */
int fr_trials_load(const char *path, fr_trials **out, fr_err *err);
void fr_trials_free(fr_trials *t);
FR_AUTOPTR_DEFINE(fr_trials);
size_t fr_trials_n_arms(const fr_trials *t); /* before instructions are written */
const char *fr_trials_name(const fr_trials *t);

typedef struct {
    const char *out_dir; /* NULL: experiments/NAME */
    const char *ledger;  /* as fr_run_options */
    fr_place_options place;
    fr_history *history; /* NULL: none is asked, none is written */
    const char *author;  /* for the history */
    int threads;
    const char *const *argv;
    const fr_progress *progress;
    /** "warning" {text}, "arms" {n}, "round" {round, arms, rows}, "arm" {name, rows, score}. */
    void (*on_event)(void *user, const char *event, const json_t *object);
    void (*on_run)(void *user, fr_run *run); /* NULL as it ends */
    void *user;
} fr_trials_options;

/** *result (owned) has the stable keys of `frugal prompt run --json`; OUT/result.json holds it, and
 * OUT/report.html shows it. On an error or a stop what was answered is kept. */
int fr_trials_run(fr_trials *t, const fr_trials_options *options, json_t **result, fr_err *err);

#endif
