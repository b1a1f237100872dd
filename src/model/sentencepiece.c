/* sentencepiece.c: reads tokenizer.model: a protobuf message of ModelProto (sentencepiece_model
 * .proto). A message is fields, each a number, a kind of wire and a value:
 *
 *   key      varint: number << 3 | wire          varints have at most 10 bytes
 *   wire 0   varint
 *   wire 1   8 bytes          wire 5   4 bytes
 *   wire 2   varint length, then as many bytes (text or a message), at most what is left
 *
 *   ModelProto       1 pieces (message, each)   2 trainer_spec   3 normalizer_spec
 *   SentencePiece    1 piece (text)   2 score (float)   3 type: 1 normal … 6 byte, as in GGUF
 *   TrainerSpec      3 model_type: 1 unigram, 2 BPE   40-43 ids of unknown, BOS, EOS, padding
 *   NormalizerSpec   1 name   2 precompiled_charsmap   3 add_dummy_prefix
 *                    4 remove_extra_whitespaces
 */
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "model/hf_vocab_priv.h"

typedef struct {
    const uint8_t *at;
    size_t n;
} message;

typedef struct {
    uint32_t number;
    int wire;
    uint64_t value; /* of wire 0, 1, 5 */
    message inside; /* of wire 2 */
} field;

static bool take_varint(message *m, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 70 && m->n > 0; shift += 7) {
        uint8_t byte = *m->at++;
        m->n--;
        if (shift < 64)
            *out |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* 1 a field, 0 the end, -1 no message. */
static int take_field(message *m, field *f)
{
    uint64_t key, length;
    *f = (field){ 0 };
    if (m->n == 0)
        return 0;
    if (!take_varint(m, &key) || key >> 3 == 0 || key >> 3 > 1u << 29)
        return -1;
    f->number = (uint32_t)(key >> 3);
    f->wire = (int)(key & 7);
    if (f->wire == 0)
        return take_varint(m, &f->value) ? 1 : -1;
    if (f->wire == 2) {
        if (!take_varint(m, &length) || length > m->n)
            return -1;
        f->inside = (message){ m->at, (size_t)length };
    } else if (f->wire == 1 || f->wire == 5) {
        length = f->wire == 1 ? 8 : 4;
        if (length > m->n)
            return -1;
        memcpy(&f->value, m->at, (size_t)length);
    } else {
        return -1;
    }
    m->at += length;
    m->n -= (size_t)length;
    return 1;
}

static int wrong(const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, "The file is damaged: fetch it again.", "tokenizer.model: %s",
                   what);
}

static int read_piece(fr_hf_vocab *v, message m, size_t id, fr_err *err)
{
    field f;
    int rc;
    v->types[id] = FR_TOKEN_NORMAL;
    while ((rc = take_field(&m, &f)) == 1) {
        if (f.number == 1 && f.wire == 2)
            v->tokens[id] = (fr_str){ (const char *)f.inside.at, f.inside.n };
        if (f.number == 2 && f.wire == 5) {
            uint32_t bits = (uint32_t)f.value;
            memcpy(&v->scores[id], &bits, sizeof(bits));
        }
        if (f.number == 3 && f.wire == 0) {
            if (f.value < 1 || f.value > FR_TOKEN_BYTE)
                return wrong("a piece has a type that does not exist", err);
            v->types[id] = (uint8_t)f.value;
        }
    }
    return rc == 0 ? 0 : wrong("a piece is cut short", err);
}

/* SentencePiece's defaults: unknown 0, BOS 1, EOS 2, no padding. */
static int read_trainer(fr_hf_vocab *v, message m, uint64_t *model_type, fr_err *err)
{
    static const fr_hf_special IDS[] = { FR_HF_UNK, FR_HF_BOS, FR_HF_EOS, FR_HF_PAD };
    field f;
    int rc;
    while ((rc = take_field(&m, &f)) == 1) {
        if (f.wire == 0 && f.number == 3)
            *model_type = f.value;
        if (f.wire == 0 && f.number >= 40 && f.number <= 43)
            v->special[IDS[f.number - 40]] = (int32_t)f.value;
    }
    return rc == 0 ? 0 : wrong("its trainer_spec is cut short", err);
}

static int read_normalizer(fr_hf_vocab *v, message m, fr_err *err)
{
    field f;
    int rc;
    bool removes = true; /* where it does not say */
    while ((rc = take_field(&m, &f)) == 1) {
        if (f.number == 2 && f.wire == 2 && f.inside.n > 0)
            return fr_fail(err, FR_E_UNSUPPORTED, NULL,
                           "tokenizer.model: a table of normalized characters is not supported");
        if (f.number == 3 && f.wire == 0)
            v->add_space_prefix = f.value != 0;
        if (f.number == 4 && f.wire == 0)
            removes = f.value != 0;
    }
    if (rc == 0 && removes)
        return fr_fail(err, FR_E_UNSUPPORTED, NULL,
                       "tokenizer.model: removing extra white space is not supported");
    return rc == 0 ? 0 : wrong("its normalizer_spec is cut short", err);
}

static int count_pieces(message m, size_t *n, fr_err *err)
{
    field f;
    int rc;
    *n = 0;
    while ((rc = take_field(&m, &f)) == 1)
        *n += f.number == 1 && f.wire == 2;
    if (rc != 0)
        return wrong("it is no SentencePiece model, or cut short", err);
    if (*n == 0 || *n > HF_TOKENS_MOST)
        return wrong("it has no pieces, or too many", err);
    return 0;
}

int fr_sentencepiece_parse(const void *bytes, size_t n, fr_hf_vocab *v, fr_err *err)
{
    message whole = { bytes, n };
    uint64_t model_type = 1;
    size_t n_pieces, id = 0;
    field f;
    FR_TRY(count_pieces(whole, &n_pieces, err));
    hf_vocab_size(v, n_pieces);
    v->scores = FR_NEW_N(float, n_pieces);
    v->kind = FR_VOCAB_SPM;
    v->add_space_prefix = v->add_bos = true;
    for (size_t i = 0; i < FR_HF_SPECIALS; i++)
        v->special[i] = i == FR_HF_UNK ? 0 : i == FR_HF_BOS ? 1 : i == FR_HF_EOS ? 2 : -1;
    while (take_field(&whole, &f) == 1) {
        if (f.wire == 2 && f.number == 1)
            FR_TRY(read_piece(v, f.inside, id++, err));
        if (f.wire == 2 && f.number == 2)
            FR_TRY(read_trainer(v, f.inside, &model_type, err));
        if (f.wire == 2 && f.number == 3)
            FR_TRY(read_normalizer(v, f.inside, err));
    }
    if (model_type != 2)
        return fr_fail(err, FR_E_UNSUPPORTED, "Read is BPE, as Llama, Mistral and Gemma have it.",
                       "tokenizer.model: this kind of SentencePiece model is not supported (%llu)",
                       (unsigned long long)model_type);
    for (size_t i = 0; i < FR_HF_SPECIALS; i++)
        if (v->special[i] < -1 || v->special[i] >= (int32_t)n_pieces)
            v->special[i] = -1;
    return 0;
}
