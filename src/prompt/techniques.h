/**
 * prompt/techniques.h: ways of asking a generator, beyond asking once: examples, thinking first,
 * several samples and a vote, knowledge first, tools. All behind one call:
 *
 *     fr_prompting p = { .endpoint = ep, .kind = FR_TASK_ANSWER, .sampling.max_tokens = 32 };
 *     fr_technique t = { .kind = FR_TECHNIQUE_SELF_CONSISTENCY, .samples = 10 };
 *     fr_tried tried[2] = { 0 };
 *     FR_TRY(fr_technique_ask(&p, &t, inputs, 2, tried, err));
 *     puts(tried[0].answer);
 *     fr_tried_fini(&tried[0]); …
 *
 * What a technique cannot know it is handed: tools (a search among them), the joules spent so far,
 * the user's own prompt. Same inputs, settings and seed: same answers, whatever is asked beside.
 */
#ifndef FR_PROMPT_TECHNIQUES_H
#define FR_PROMPT_TECHNIQUES_H

#include <jansson.h>
#include "endpoint/endpoint.h"
#include "prompt/prompt.h"
#include "prompt/shots.h"

/** What stays the same from technique to technique. All borrowed. */
typedef struct {
    fr_endpoint *endpoint;
    fr_task_kind kind;
    const fr_str *labels;
    size_t n_labels;
    fr_str instruction; /* before everything; may be empty */
    /** The user's own prompt in place of the form; parts.think is asked for below what it wrote.
     * NULL: fr_prompt_build(). */
    int (*write)(void *user, const fr_prompt_parts *parts, fr_buf *out, fr_err *err);
    void *user;
    /** Of an answer; its stop strings are the technique's. max_tokens 0: 64. Its grammar (as
     * fr_label_grammar() makes it) holds answers below our own form, where nothing is thought. */
    fr_sampling sampling;
    size_t thought_tokens; /* of what is thought before an answer, or in one step; 0: 256 */
    const fr_progress *progress;
    /** Joules so far, for the bound of fr_technique.max_j; NULL: not known. */
    double (*joules)(void *meter);
    void *meter;
} fr_prompting;

typedef enum {
    FR_TECHNIQUE_NONE,
    FR_TECHNIQUE_ZERO_SHOT, /* the prompt, and the answer's first line */
    FR_TECHNIQUE_FEW_SHOT,  /* with examples */
    /** Reasons first (Wei et al. 2022, arXiv:2201.11903; Kojima et al. 2022, arXiv:2205.11916);
     * an answer that nothing marks is asked for a second time, below the reasoning. */
    FR_TECHNIQUE_CHAIN_OF_THOUGHT,
    /** Samples at a temperature and a vote (Wang et al. 2022, arXiv:2203.11171) that ends when it
     * is decided (Aggarwal et al. 2023, arXiv:2305.11860; fr_vote_is_decided). */
    FR_TECHNIQUE_SELF_CONSISTENCY,
    /** Statements first, then the answer below them (Liu et al. 2022, arXiv:2110.08387), in two
     * calls; the statements are kept on disk by input. */
    FR_TECHNIQUE_GENERATED_KNOWLEDGE,
    /** Thought, action, observation in turns (Yao et al. 2022, arXiv:2210.03629). */
    FR_TECHNIQUE_REACT
} fr_technique_kind;
/** "zero-shot", "chain-of-thought"…; NONE for any other word. NULL-terminated list of them all. */
fr_technique_kind fr_technique_of(const char *name);
const char *fr_technique_name(fr_technique_kind kind);
extern const char *const FR_TECHNIQUE_NAMES[];

/** A tool that a model may use. What it says is put into out (of which 2,000 bytes are shown); an
 * error becomes an observation, so that the model may try again; only FR_E_INTERRUPTED ends it. */
typedef struct {
    const char *name; /* one word, lower case */
    const char *what; /* "search[words]: passages of the documents" */
    int (*use)(void *user, fr_str argument, fr_buf *out, fr_err *err);
    void *user;
} fr_tool;
/** calculate[…], by fr_calculate(). */
extern const fr_tool FR_TOOL_CALCULATE;

