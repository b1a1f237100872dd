/* convert.c: which tensors of a folder make which tensor of the file, and how. */
#include "model/convert.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "model/hf_shape.h"
#include "model/hf_vocab.h"

/* How a row of the file's tensor is made from the folder's. */
typedef enum change {
    AS_IT_IS,
    TURNED,  /* columns there are rows here (GPT-2's Conv1D) */
    GROUPED, /* queries, keys, values: group after group there, kind after kind here */
    EACH,    /* a tensor for each expert there: "%zu" a second time */
    HALF,    /* all experts in one tensor of twice the rows; the first half here */
    OTHER_HALF
} change;

/* Names that the rows of arch_rows.c do not have, or have otherwise in some models; the first name
 * that is there is taken. arch NULL: any. */
typedef struct {
    const char *arch, *gguf, *hf;
    change change;
} source;

#define QWEN_EXPERT    "model.layers.%zu.mlp.experts.%zu."
#define MIXTRAL_EXPERT "model.layers.%zu.block_sparse_moe.experts.%zu."
#define STACKED        "model.layers.%zu.mlp.experts."
static const source SOURCES[] = {
    { "phi3", "blk.%zu.attn_qkv.weight", "model.layers.%zu.self_attn.qkv_proj.weight", AS_IT_IS },
    { "phi3", "blk.%zu.ffn_up.weight", "model.layers.%zu.mlp.gate_up_proj.weight", AS_IT_IS },
    { "gpt2", "blk.%zu.attn_qkv.weight", "transformer.h.%zu.attn.c_attn.weight", TURNED },
    { "gpt2", "blk.%zu.attn_qkv.bias", "transformer.h.%zu.attn.c_attn.bias", AS_IT_IS },
    { "gpt2", "blk.%zu.attn_output.weight", "transformer.h.%zu.attn.c_proj.weight", TURNED },
    { "gpt2", "blk.%zu.ffn_up.weight", "transformer.h.%zu.mlp.c_fc.weight", TURNED },
    { "gpt2", "blk.%zu.ffn_down.weight", "transformer.h.%zu.mlp.c_proj.weight", TURNED },
    { "gptneox", "blk.%zu.attn_qkv.weight", "gpt_neox.layers.%zu.attention.query_key_value.weight",
      GROUPED },
    { "gptneox", "blk.%zu.attn_qkv.bias", "gpt_neox.layers.%zu.attention.query_key_value.bias",
      GROUPED },
    { "falcon", "blk.%zu.attn_qkv.weight",
      "transformer.h.%zu.self_attention.query_key_value.weight", GROUPED },
    { "falcon", "blk.%zu.attn_qkv.bias", "transformer.h.%zu.self_attention.query_key_value.bias",
      GROUPED },
    { "falcon", "blk.%zu.attn_norm.weight", "transformer.h.%zu.ln_mlp.weight", AS_IT_IS },
    { "falcon", "blk.%zu.attn_norm.bias", "transformer.h.%zu.ln_mlp.bias", AS_IT_IS },
    { "nomic-bert", "token_embd_norm.weight", "emb_ln.weight", AS_IT_IS },
    { "nomic-bert", "token_embd_norm.bias", "emb_ln.bias", AS_IT_IS },
    { "nomic-bert", "blk.%zu.attn_qkv.weight", "encoder.layers.%zu.attn.Wqkv.weight", AS_IT_IS },
    { "nomic-bert", "blk.%zu.attn_qkv.bias", "encoder.layers.%zu.attn.Wqkv.bias", AS_IT_IS },
    { "t5", "output.weight", "lm_head.weight", AS_IT_IS },
    { "t5", "output.weight", "shared.weight", AS_IT_IS }, /* tied, and not scaled */
    { "t5", "dec.blk.%zu.ffn_up.weight", "decoder.block.%zu.layer.2.DenseReluDense.wi.weight",
      AS_IT_IS },
    { "t5encoder", "enc.blk.%zu.ffn_up.weight",
      "encoder.block.%zu.layer.1.DenseReluDense.wi.weight", AS_IT_IS },
    { NULL, "blk.%zu.ffn_gate_inp.weight", "model.layers.%zu.mlp.gate.weight", AS_IT_IS },
    { NULL, "blk.%zu.ffn_gate_inp.weight", "model.layers.%zu.block_sparse_moe.gate.weight",
      AS_IT_IS },
    { NULL, "blk.%zu.ffn_gate_exps.weight", QWEN_EXPERT "gate_proj.weight", EACH },
    { NULL, "blk.%zu.ffn_up_exps.weight", QWEN_EXPERT "up_proj.weight", EACH },
    { NULL, "blk.%zu.ffn_down_exps.weight", QWEN_EXPERT "down_proj.weight", EACH },
    { NULL, "blk.%zu.ffn_gate_exps.weight", MIXTRAL_EXPERT "w1.weight", EACH },
    { NULL, "blk.%zu.ffn_up_exps.weight", MIXTRAL_EXPERT "w3.weight", EACH },
    { NULL, "blk.%zu.ffn_down_exps.weight", MIXTRAL_EXPERT "w2.weight", EACH },
    { NULL, "blk.%zu.ffn_gate_exps.weight", STACKED "gate_up_proj", HALF },
    { NULL, "blk.%zu.ffn_up_exps.weight", STACKED "gate_up_proj", OTHER_HALF },
    { NULL, "blk.%zu.ffn_down_exps.weight", STACKED "down_proj", AS_IT_IS },
};

