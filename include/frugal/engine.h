/**
 * frugal/engine.h: a language model in your program: open a GGUF file, go on from a prompt, free.
 *
 *     #include <frugal/engine.h>
 *     #include <stdio.h>
 *
 *     static int show(void *user, const char *text, size_t bytes)
 *     {
 *         fwrite(text, 1, bytes, (FILE *)user);
 *         return 0;
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         fr_err err;
 *         fr_llm *llm = NULL;
 *         fr_llm_generation how = { sizeof how };
 *         fr_llm_result result;
 *         if (argc < 3)
 *             return 2;
 *         how.max_tokens = 16;
 *         how.on_text = show;
 *         how.user = stdout;
 *         if (fr_llm_open(argv[1], NULL, &llm, &err) != 0 ||
 *             fr_llm_generate(llm, argv[2], &how, &result, &err) != 0) {
 *             fprintf(stderr, "%s\n%s\n", err.what, err.hint);
 *             fr_llm_free(llm);
 *             return 1;
 *         }
 *         printf("\n%zu tokens, %s\n", result.completion_tokens, result.finish_reason);
 *         fr_llm_result_clear(&result);
 *         fr_llm_free(llm);
 *         return 0;
 *     }
 *
 * Build with `cc program.c $(pkg-config --cflags --libs frugal)`.
 *
 * Stability: functions and fields are never removed or renumbered while the library's SONAME is the
 * same; option structs begin with their size, so that a program built against an older header goes
 * on working. Threads: one call at a time on an fr_llm; any number of them. Nothing is printed.
 */
#ifndef FRUGAL_ENGINE_H
#define FRUGAL_ENGINE_H

#include <stddef.h>
#include <stdint.h>
#include <frugal/err.h>
#include <frugal/work.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A model with the memory it works in. */
typedef struct fr_llm fr_llm;

/**
 * How to open; NULL means all defaults. Zero in a field means its default, too.
 *
 * size      sizeof(fr_llm_options): says which fields the caller knows.
 * threads   processor threads; 0: one per processor.
 * context   tokens of prompt and completion together; 0: the model's.
 * work      told of every step's work (frugal/work.h); borrowed until fr_llm_free().
 */
typedef struct fr_llm_options {
    size_t size;
    int threads;
    size_t context;
    fr_work_sink work;
} fr_llm_options;

/**
 * Opens a GGUF model file; it stays mapped until fr_llm_free().
 *
 * out      owned: fr_llm_free().
 * Errors   FR_E_NOT_FOUND, FR_E_FORMAT (damaged), FR_E_UNSUPPORTED, FR_E_NO_MEMORY, FR_E_LIMIT (a
 *          context longer than the model's).
 */
FR_API int fr_llm_open(const char *path, const fr_llm_options *options, fr_llm **out, fr_err *err);
/** Gives everything back; NULL is fine. */
FR_API void fr_llm_free(fr_llm *llm);

/** What the model file calls itself. Borrowed. */
FR_API const char *fr_llm_name(const fr_llm *llm);
/** Tokens that prompt and completion may have together. */
FR_API size_t fr_llm_context(const fr_llm *llm);
FR_API size_t fr_llm_n_vocab(const fr_llm *llm);

/**
 * Shown text: complete characters, never a part of a stop string. Return 0 to go on, anything else
 * to stop (finish_reason is then "cancelled"). Runs on the caller's thread; must not call back into
 * the same fr_llm.
 */
typedef int (*fr_llm_text_fn)(void *user, const char *text, size_t bytes);

/**
 * What is wanted; NULL and zeros: the most likely text, up to the context's end.
 *
 * size          sizeof(fr_llm_generation).
 * temperature   0: the most likely token (of equals the lowest id).
 * top_k, top_p, min_p   cut-offs, applied in this order; 0: off.
 * seed          the same seed gives the same text.
 * max_tokens    0: up to the context's end.
 * stop          [n_stop] texts that end the completion, which then ends before them. Borrowed.
 * on_text       NULL: the text is only in the result.
 * plain         not 0: no BOS is put before the prompt, and control tokens in it are plain text.
 * typical_p     one more cut-off, after min_p; 0: off.
 * repetition_penalty   of tokens in prompt and completion; 0 or 1: off.
 * frequency_penalty, presence_penalty   taken off for each time, and once, in the completion.
 */
typedef struct fr_llm_generation {
    size_t size;
    double temperature;
    int top_k;
    double top_p;
    double min_p;
    uint64_t seed;
    size_t max_tokens;
    const char *const *stop;
    size_t n_stop;
    fr_llm_text_fn on_text;
    void *user;
    int plain;
    double typical_p;
    double repetition_penalty;
    double frequency_penalty, presence_penalty;
} fr_llm_generation;

/**
 * text, ids       owned by the result: fr_llm_result_clear(). text is UTF-8, NUL-terminated; ids
 * has completion_tokens entries. finish_reason   "stop", "length" or "cancelled"; static.
 * prefill_s, decode_s   wall time of the prompt and of the completion.
 * flops           floating-point operations of both.
 */
typedef struct fr_llm_result {
    char *text;
    int32_t *ids;
    size_t prompt_tokens, cached_tokens, completion_tokens;
    const char *finish_reason;
    double prefill_s, decode_s;
    double flops;
} fr_llm_result;

/**
 * Goes on from a prompt. Parts of it that an earlier prompt of the same fr_llm began with are not
 * computed again (cached_tokens); the text is the same either way, whatever the number of threads.
 *
 * result   filled on success, empty on failure.
 * Errors   FR_E_LIMIT when the prompt does not fit the context; FR_E_USAGE for an option out of
 *          range, or an empty prompt for a model that has no token to begin with.
 */
FR_API int fr_llm_generate(fr_llm *llm, const char *prompt, const fr_llm_generation *how,
                           fr_llm_result *result, fr_err *err);
FR_API void fr_llm_result_clear(fr_llm_result *result);

/**
 * Text to token ids, as for a prompt (with BOS where the model wants one), or plain.
 *
 * text, bytes  any bytes; those that are not UTF-8 are encoded one by one.
 * ids          owned: free().
 */
FR_API int fr_llm_tokenize(const fr_llm *llm, const char *text, size_t bytes, int plain,
                           int32_t **ids, size_t *n, fr_err *err);
/** Token ids to bytes, control tokens left out; owned: free(). NUL-terminated. */
FR_API int fr_llm_detokenize(const fr_llm *llm, const int32_t *ids, size_t n, char **text,
                             size_t *bytes, fr_err *err);

#ifdef __cplusplus
}
#endif
#endif
