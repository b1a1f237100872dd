/* frugal logits: the raw scores of the next token, for comparing engines and formats. */
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/model_work.h"
#include "model/model.h"
#include "text/utf8.h"

enum { STEP_TOKENS = 64, TOP = 10 };

static const fr_option OPTIONS[] = {
    { "model", 'm', FR_OPTION_TEXT, "FILE", "model file (GGUF)" },
    { "prompt", 'p', FR_OPTION_TEXT, "TEXT", "the text before the token" },
    { "answer", 0, FR_OPTION_TEXT, "TEXT",
      "of an encoder-decoder (T5): what it has answered so far" },
    { "out", 'o', FR_OPTION_TEXT, "FILE", "write all logits: float32, a row per position" },
    { "adapter", 0, FR_OPTION_TEXT, "PATH", "LoRA: a PEFT folder or a GGUF file" },
    { "no-special", 0, FR_OPTION_FLAG, NULL, "do not begin with the model's first token" },
    { "threads", 't', FR_OPTION_I64, "N", "threads (default: one per processor)" },
    FR_OPTIONS_END,
};

typedef struct {
    fr_model *model;
    fr_adapter *adapter;
    fr_kv *kv;
    fr_pool *pool;
    fr_ids ids;    /* of an encoder–decoder: the decoder's */
    fr_ids source; /* what its encoder reads */
    float *logits; /* [STEP_TOKENS][n_vocab]; at the end, the first row is the last position's */
    fr_file_out out;
} job;

static void job_fini(job *j)
{
    fr_file_out_fini(&j->out);
    fr_kv_free(j->kv);
    fr_adapter_free(j->adapter);
    fr_model_free(j->model);
    fr_pool_free(j->pool);
    fr_ids_fini(&j->ids);
    fr_ids_fini(&j->source);
    free(j->logits);
}
FR_AUTO_DEFINE(job);

/* Of an encoder–decoder the prompt is what the encoder reads; the decoder has its first token and
 * --answer. */
static int take_source(fr_cli *cli, job *j, fr_err *err)
{
    const char *answer = fr_arg_text(cli, "answer", NULL);
    if (fr_model_encoder(j->model) == NULL)
        return answer == NULL ? 0
                              : fr_fail(err, FR_E_USAGE, "Put it behind the prompt.",
                                        "--answer is for encoder-decoders (T5)");
    j->source = j->ids;
    j->ids = (fr_ids){ 0 };
    fr_ids_put(&j->ids, fr_model_decoder_start(j->model));
    return answer == NULL ? 0
                          : fr_tokenizer_encode(fr_model_tokenizer(j->model), fr_str_of(answer),
                                                FR_ENCODE_PLAIN, &j->ids, err);
}

static int open_job(fr_cli *cli, job *j, fr_err *err)
{
    const char *model, *prompt, *out = fr_arg_text(cli, "out", NULL);
    const char *adapter = fr_arg_text(cli, "adapter", NULL);
    FR_TRY(fr_arg_need_text(cli, "model", &model, err));
    FR_TRY(fr_arg_need_text(cli, "prompt", &prompt, err));
    FR_TRY(fr_model_open(model, &j->model, err));
    if (adapter != NULL)
        FR_TRY(fr_adapter_open(j->model, adapter, &j->adapter, err));
    FR_TRY(fr_pool_new((int)fr_arg_i64(cli, "threads", 0), &j->pool, err));
    FR_TRY(fr_tokenizer_encode(fr_model_tokenizer(j->model), fr_str_of(prompt),
                               fr_arg_flag(cli, "no-special") ? FR_ENCODE_PLAIN : FR_ENCODE_BOS,
                               &j->ids, err));
    const fr_shape *shape = fr_model_shape(j->model);
    FR_TRY(take_source(cli, j, err));
    if (j->ids.n == 0)
        return fr_fail(err, FR_E_USAGE, "Give some text with --prompt.", "the prompt is empty");
    const size_t longest = FR_MAX(j->ids.n, j->source.n);
    if (longest > shape->context)
        return fr_fail(err, FR_E_LIMIT, "Shorten the prompt.",
                       "the prompt has %zu tokens, the model's context %zu", longest,
                       shape->context);
    FR_TRY(fr_kv_new(j->model, 1, longest, &j->kv, err));
    if (j->source.n > 0)
        FR_TRY(fr_model_encode(j->model, j->kv, j->pool, 0, j->source.at, j->source.n, err));
    void *logits;
    FR_TRY(fr_try_array(STEP_TOKENS * shape->n_vocab, sizeof(float), "logits", &logits, err));
    j->logits = logits;
    return out != NULL ? fr_file_out_open(&j->out, out, err) : 0;
}