/* Beginnings of names that say only where in a larger model the text model lies, and what stands
 * for them in the rows. */
static const struct {
    const char *theirs, *ours;
} BEGINNINGS[] = {
    { "", "" },
    { "", "model." },
    { "", "transformer." },
    { "", "gpt_neox." },
    { "language_model.model.", "model." },
    { "model.language_model.", "model." },
    { "language_model.", "" },
    { "bert.", "" },
};

/* Tensors that are no weights of the text model: masks and frequencies that are computed, and the
 * eyes of models that see. */
static const char *const IGNORED[] = { ".attn.bias", ".attn.masked_bias", ".attention.bias",
                                       ".attention.masked_bias", ".rotary_emb.inv_freq",
                                       "embeddings.position_ids",
                                       /* of T5's first files; nothing reads it */
                                       ".EncDecAttention.relative_attention_bias.weight" };
static const char *const OTHER_PARTS[] = { "vision_tower.",       "multi_modal_projector.",
                                           "model.vision_tower.", "model.multi_modal_projector.",
                                           "vision_model.",       "audio_tower." };

/* Other names of T5's one embedding, where a file repeats it. */
static const char *const COPIES[] = { "encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
                                      "lm_head.weight" };

/* Heads that encoders were trained with and are not used for embeddings. */
static const char *const TRAINING_HEADS[] = { "pooler.", "bert.pooler.", "cls." };

typedef struct {
    const fr_slot_row *row;
    size_t layer;
    change change;
    const fr_tensor **from; /* owned: one, or one for each expert */
    size_t n_from;
    fr_format to;
    size_t rows, cols, experts; /* of the file's tensor; a vector has one row */
    bool plus_one;
    const float *values; /* made here instead: factors of positions. Borrowed */
} part;

typedef struct {
    const fr_hf_folder *folder;
    const fr_convert_options *options;
    hf_shape hf;
    size_t beginning; /* of BEGINNINGS */
    part *parts;
    size_t n_parts, parts_cap;
    bool *used; /* [tensors of the folder] */
    float factors[2][HF_PAIRS_MOST];
    double done, total;
    fr_converted *result;
} job;