typedef struct {
    fr_technique_kind kind;
    fr_shots *pool; /* examples of any technique; NULL: none */
    fr_shot_choice choice;
    size_t n_shots;
    /** Passages to stand in the prompt; owned by the callback until the next call. NULL: none. */
    int (*passages)(void *user, fr_str input, const fr_str **at, size_t *n, fr_err *err);
    void *passages_user;

    size_t samples;      /* self-consistency: at most; 0: 10 */
    double confidence;   /* in the vote, 0.5…1; 0: 0.95; 1: only a vote that no sample can turn */
    bool thinks;         /* each sample reasons first */
    size_t statements;   /* generated knowledge: at most; 0: 3 */
    const char *keep_in; /* folder of kept statements, made when needed; NULL: not kept */
    const fr_tool *tools;
    size_t n_tools;
    size_t max_steps; /* react: actions; 0: 6 */
    double max_j;     /* of one input, as fr_prompting.joules tells; 0: no bound */
} fr_technique;

/** What one input took. */
typedef struct {
    char *answer; /* owned; NULL: none was found */
    size_t n_calls;
    size_t n_samples; /* of the vote; 0: there was none */
    size_t prompt_tokens, cached_tokens, completion_tokens;
    double duration_s;
    /** static: "answered", "second" (asked for again below the reasoning), "decided", "samples"
     * (all of them), "steps", "joules", "rubbish", "too-long" (its prompt beyond the context) */
    const char *ended;
    json_t *trace; /* list of what happened, one object each; owned; NULL: nothing to tell */
} fr_tried;
void fr_tried_fini(fr_tried *t);

/** tried [n]; on an error all are empty. Inputs share batches where the technique allows it. */
int fr_technique_ask(const fr_prompting *p, const fr_technique *t, const fr_str *inputs, size_t n,
                     fr_tried *tried, fr_err *err);
/** The prompt of an input as zero-shot, few-shot and chain of thought ask it. Appended to out. */
int fr_technique_prompt(const fr_prompting *p, const fr_technique *t, fr_str input, fr_buf *out,
                        fr_err *err);

/* ---- parts that are useful alone ---------------------------------------------------------- */

/** One of the labels, as a completion of the form: what an engine then says is a label. */
int fr_label_grammar(const fr_str *labels, size_t n, fr_grammar **out, fr_err *err);
/** The answer in a text that reasons: after the last mark ("Answer:", "the answer is", "####",
 * \boxed{}); a label by its name. Empty when nothing marks one. Borrowed from text or labels. */
fr_str fr_answer_extract(fr_task_kind kind, const fr_str *labels, size_t n_labels, fr_str text);

/** Votes for the same answer: counts by what it says, not how (normalized as SQuAD). */
typedef struct {
    char *key, *text; /* text: as it was first said */
    size_t n;
} fr_vote;
typedef struct {
    fr_vote *at;
    size_t n, cap, n_votes; /* n_votes: those without an answer too */
} fr_votes;
void fr_votes_put(fr_votes *votes, fr_task_kind kind, fr_str answer);
void fr_votes_fini(fr_votes *votes);
/** The most, of equals the first said. NULL: nobody said anything. */
const fr_vote *fr_votes_winner(const fr_votes *votes);
/**
 * With `first` and `second` votes for the two in front and `left` samples to come: nothing can turn
 * it (first - second > left), or the probability that the first is the likelier of the two, with a
 * uniform prior, is at least `confidence`: P(p > 1/2) under Beta(first + 1, second + 1).
 */
bool fr_vote_is_decided(size_t first, size_t second, size_t left, double confidence);
double fr_vote_confidence(size_t first, size_t second);

/** One step of a model that uses tools, out of whatever it wrote. All borrowed from text. */
typedef struct {
    fr_str thought;
    fr_str tool;     /* empty: no action was understood */
    fr_str argument; /* of "finish": the answer */
} fr_react_step;
void fr_react_read(fr_str text, fr_react_step *out);

#endif