/* Without --out only the last position's logits are computed. */
static int compute(job *j, fr_err *err)
{
    size_t n_vocab = fr_model_shape(j->model)->n_vocab;
    bool all = j->out.stream != NULL;
    for (size_t at = 0; at < j->ids.n; at += STEP_TOKENS) {
        fr_row rows[STEP_TOKENS];
        size_t n = FR_MIN((size_t)STEP_TOKENS, j->ids.n - at);
        for (size_t i = 0; i < n; i++)
            rows[i] =
                (fr_row){ j->ids.at[at + i], 0, (uint32_t)(at + i), all || at + i + 1 == j->ids.n };
        FR_TRY(fr_model_forward(j->model, j->adapter, j->kv, j->pool, rows, n, j->logits, err));
        if (all) {
            FR_TRY(fr_file_out_put(&j->out, j->logits, n * n_vocab * sizeof(float), err));
            if (at + n == j->ids.n)
                for (size_t i = 0; i < n_vocab; i++)
                    j->logits[i] = j->logits[(n - 1) * n_vocab + i];
        }
    }
    return all ? fr_file_out_commit(&j->out, err) : 0;
}

/* The ids of the largest logits, falling; ties: the smaller id. */
static size_t pick_top(const float *logits, size_t n_vocab, int32_t top[TOP])
{
    size_t n = 0;
    for (size_t i = 0; i < n_vocab; i++) {
        if (n == TOP && !(logits[i] > logits[top[TOP - 1]]))
            continue;
        size_t at = n < TOP ? n++ : TOP - 1;
        for (; at > 0 && logits[i] > logits[top[at - 1]]; at--)
            top[at] = top[at - 1];
        top[at] = (int32_t)i;
    }
    return n;
}

static int put_json(fr_cli *cli, const job *j, const int32_t *top, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        fr_str piece = fr_tokenizer_piece(fr_model_tokenizer(j->model), top[i]);
        json_array_append_new(list, json_pack("{s:i, s:o, s:o}", "id", (int)top[i], "token",
                                              fr_json_bytes(piece), "logit",
                                              fr_json_f64((double)j->logits[top[i]])));
    }
    return fr_cli_put_json(cli,
                           json_pack("{s:I, s:I, s:o}", "n_tokens", (json_int_t)j->ids.n, "n_vocab",
                                     (json_int_t)fr_model_shape(j->model)->n_vocab, "top", list));
}

static void print_top(const job *j, const int32_t *top, size_t n)
{
    printf("%zu tokens; the next one, of %zu:\n", j->ids.n, fr_model_shape(j->model)->n_vocab);
    for (size_t i = 0; i < n; i++) {
        fr_str piece = fr_tokenizer_piece(fr_model_tokenizer(j->model), top[i]);
        printf("%10.4f  %7d  '", (double)j->logits[top[i]], top[i]);
        bool text = fr_utf8_valid(piece);
        for (size_t c = 0; c < piece.n; c++)
            if (!text || (unsigned char)piece.at[c] < ' ')
                printf("\\x%02x", (unsigned char)piece.at[c]);
            else
                putchar(piece.at[c]);
        printf("'\n");
    }
}

static int run(fr_cli *cli)
{
    FR_AUTO(job) j = { 0 };
    fr_err err = { 0 };
    int32_t top[TOP];
    int rc = open_job(cli, &j, &err);
    if (rc == 0)
        rc = compute(&j, &err);
    if (rc != 0)
        return fr_cli_fail(cli, rc, &err);
    size_t n = pick_top(j.logits, fr_model_shape(j.model)->n_vocab, top);
    if (fr_cli_json(cli))
        return put_json(cli, &j, top, n);
    print_top(&j, top, n);
    return 0;
}

const fr_command FR_COMMAND_logits = {
    "logits",
    run,
    OPTIONS,
    "",
    "show the raw scores of the next token",
    "frugal logits -m model.gguf -p \"Once upon a\"\n"
    "frugal logits -m model.gguf -p \"Once upon a\" --out logits.f32  # float32, a row per "
    "position\n",
    "The scores do not change with batch, thread count or processor: two files may be compared "
    "byte by byte.",
    false,
    NULL,
};