static void job_fini(job *j)
{
    for (size_t i = 0; i < j->n_parts; i++)
        free(j->parts[i].from);
    free(j->parts);
    free(j->used);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Fills the holes "%zu" of one of our own patterns. */
static void fill(const char *pattern, size_t layer, size_t expert, char out[FR_TENSOR_NAME])
{
    size_t n = 0, hole = 0;
    const size_t numbers[] = { layer, expert };
    for (const char *at = pattern; *at != '\0' && n + 24 < FR_TENSOR_NAME;) {
        if (strncmp(at, "%zu", 3) == 0 && hole < 2) {
            n += (size_t)snprintf(out + n, FR_TENSOR_NAME - n, "%zu", numbers[hole++]);
            at += 3;
        } else {
            out[n++] = *at++;
        }
    }
    out[n] = '\0';
}

static const fr_tensor *look_up(const job *j, size_t beginning, const char *pattern, size_t layer,
                                size_t expert)
{
    char name[FR_TENSOR_NAME], whole[FR_TENSOR_NAME + 32];
    const char *ours = BEGINNINGS[beginning].ours;
    fill(pattern, layer, expert, name);
    const fr_tensor *t = fr_hf_tensor(j->folder, name);
    if (t != NULL || strncmp(name, ours, strlen(ours)) != 0)
        return t;
    snprintf(whole, sizeof(whole), "%s%s", BEGINNINGS[beginning].theirs, name + strlen(ours));
    return fr_hf_tensor(j->folder, whole);
}

static const fr_tensor *find(const job *j, const char *pattern, size_t layer, size_t expert)
{
    return look_up(j, j->beginning, pattern, layer, expert);
}

/* The tensors that make one, and how; false: they are not there. The row's own name is tried last,
 * because the table's say what is done to them. */
static bool find_sources(const job *j, part *p)
{
    for (size_t i = 0; i < FR_COUNT_OF(SOURCES); i++) {
        const source *s = &SOURCES[i];
        if ((s->arch != NULL && strcmp(s->arch, j->hf.arch->name) != 0) ||
            strcmp(s->gguf, p->row->gguf) != 0 || find(j, s->hf, p->layer, 0) == NULL)
            continue;
        p->change = s->change;
        p->n_from = s->change == EACH ? p->experts : 1;
        p->from = FR_NEW_N(const fr_tensor *, p->n_from);
        for (size_t e = 0; e < p->n_from; e++)
            if ((p->from[e] = find(j, s->hf, p->layer, e)) == NULL)
                return false;
        return true;
    }
    const fr_tensor *t = p->row->hf != NULL ? find(j, p->row->hf, p->layer, 0) : NULL;
    if (t == NULL)
        return false;
    p->n_from = 1;
    p->from = FR_NEW_N(const fr_tensor *, 1);
    p->from[0] = t;
    return true;
}

/* ---- formats --------------------------------------------------------------------------------- */

/* What is computed with as numbers, not as a product, stays F32. */
static bool is_matrix(const fr_slot_row *row)
{
    return row->rows != FR_DIM_ONE && row->slot != FR_SLOT_ROUTER &&
           row->slot != FR_SLOT_POSITION_EMBD && row->slot != FR_SLOT_TOKEN_TYPES &&
           row->slot != FR_SLOT_ATTN_DISTANCE;
}

static fr_format choose_format(const job *j, const part *p)
{
    const fr_convert_options *o = j->options;
    const fr_slot output = j->hf.shape.tied ? FR_SLOT_TOKEN_EMBD : FR_SLOT_OUTPUT;
    if (!is_matrix(p->row))
        return FR_FORMAT_F32;
    if (o->format == FR_FORMAT_NONE)
        return p->from[0]->format;
    return fr_format_fitting(
        p->row->slot == output && o->output != FR_FORMAT_NONE ? o->output : o->format, p->cols);
}

/* ---- the plan -------------------------------------------------------------------------------- */

/* What a part's source must measure: [rows][cols], of all experts one after the other. */
static int check_source(const job *j, const part *p, const fr_tensor *t, fr_err *err)
{
    size_t rows = p->rows, cols = p->cols, experts = p->n_from > 1 ? 1 : p->experts;
    if (p->change == TURNED) {
        rows = p->cols;
        cols = p->rows;
    } else if (p->change == HALF || p->change == OTHER_HALF) {
        rows = 2 * p->rows;
    }
    if (t->format == FR_FORMAT_NONE)
        return fr_fail(err, FR_E_UNSUPPORTED, "Read are F32, F16 and BF16.",
                       "'%s': tensor '%s' has a type that is not read", fr_hf_path(j->folder),
                       t->name.at);
    uint64_t theirs = t->dims[1] * t->dims[2] * t->dims[3];
    if (t->dims[0] != cols || theirs != (uint64_t)rows * experts)
        return fr_fail(err, FR_E_FORMAT, "Weights and config.json do not belong together.",
                       "'%s': tensor '%s' has %llu × %llu values, but config.json asks for %zu × "
                       "%zu",
                       fr_hf_path(j->folder), t->name.at, (unsigned long long)theirs,
                       (unsigned long long)t->dims[0], rows * experts, cols);
    return 0;
}

static int lacks(const job *j, const fr_slot_row *row, size_t layer, fr_err *err)
{
    char name[FR_TENSOR_NAME];
    fill(row->hf != NULL ? row->hf : row->gguf, layer, 0, name);
    return fr_fail(err, FR_E_FORMAT, "A shard is missing, or the model is of another kind.",
                   "'%s' lacks the tensor '%s'", fr_hf_path(j->folder), name);
}

static int plan_tensor(job *j, const fr_slot_row *row, size_t layer, fr_err *err)
{
    const fr_shape *s = &j->hf.shape;
    part p = { .row = row, .layer = layer, .experts = row->experts ? s->n_experts : 1 };
    const fr_dim whole = row->of != FR_DIM_NONE ? row->of : FR_DIM_NONE;
    const bool vector = row->rows == FR_DIM_ONE;
    p.rows = vector ? 1 : fr_shape_dim(s, whole != FR_DIM_NONE ? whole : row->rows);
    p.cols = fr_shape_dim(s, vector && whole != FR_DIM_NONE ? whole : row->cols);
    p.plus_one = j->hf.norms_plus_one && vector && strstr(row->gguf, "norm.weight") != NULL;
    FR_GROW(j->parts, j->n_parts, j->parts_cap);
    bool found = find_sources(j, &p);
    j->parts[j->n_parts++] = p; /* owns p.from */
    if (!found)
        return lacks(j, row, layer, err);
    for (size_t i = 0; i < p.n_from; i++) {
        FR_TRY(check_source(j, &p, p.from[i], err));
        j->used[fr_hf_tensor_index(j->folder, p.from[i])] = true;
    }
    j->parts[j->n_parts - 1].to = choose_format(j, &p);
    return 0;
}

/* Several slots are parts of one tensor: it is planned with the first. */
static bool is_planned(const job *j, const fr_slot_row *row, size_t layer)
{
    for (size_t i = j->n_parts; i-- > 0;)
        if (j->parts[i].layer == layer && j->parts[i].row != NULL &&
            strcmp(j->parts[i].row->gguf, row->gguf) == 0)
            return true;
    return false;
}

static int plan_layer(job *j, size_t layer, bool per_layer, fr_err *err)
{
    for (size_t i = 0; i < j->hf.arch->n_slots; i++) {
        const fr_slot_row *row = &j->hf.arch->slots[i];
        if (row->per_layer == per_layer && fr_slot_present(row, &j->hf.shape) &&
            !is_planned(j, row, layer))
            FR_TRY(plan_tensor(j, row, layer, err));
    }
    return 0;
}

/* Where the text model lies in the folder's names, and what its weights say of the shape. */
static int look_at_weights(job *j, fr_err *err)
{
    fr_shape *s = &j->hf.shape;
    const fr_slot_row *embedding = fr_arch_slot(j->hf.arch, FR_SLOT_TOKEN_EMBD);
    const fr_slot_row *output = fr_arch_slot(j->hf.arch, FR_SLOT_OUTPUT);
    const fr_tensor *t = NULL;
    for (size_t i = 0; i < FR_COUNT_OF(BEGINNINGS) && t == NULL; i++) {
        j->beginning = i;
        t = look_up(j, i, embedding->hf, 0, 0);
    }
    if (t == NULL)
        return lacks(j, embedding, 0, err);
    s->n_vocab = (size_t)t->dims[1];
    if (!j->hf.arch->tied_scaled) /* else config.json has said it */
        s->tied =
            json_is_true(json_object_get(fr_hf_config(j->folder), "tie_word_embeddings")) ||
            json_is_true(json_object_get(fr_hf_config_whole(j->folder), "tie_word_embeddings")) ||
            output == NULL || find(j, output->hf, 0, 0) == NULL;
    const fr_slot_row *classes = fr_arch_slot(j->hf.arch, FR_SLOT_CLASSES);
    const fr_slot_row *types = fr_arch_slot(j->hf.arch, FR_SLOT_TOKEN_TYPES);
    if (types != NULL && (t = find(j, types->hf, 0, 0)) != NULL)
        s->n_types = (size_t)t->dims[1];
    if (classes != NULL && (t = find(j, classes->hf, 0, 0)) != NULL)
        s->n_labels = (size_t)t->dims[1];
    for (size_t i = 0; i < j->hf.arch->n_slots; i++) {
        part p = { .row = &j->hf.arch->slots[i], .experts = 1 };
        const bool head = p.row->slot == FR_SLOT_HEAD || p.row->slot == FR_SLOT_HEAD_B;
        if (p.row->when == FR_WHEN_OPTIONAL && !(head && s->n_labels == 0) && find_sources(j, &p))
            s->optional |= (uint64_t)1 << p.row->slot;
        free(p.from);
    }
    if (j->hf.encoder_layers != 0 && j->hf.gated != (s->optional >> FR_SLOT_FFN_GATE & 1))
        return fr_fail(err, FR_E_FORMAT, "Weights and config.json do not belong together.",
                       "'%s': feed_forward_proj says that feed-forward has %s gate",
                       fr_hf_path(j->folder), j->hf.gated ? "a" : "no");
    fr_err cause = { 0 };
    if (fr_shape_check(s, &cause) != 0)
        return fr_fail(err, FR_E_FORMAT, cause.hint, "'%s/config.json': %s", fr_hf_path(j->folder),
                       cause.what);
    return 0;
}

static void plan_factors(job *j, const char *name, const double *from, float *to, fr_gguf_out *o)
{
    const uint64_t n = j->hf.n_factors;
    for (size_t i = 0; i < n; i++)
        to[i] = (float)from[i];
    fr_gguf_put_tensor(o, name, FR_FORMAT_F32, &n, 1, to);
}

/* Repeats the embedding, value by value. */
static bool is_copy(const job *j, const fr_tensor *t)
{
    const fr_tensor *one = j->hf.encoder_layers != 0 ? find(j, "shared.weight", 0, 0) : NULL;
    for (size_t k = 0; k < FR_COUNT_OF(COPIES) && one != NULL; k++)
        if (fr_str_is(t->name, COPIES[k]))
            return t->format == one->format && t->size_bytes == one->size_bytes &&
                   memcmp(t->data, one->data, (size_t)t->size_bytes) == 0;
    return false;
}

/* Every tensor of the folder has its place, or is known to be none of ours. */
static int check_used(const job *j, fr_buf *told, fr_err *err)
{
    size_t others = 0, heads = 0;
    for (size_t i = 0; i < fr_hf_n_tensors(j->folder); i++) {
        const fr_tensor *t = fr_hf_tensor_at(j->folder, i);
        bool known = j->used[i] || is_copy(j, t) ||
                     (j->hf.shape.tied && !j->hf.arch->tied_scaled &&
                      fr_str_ends(t->name, FR_STR("lm_head.weight"))) ||
                     (j->hf.shape.tied && fr_str_ends(t->name, FR_STR("embed_out.weight")));
        for (size_t k = 0; k < FR_COUNT_OF(IGNORED) && !known; k++)
            known = fr_str_ends(t->name, fr_str_of(IGNORED[k]));
        for (size_t k = 0; k < FR_COUNT_OF(TRAINING_HEADS) && !known && j->hf.shape.looks_ahead;
             k++) {
            known = fr_str_starts(t->name, fr_str_of(TRAINING_HEADS[k]));
            heads += known;
        }
        for (size_t k = 0; k < FR_COUNT_OF(OTHER_PARTS) && !known; k++) {
            known = fr_str_starts(t->name, fr_str_of(OTHER_PARTS[k]));
            others += known;
        }
        if (!known)
            return fr_fail(err, FR_E_UNSUPPORTED,
                           "Leaving it out would change the answers, so nothing is written.",
                           "'%s': tensor '%s' has no place in a %s model", fr_hf_path(j->folder),
                           t->name.at, j->hf.arch->name);
    }
    if (heads > 0)
        fr_buf_put_f(told, "%zu tensors of heads that no embedding needs are left out\n", heads);
    if (others > 0)
        fr_buf_put_f(told, "%zu tensors of the parts that see or hear are left out\n", others);
    return 0;
}

/* ---- values ---------------------------------------------------------------------------------- */

typedef struct {
    const job *j;
    const part *p;
    uint8_t *out;
    float *values; /* [threads][cols] */
    size_t first;  /* row of the tensor that item 0 is */
    int *overflow; /* [threads] set where a value does not fit into F16 */
} rows_job;

/* Row of the folder's order that stands at a row of the file's: of a matrix, or a vector of as
 * many values as such a matrix has rows. */
static size_t their_row(const job *j, const part *p, size_t row)
{
    const fr_shape *s = &j->hf.shape;
    if (p->change == GROUPED) {
        const size_t d = s->head_dim, q = fr_shape_dim(s, FR_DIM_Q),
                     qk = fr_shape_dim(s, FR_DIM_QK);
        const size_t each = s->n_heads / s->n_kv_heads, within = row % d;
        if (row < q)
            return (row / d / each * (each + 2) + row / d % each) * d + within;
        if (row < qk)
            return ((row - q) / d * (each + 2) + each) * d + within;
        return ((row - qk) / d * (each + 2) + each + 1) * d + within;
    }
    const fr_slot slot = p->row->slot == FR_SLOT_ATTN_Q_B   ? FR_SLOT_ATTN_Q
                         : p->row->slot == FR_SLOT_ATTN_K_B ? FR_SLOT_ATTN_K
                                                            : p->row->slot;
    return p->row->of != FR_DIM_NONE ? row : fr_slot_hf_row(j->hf.arch, s, slot, row);
}

static void read_row(const job *j, const part *p, size_t row, float *values)
{
    const size_t expert = row / p->rows, n = p->cols;
    const fr_tensor *t = p->from[p->n_from > 1 ? expert : 0];
    const fr_format_row *f = fr_format_find(t->format);
    const uint8_t *data = t->data;
    const size_t value_bytes = f->block_bytes, inside = row % p->rows;
    if (p->change == TURNED) {
        for (size_t i = 0; i < n; i++)
            f->to_f32(data + (i * p->rows + row) * value_bytes, &values[i], 1);
        return;
    }
    if (p->row->rows == FR_DIM_ONE) { /* a vector may be put in another order value by value */
        for (size_t i = 0; i < n; i++)
            f->to_f32(data + their_row(j, p, i) * value_bytes, &values[i], 1);
        return;
    }
    size_t from = p->n_from > 1 ? 0 : expert * p->rows;
    if (p->change == HALF || p->change == OTHER_HALF)
        from = (2 * expert + (p->change == OTHER_HALF)) * p->rows;
    f->to_f32(data + (from + their_row(j, p, inside)) * n * value_bytes, values, n);
}

static void make_rows(void *args, size_t first, size_t end, int thread)
{
    const rows_job *r = args;
    const part *p = r->p;
    const fr_format_row *to = fr_format_find(p->to);
    const size_t bytes = p->cols / to->block_values * to->block_bytes;
    float *values = r->values + (size_t)thread * p->cols;
    for (size_t i = first; i < end; i++) {
        read_row(r->j, p, r->first + i, values);
        for (size_t k = 0; k < p->cols && p->plus_one; k++)
            values[k] += 1;
        for (size_t k = 0; k < p->cols && p->to == FR_FORMAT_F16; k++)
            r->overflow[thread] |= fabsf(values[k]) > 65519 && isfinite(values[k]);
        to->from_f32(values, r->out + i * bytes, p->cols);
    }
}

/* Rows that pass between two looks at progress. */
enum { ROWS_AT_ONCE = 256 };

static int make(void *user, size_t index, void *bytes, fr_err *err)
{
    job *j = user;
    const part *p = &j->parts[index];
    const fr_format_row *to = fr_format_find(p->to);
    const size_t threads = (size_t)fr_pool_threads(j->options->pool);
    const size_t row_bytes = p->cols / to->block_values * to->block_bytes;
    const size_t rows = p->rows * p->experts;
    rows_job r = { .j = j, .p = p };
    r.values = FR_NEW_N(float, threads * p->cols);
    r.overflow = FR_NEW_N(int, threads);
    const char *name = j->result->tensors[index].name;
    int rc = 0;
    for (size_t row = 0; row < rows && rc == 0; row += ROWS_AT_ONCE) {
        r.first = row;
        r.out = (uint8_t *)bytes + row * row_bytes;
        const size_t count = FR_MIN((size_t)ROWS_AT_ONCE, rows - row);
        fr_pool_run(j->options->pool, count, make_rows, &r);
        j->done += (double)(count * row_bytes);
        fr_progress_step(j->options->progress, "convert", j->done, j->total, "bytes", name);
        if (fr_progress_stopped(j->options->progress))
            rc = fr_fail(err, FR_E_INTERRUPTED, NULL, "stopped before the file was whole");
    }
    for (size_t i = 0; i < threads && rc == 0; i++)
        if (r.overflow[i] != 0)
            rc = fr_fail(err, FR_E_UNSUPPORTED, "Take --type bf16 or f32.",
                         "'%s': values of '%s' are too large for F16", fr_hf_path(j->folder), name);
    free(r.values);
    free(r.overflow);
    return rc;
}

/* ---- the file -------------------------------------------------------------------------------- */

static void put_tensor(job *j, fr_gguf_out *o, const part *p)
{
    char name[FR_TENSOR_NAME];
    fr_slot_gguf_name(p->row, p->layer, name);
    const bool vector = p->row->rows == FR_DIM_ONE;
    const uint64_t dims[] = { p->cols, p->rows, p->experts };
    const fr_format_row *to = fr_format_find(p->to);
    const size_t n_dims = p->row->experts ? 3 : vector ? 1 : 2;
    fr_converted *result = j->result;
    fr_converted_tensor *t = &result->tensors[result->n_tensors++];
    *t = (fr_converted_tensor){ .name = fr_dup(name), .format = p->to, .n_dims = n_dims };
    memcpy(t->dims, dims, sizeof(dims));
    t->size_bytes = (uint64_t)(p->cols / to->block_values) * to->block_bytes * p->rows * p->experts;
    result->size_bytes += t->size_bytes;
    result->n_params += (uint64_t)p->rows * p->cols * p->experts;
    fr_gguf_put_made(o, name, p->to, dims, n_dims, make, j);
}

/* The format that most values are in. */
static fr_format mostly(const job *j)
{
    uint64_t most = 0;
    fr_format format = FR_FORMAT_F32;
    for (size_t i = 0; i < j->n_parts; i++) {
        uint64_t n = 0;
        for (size_t k = 0; k < j->n_parts; k++)
            if (j->parts[k].to == j->parts[i].to)
                n += (uint64_t)j->parts[k].rows * j->parts[k].cols * j->parts[k].experts;
        if (n > most) {
            most = n;
            format = j->parts[i].to;
        }
    }
    return format;
}

static void put_general(const job *j, fr_gguf_out *o)
{
    fr_str name = fr_str_of(fr_hf_path(j->folder)), last = name;
    for (fr_str rest = name, one; fr_str_next(&rest, '/', &one);)
        if (one.n > 0)
            last = one;
    if (j->options->name != NULL)
        last = fr_str_of(j->options->name);
    fr_gguf_put_str(o, "general.architecture", fr_str_of(j->hf.arch->name));
    fr_gguf_put_str(o, "general.type", FR_STR("model"));
    fr_gguf_put_str(o, "general.name", last);
    fr_gguf_put_u32(o, "general.file_type", fr_format_find(j->result->mostly)->file_type);
    fr_gguf_put_u32(o, "general.quantization_version", 2);
}

/* How an encoder's states become one embedding: sentence-transformers' 1_Pooling, or classes. */
static int read_pooling(job *j, fr_err *err)
{
    json_t *pooling = NULL;
    if (!j->hf.shape.looks_ahead)
        return 0;
    FR_TRY(fr_hf_json(fr_hf_path(j->folder), "1_Pooling/config.json", &pooling, err));
    if (json_is_true(json_object_get(pooling, "pooling_mode_cls_token")))
        j->hf.shape.pooling = FR_POOLING_CLS;
    json_decref(pooling);
    if (j->hf.shape.n_labels != 0)
        j->hf.shape.pooling = FR_POOLING_RANK;
    return 0;
}

/* Names of classes, in order of their numbers. */
static void put_labels(const job *j, fr_gguf_out *o)
{
    const json_t *names = json_object_get(fr_hf_config(j->folder), "id2label");
    const size_t n = j->hf.shape.n_labels;
    fr_str *labels = FR_NEW_N(fr_str, n);
    size_t found = 0;
    char key[64];
    for (; found < n; found++) {
        snprintf(key, sizeof(key), "%zu", found);
        const char *name = json_string_value(json_object_get(names, key));
        if (name == NULL)
            break;
        labels[found] = fr_str_of(name);
    }
    snprintf(key, sizeof(key), "%s.classifier.output_labels", j->hf.arch->name);
    if (n > 0 && found == n)
        fr_gguf_put_strs(o, key, labels, n);
    free(labels);
}

/* The encoder of an encoder–decoder is a row of its own; what both have is planned already. */
static int plan_encoder(job *j, fr_err *err)
{
    const fr_arch *whole = j->hf.arch;
    int rc = 0;
    if (whole->encoder == NULL)
        return 0;
    j->hf.arch = fr_arch_find(whole->encoder);
    rc = plan_layer(j, 0, false, err);
    for (size_t layer = 0; layer < j->hf.encoder_layers && rc == 0; layer++)
        rc = plan_layer(j, layer, true, err);
    j->hf.arch = whole;
    return rc;
}

static int plan(job *j, fr_buf *told, fr_err *err)
{
    FR_TRY(fr_hf_shape_read(j->folder, &j->hf, err));
    FR_TRY(look_at_weights(j, err));
    FR_TRY(read_pooling(j, err));
    j->used = FR_NEW_N(bool, fr_hf_n_tensors(j->folder));
    FR_TRY(plan_layer(j, 0, false, err));
    for (size_t layer = 0; layer < j->hf.shape.n_layers; layer++)
        FR_TRY(plan_layer(j, layer, true, err));
    FR_TRY(plan_encoder(j, err));
    FR_TRY(check_used(j, told, err));
    if (j->hf.told != NULL)
        fr_buf_put_f(told, "%s\n", j->hf.told);
    return 0;
}

static int write(job *j, const fr_hf_vocab *vocab, const char *path, fr_err *err)
{
    FR_AUTOPTR(fr_gguf_out) o = fr_gguf_out_new();
    fr_converted *result = j->result;
    result->tensors = FR_NEW_N(fr_converted_tensor, j->n_parts);
    result->mostly = mostly(j);
    put_general(j, o);
    fr_hf_shape_put(&j->hf, o);
    put_labels(j, o);
    if (j->hf.shape.n_types != 0)
        fr_gguf_put_u32(o, "tokenizer.ggml.token_type_count", (uint32_t)j->hf.shape.n_types);
    fr_hf_vocab_put(vocab, o);
    for (size_t i = 0; i < j->n_parts; i++)
        put_tensor(j, o, &j->parts[i]);
    if (j->hf.stretch == HF_STRETCH_LLAMA3)
        plan_factors(j, "rope_freqs.weight", j->hf.short_factors, j->factors[0], o);
    if (j->hf.stretch == HF_STRETCH_LONGROPE) {
        plan_factors(j, "rope_factors_short.weight", j->hf.short_factors, j->factors[0], o);
        plan_factors(j, "rope_factors_long.weight", j->hf.long_factors, j->factors[1], o);
    }
    j->total = (double)result->size_bytes;
    return fr_gguf_write(o, path, err);
}

int fr_convert(const char *folder, const char *out, const fr_convert_options *options,
               fr_converted *result, fr_err *err)
{
    FR_AUTOPTR(fr_hf_folder) f = NULL;
    FR_AUTO(fr_hf_vocab) vocab = { 0 };
    FR_AUTO(fr_buf) told = { .limit_bytes = 1 << 16 };
    *result = (fr_converted){ 0 };
    FR_TRY(fr_hf_folder_open(folder, &f, err));
    job *j = FR_NEW(job);
    *j = (job){ .folder = f, .options = options, .result = result };
    int rc = plan(j, &told, err);
    if (rc == 0)
        rc = fr_hf_vocab_read(folder, fr_hf_config(f), j->hf.shape.n_vocab, &vocab, err);
    if (rc == 0)
        rc = write(j, &vocab, out, err);
    if (rc == 0) {
        fr_buf_put_str(&told, fr_buf_str(&vocab.told));
        result->architecture = j->hf.arch->name;
        result->model_type =
            fr_dup(json_string_value(json_object_get(fr_hf_config_whole(f), "model_type")));
        result->tokenizer = fr_hf_vocab_name(&vocab);
        result->told = fr_buf_take(&told);
        result->n_files = fr_hf_n_files(f);
        result->n_vocab = vocab.n;
    }
    job_fini(j);
    free(j);
    return rc;
}

void fr_converted_fini(fr_converted *c)
{
    for (size_t i = 0; i < c->n_tensors; i++)
        free(c->tensors[i].name);
    free(c->tensors);
    free(c->model_type);
    free(c->tokenizer);
    free(c->told);
    *c = (fr_converted){ 0 };
}
