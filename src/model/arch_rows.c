/* arch_rows.c: the table of architectures. Names of tensors are those of GGUF files and of Hugging
 * Face's; each list cites where the model is described. */
#include "model/arch_priv.h"

/* ---- weights -----------------------------------------------------------------------------------
 * Rows that many architectures share. hf is the Hugging Face name up to the layer's number. */

#define VECTOR(s, g, h, n)                                                                         \
    {                                                                                              \
        s, g, h, FR_DIM_ONE, n, .per_layer = true                                                  \
    }
#define OPTIONAL_VECTOR(s, g, h, n)                                                                \
    {                                                                                              \
        s, g, h, FR_DIM_ONE, n, .per_layer = true, .when = FR_WHEN_OPTIONAL                        \
    }
#define MATRIX(s, g, h, r, c)                                                                      \
    {                                                                                              \
        s, g, h, r, c, .per_layer = true, .adaptable = true                                        \
    }
#define MATRIX_WHEN(s, g, h, r, c, w)                                                              \
    {                                                                                              \
        s, g, h, r, c, .per_layer = true, .adaptable = true, .when = w                             \
    }
#define PART(s, g, r, c, from, total)                                                              \
    {                                                                                              \
        s, g, NULL, r, c, .per_layer = true, .first = from, .of = total                            \
    }
#define OPTIONAL_PART(s, g, r, c, from, total)                                                     \
    {                                                                                              \
        s, g, NULL, r, c, .per_layer = true, .first = from, .of = total, .when = FR_WHEN_OPTIONAL  \
    }

#define TOKEN_EMBD(h)                                                                              \
    {                                                                                              \
        FR_SLOT_TOKEN_EMBD, "token_embd.weight", h, FR_DIM_VOCAB, FR_DIM_MODEL                     \
    }
#define OUTPUT(h)                                                                                  \
    {                                                                                              \
        FR_SLOT_OUTPUT, "output.weight", h, FR_DIM_VOCAB, FR_DIM_MODEL,                            \
            .when = FR_WHEN_UNTIED, .fallback = FR_SLOT_TOKEN_EMBD                                 \
    }
#define OUTPUT_NORM(h)                                                                             \
    {                                                                                              \
        FR_SLOT_OUTPUT_NORM, "output_norm.weight", h, FR_DIM_ONE, FR_DIM_MODEL                     \
    }
#define OUTPUT_NORM_B(h)                                                                           \
    {                                                                                              \
        FR_SLOT_OUTPUT_NORM_B, "output_norm.bias", h, FR_DIM_ONE, FR_DIM_MODEL                     \
    }

#define ATTN_NORM(h)   VECTOR(FR_SLOT_ATTN_NORM, "blk.%zu.attn_norm.weight", h, FR_DIM_MODEL)
#define ATTN_NORM_B(h) VECTOR(FR_SLOT_ATTN_NORM_B, "blk.%zu.attn_norm.bias", h, FR_DIM_MODEL)
#define FFN_NORM(h)    VECTOR(FR_SLOT_FFN_NORM, "blk.%zu.ffn_norm.weight", h, FR_DIM_MODEL)
#define FFN_NORM_B(h)  VECTOR(FR_SLOT_FFN_NORM_B, "blk.%zu.ffn_norm.bias", h, FR_DIM_MODEL)

/* Separate projections; h: what stands before q_proj. */
#define ATTENTION(h, o)                                                                            \
    MATRIX(FR_SLOT_ATTN_Q, "blk.%zu.attn_q.weight", h "q_proj.weight", FR_DIM_Q, FR_DIM_MODEL),    \
        MATRIX(FR_SLOT_ATTN_K, "blk.%zu.attn_k.weight", h "k_proj.weight", FR_DIM_KV,              \
               FR_DIM_MODEL),                                                                      \
        MATRIX(FR_SLOT_ATTN_V, "blk.%zu.attn_v.weight", h "v_proj.weight", FR_DIM_KV,              \
               FR_DIM_MODEL),                                                                      \
        MATRIX(FR_SLOT_ATTN_OUT, "blk.%zu.attn_output.weight", h o ".weight", FR_DIM_MODEL,        \
               FR_DIM_Q)
#define ATTENTION_B(h, o)                                                                          \
    OPTIONAL_VECTOR(FR_SLOT_ATTN_Q_B, "blk.%zu.attn_q.bias", h "q_proj.bias", FR_DIM_Q),           \
        OPTIONAL_VECTOR(FR_SLOT_ATTN_K_B, "blk.%zu.attn_k.bias", h "k_proj.bias", FR_DIM_KV),      \
        OPTIONAL_VECTOR(FR_SLOT_ATTN_V_B, "blk.%zu.attn_v.bias", h "v_proj.bias", FR_DIM_KV),      \
        OPTIONAL_VECTOR(FR_SLOT_ATTN_OUT_B, "blk.%zu.attn_output.bias", h o ".bias", FR_DIM_MODEL)

/* One matrix for queries, keys and values, in this order. */
#define FUSED_ATTENTION(o)                                                                         \
    PART(FR_SLOT_ATTN_Q, "blk.%zu.attn_qkv.weight", FR_DIM_Q, FR_DIM_MODEL, FR_DIM_NONE,           \
         FR_DIM_QKV),                                                                              \
        PART(FR_SLOT_ATTN_K, "blk.%zu.attn_qkv.weight", FR_DIM_KV, FR_DIM_MODEL, FR_DIM_Q,         \
             FR_DIM_QKV),                                                                          \
        PART(FR_SLOT_ATTN_V, "blk.%zu.attn_qkv.weight", FR_DIM_KV, FR_DIM_MODEL, FR_DIM_QK,        \
             FR_DIM_QKV),                                                                          \
        MATRIX(FR_SLOT_ATTN_OUT, "blk.%zu.attn_output.weight", o, FR_DIM_MODEL, FR_DIM_Q)
#define FUSED_ATTENTION_B(o)                                                                       \
    OPTIONAL_PART(FR_SLOT_ATTN_Q_B, "blk.%zu.attn_qkv.bias", FR_DIM_ONE, FR_DIM_Q, FR_DIM_NONE,    \
                  FR_DIM_QKV),                                                                     \
        OPTIONAL_PART(FR_SLOT_ATTN_K_B, "blk.%zu.attn_qkv.bias", FR_DIM_ONE, FR_DIM_KV, FR_DIM_Q,  \
                      FR_DIM_QKV),                                                                 \
        OPTIONAL_PART(FR_SLOT_ATTN_V_B, "blk.%zu.attn_qkv.bias", FR_DIM_ONE, FR_DIM_KV, FR_DIM_QK, \
                      FR_DIM_QKV),                                                                 \
        OPTIONAL_VECTOR(FR_SLOT_ATTN_OUT_B, "blk.%zu.attn_output.bias", o, FR_DIM_MODEL)

#define HEAD_NORMS(h)                                                                              \
    VECTOR(FR_SLOT_ATTN_Q_NORM, "blk.%zu.attn_q_norm.weight", h "q_norm.weight", FR_DIM_HEAD),     \
        VECTOR(FR_SLOT_ATTN_K_NORM, "blk.%zu.attn_k_norm.weight", h "k_norm.weight", FR_DIM_HEAD)

#define GATED_FFN(h, w)                                                                            \
    MATRIX_WHEN(FR_SLOT_FFN_GATE, "blk.%zu.ffn_gate.weight", h "gate_proj.weight", FR_DIM_FFN,     \
                FR_DIM_MODEL, w),                                                                  \
        MATRIX_WHEN(FR_SLOT_FFN_UP, "blk.%zu.ffn_up.weight", h "up_proj.weight", FR_DIM_FFN,       \
                    FR_DIM_MODEL, w),                                                              \
        MATRIX_WHEN(FR_SLOT_FFN_DOWN, "blk.%zu.ffn_down.weight", h "down_proj.weight",             \
                    FR_DIM_MODEL, FR_DIM_FFN, w)
#define GATED_FFN_B(h)                                                                             \
    OPTIONAL_VECTOR(FR_SLOT_FFN_GATE_B, "blk.%zu.ffn_gate.bias", h "gate_proj.bias", FR_DIM_FFN),  \
        OPTIONAL_VECTOR(FR_SLOT_FFN_UP_B, "blk.%zu.ffn_up.bias", h "up_proj.bias", FR_DIM_FFN),    \
        OPTIONAL_VECTOR(FR_SLOT_FFN_DOWN_B, "blk.%zu.ffn_down.bias", h "down_proj.bias",           \
                        FR_DIM_MODEL)
#define PLAIN_FFN(up, down)                                                                        \
    MATRIX(FR_SLOT_FFN_UP, "blk.%zu.ffn_up.weight", up ".weight", FR_DIM_FFN, FR_DIM_MODEL),       \
        MATRIX(FR_SLOT_FFN_DOWN, "blk.%zu.ffn_down.weight", down ".weight", FR_DIM_MODEL,          \
               FR_DIM_FFN),                                                                        \
        OPTIONAL_VECTOR(FR_SLOT_FFN_UP_B, "blk.%zu.ffn_up.bias", up ".bias", FR_DIM_FFN),          \
        OPTIONAL_VECTOR(FR_SLOT_FFN_DOWN_B, "blk.%zu.ffn_down.bias", down ".bias", FR_DIM_MODEL)

#define EXPERT_MATRIX(s, g, r, c)                                                                  \
    {                                                                                              \
        s, g, NULL, r, c, .per_layer = true, .when = FR_WHEN_EXPERTS, .experts = true              \
    }
#define EXPERTS                                                                                    \
    { FR_SLOT_ROUTER,    "blk.%zu.ffn_gate_inp.weight", NULL, FR_DIM_EXPERTS, FR_DIM_MODEL,        \
      .per_layer = true, .when = FR_WHEN_EXPERTS },                                                \
        EXPERT_MATRIX(FR_SLOT_EXPERTS_GATE, "blk.%zu.ffn_gate_exps.weight", FR_DIM_EXPERT_FFN,     \
                      FR_DIM_MODEL),                                                               \
        EXPERT_MATRIX(FR_SLOT_EXPERTS_UP, "blk.%zu.ffn_up_exps.weight", FR_DIM_EXPERT_FFN,         \
                      FR_DIM_MODEL),                                                               \
        EXPERT_MATRIX(FR_SLOT_EXPERTS_DOWN, "blk.%zu.ffn_down_exps.weight", FR_DIM_MODEL,          \
                      FR_DIM_EXPERT_FFN)

#define LAYER "model.layers.%zu."
#define BEFORE_ATTENTION                                                                           \
    TOKEN_EMBD("model.embed_tokens.weight"), ATTN_NORM(LAYER "input_layernorm.weight")
#define FFN_NORM_OF_LLAMA FFN_NORM(LAYER "post_attention_layernorm.weight")
#define BEHIND_LAYERS     OUTPUT_NORM("model.norm.weight"), OUTPUT("lm_head.weight")

/* ---- operations ------------------------------------------------------------------------------ */

#define EMBED                                                                                      \
    {                                                                                              \
        FR_OP_EMBED, FR_SLOT_TOKEN_EMBD, .out = FR_VALUE_X                                         \
    }
#define NORM_H(s, b)                                                                               \
    {                                                                                              \
        FR_OP_NORM, s, b, .in = FR_VALUE_X, .out = FR_VALUE_H                                      \
    }
#define PROJECT(s, from, to)                                                                       \
    {                                                                                              \
        FR_OP_LINEAR, FR_SLOT_##s, FR_SLOT_##s##_B, .in = FR_VALUE_##from, .out = FR_VALUE_##to    \
    }
#define PROJECT_WHEN(s, from, to, w)                                                               \
    {                                                                                              \
        FR_OP_LINEAR, FR_SLOT_##s, FR_SLOT_##s##_B, .in = FR_VALUE_##from, .out = FR_VALUE_##to,   \
                                                    .when = w                                      \
    }
#define PROJECT_QKV(from)                                                                          \
    PROJECT(ATTN_Q, from, Q), PROJECT(ATTN_K, from, K), PROJECT(ATTN_V, from, V)
#define NORM_HEADS                                                                                 \
    { FR_OP_NORM, FR_SLOT_ATTN_Q_NORM, .in = FR_VALUE_Q, .out = FR_VALUE_Q },                      \
    {                                                                                              \
        FR_OP_NORM, FR_SLOT_ATTN_K_NORM, .in = FR_VALUE_K, .out = FR_VALUE_K                       \
    }
#define ROPE                                                                                       \
    { FR_OP_ROPE, .in = FR_VALUE_Q, .out = FR_VALUE_Q },                                           \
    {                                                                                              \
        FR_OP_ROPE, .in = FR_VALUE_K, .out = FR_VALUE_K                                            \
    }
#define ATTEND                                                                                     \
    {                                                                                              \
        FR_OP_ATTENTION, .in = FR_VALUE_Q, .in2 = FR_VALUE_K, .in3 = FR_VALUE_V,                   \
                         .out = FR_VALUE_ATT                                                       \
    }
#define ADD_ATTENTION                                                                              \
    {                                                                                              \
        FR_OP_LINEAR, FR_SLOT_ATTN_OUT, FR_SLOT_ATTN_OUT_B, .in = FR_VALUE_ATT, .out = FR_VALUE_X, \
                                                            .add = true                            \
    }
#define ADD_ATTENTION_WHEN(w)                                                                      \
    {                                                                                              \
        FR_OP_LINEAR, FR_SLOT_ATTN_OUT, FR_SLOT_ATTN_OUT_B, .in = FR_VALUE_ATT, .out = FR_VALUE_X, \
                                                            .add = true, .when = w                 \
    }
#define GATED(w)                                                                                   \
    PROJECT_WHEN(FFN_GATE, H, GATE, w), PROJECT_WHEN(FFN_UP, H, UP, w),                            \
    {                                                                                              \
        FR_OP_ACTIVATE, .in = FR_VALUE_GATE, .in2 = FR_VALUE_UP, .out = FR_VALUE_ACT, .when = w    \
    }
#define PLAIN                                                                                      \
    PROJECT(FFN_UP, H, UP),                                                                        \
    {                                                                                              \
        FR_OP_ACTIVATE, .in = FR_VALUE_UP, .out = FR_VALUE_ACT                                     \
    }
#define ADD_FFN(w)                                                                                 \
    {                                                                                              \
        FR_OP_LINEAR, FR_SLOT_FFN_DOWN, FR_SLOT_FFN_DOWN_B, .in = FR_VALUE_ACT, .out = FR_VALUE_X, \
                                                            .add = true, .when = w                 \
    }
/* Shazeer et al. 2017, arXiv:1701.06538: the router's favourites get the token. */
#define MIXTURE                                                                                    \
    { FR_OP_LINEAR, FR_SLOT_ROUTER, .in = FR_VALUE_H, .out = FR_VALUE_ROUTE,                       \
      .when = FR_WHEN_EXPERTS },                                                                   \
        { FR_OP_PICK, .in = FR_VALUE_ROUTE, .out = FR_VALUE_PICKED, .when = FR_WHEN_EXPERTS },     \
        { FR_OP_EXPERT_LINEAR,    FR_SLOT_EXPERTS_GATE,        .in = FR_VALUE_H,                   \
          .in2 = FR_VALUE_PICKED, .out = FR_VALUE_EXPERT_GATE, .when = FR_WHEN_EXPERTS },          \
        { FR_OP_EXPERT_LINEAR,    FR_SLOT_EXPERTS_UP,        .in = FR_VALUE_H,                     \
          .in2 = FR_VALUE_PICKED, .out = FR_VALUE_EXPERT_UP, .when = FR_WHEN_EXPERTS },            \
        { FR_OP_ACTIVATE, .in = FR_VALUE_EXPERT_GATE, .in2 = FR_VALUE_EXPERT_UP,                   \
          .out = FR_VALUE_EXPERT_ACT, .when = FR_WHEN_EXPERTS },                                   \
    {                                                                                              \
        FR_OP_EXPERT_SUM, FR_SLOT_EXPERTS_DOWN, .in = FR_VALUE_EXPERT_ACT, .in2 = FR_VALUE_PICKED, \
                                                .out = FR_VALUE_X, .add = true,                    \
                                                .when = FR_WHEN_EXPERTS                            \
    }
#define LOGITS                                                                                     \
    { FR_OP_NORM, FR_SLOT_OUTPUT_NORM, FR_SLOT_OUTPUT_NORM_B, .in = FR_VALUE_X,                    \
      .out = FR_VALUE_H },                                                                         \
    {                                                                                              \
        FR_OP_LOGITS, FR_SLOT_OUTPUT, FR_SLOT_OUTPUT_B, .in = FR_VALUE_H, .out = FR_VALUE_LOGITS   \
    }

static const fr_op EMBEDDING[] = { EMBED };
static const fr_op OUTPUT_LOGITS[] = { LOGITS };

/* ---- llama and its heirs -----------------------------------------------------------------------
 * Touvron et al. 2023, arXiv:2302.13971: pre-norm, rotary positions, gated SiLU. Mixtral (Jiang et
 * al. 2024, arXiv:2401.04088) has experts; Mistral (arXiv:2310.06825) a window. */
static const fr_slot_row LLAMA_SLOTS[] = {
    BEFORE_ATTENTION,
    ATTENTION(LAYER "self_attn.", "o_proj"),
    FFN_NORM_OF_LLAMA,
    GATED_FFN(LAYER "mlp.", FR_WHEN_DENSE),
    BEHIND_LAYERS,
    ATTENTION_B(LAYER "self_attn.", "o_proj"),
    GATED_FFN_B(LAYER "mlp."),
    EXPERTS,
};
static const fr_op LLAMA_LAYER[] = {
    NORM_H(FR_SLOT_ATTN_NORM, FR_SLOT_NONE),
    PROJECT_QKV(H),
    ROPE,
    ATTEND,
    ADD_ATTENTION,
    NORM_H(FR_SLOT_FFN_NORM, FR_SLOT_NONE),
    GATED(FR_WHEN_DENSE),
    ADD_FFN(FR_WHEN_DENSE),
    MIXTURE,
};

/* Yang et al. 2025, arXiv:2505.09388: each head of queries and keys is normed. */
static const fr_slot_row QWEN3_SLOTS[] = {
    BEFORE_ATTENTION,
    ATTENTION(LAYER "self_attn.", "o_proj"),
    FFN_NORM_OF_LLAMA,
    GATED_FFN(LAYER "mlp.", FR_WHEN_DENSE),
    BEHIND_LAYERS,
    HEAD_NORMS(LAYER "self_attn."),
    ATTENTION_B(LAYER "self_attn.", "o_proj"),
    EXPERTS,
};
static const fr_op QWEN3_LAYER[] = {
    NORM_H(FR_SLOT_ATTN_NORM, FR_SLOT_NONE),
    PROJECT_QKV(H),
    NORM_HEADS,
    ROPE,
    ATTEND,
    ADD_ATTENTION,
    NORM_H(FR_SLOT_FFN_NORM, FR_SLOT_NONE),
    GATED(FR_WHEN_DENSE),
    ADD_FFN(FR_WHEN_DENSE),
    MIXTURE,
};

/* Gemma 2 (arXiv:2408.00118) norms what attention and feed-forward add as well; Gemma 3
 * (arXiv:2503.19786) each head too. */
#define GEMMA_NORMS                                                                                \
    VECTOR(FR_SLOT_ATTN_POST_NORM, "blk.%zu.post_attention_norm.weight",                           \
           LAYER "post_attention_layernorm.weight", FR_DIM_MODEL),                                 \
        FFN_NORM(LAYER "pre_feedforward_layernorm.weight"),                                        \
        VECTOR(FR_SLOT_FFN_POST_NORM, "blk.%zu.post_ffw_norm.weight",                              \
               LAYER "post_feedforward_layernorm.weight", FR_DIM_MODEL)
#define ADD_NORMED(from, w, s)                                                                     \
    { FR_OP_LINEAR, w, .in = from, .out = FR_VALUE_Y },                                            \
    {                                                                                              \
        FR_OP_NORM, s, .in = FR_VALUE_Y, .out = FR_VALUE_X, .add = true                            \
    }

static const fr_slot_row GEMMA2_SLOTS[] = {
    BEFORE_ATTENTION, ATTENTION(LAYER "self_attn.", "o_proj"),
    GEMMA_NORMS,      GATED_FFN(LAYER "mlp.", FR_WHEN_ALWAYS),
    BEHIND_LAYERS,
};
static const fr_op GEMMA2_LAYER[] = {
    NORM_H(FR_SLOT_ATTN_NORM, FR_SLOT_NONE),
    PROJECT_QKV(H),
    ROPE,
    ATTEND,
    ADD_NORMED(FR_VALUE_ATT, FR_SLOT_ATTN_OUT, FR_SLOT_ATTN_POST_NORM),
    NORM_H(FR_SLOT_FFN_NORM, FR_SLOT_NONE),
    GATED(FR_WHEN_ALWAYS),
    ADD_NORMED(FR_VALUE_ACT, FR_SLOT_FFN_DOWN, FR_SLOT_FFN_POST_NORM),
};
static const fr_slot_row GEMMA3_SLOTS[] = {
    BEFORE_ATTENTION, ATTENTION(LAYER "self_attn.", "o_proj"),
    GEMMA_NORMS,      GATED_FFN(LAYER "mlp.", FR_WHEN_ALWAYS),
    BEHIND_LAYERS,    HEAD_NORMS(LAYER "self_attn."),
};
static const fr_op GEMMA3_LAYER[] = {
    NORM_H(FR_SLOT_ATTN_NORM, FR_SLOT_NONE),
    PROJECT_QKV(H),
    NORM_HEADS,
    ROPE,
    ATTEND,
    ADD_NORMED(FR_VALUE_ATT, FR_SLOT_ATTN_OUT, FR_SLOT_ATTN_POST_NORM),
    NORM_H(FR_SLOT_FFN_NORM, FR_SLOT_NONE),
    GATED(FR_WHEN_ALWAYS),
    ADD_NORMED(FR_VALUE_ACT, FR_SLOT_FFN_DOWN, FR_SLOT_FFN_POST_NORM),
};

/* Abdin et al. 2024, arXiv:2404.14219: llama with queries, keys and values in one matrix, gate and
 * up in another. */
static const fr_slot_row PHI3_SLOTS[] = {
    BEFORE_ATTENTION,
    FUSED_ATTENTION(LAYER "self_attn.o_proj.weight"),
    FFN_NORM_OF_LLAMA,
    PART(FR_SLOT_FFN_GATE, "blk.%zu.ffn_up.weight", FR_DIM_FFN, FR_DIM_MODEL, FR_DIM_NONE,
         FR_DIM_FFN_TWICE),
    PART(FR_SLOT_FFN_UP, "blk.%zu.ffn_up.weight", FR_DIM_FFN, FR_DIM_MODEL, FR_DIM_FFN,
         FR_DIM_FFN_TWICE),
    MATRIX(FR_SLOT_FFN_DOWN, "blk.%zu.ffn_down.weight", LAYER "mlp.down_proj.weight", FR_DIM_MODEL,
           FR_DIM_FFN),
    BEHIND_LAYERS,
};
static const fr_op PHI3_LAYER[] = {
    NORM_H(FR_SLOT_ATTN_NORM, FR_SLOT_NONE),
    PROJECT_QKV(H),
    ROPE,
    ATTEND,
    ADD_ATTENTION,
    NORM_H(FR_SLOT_FFN_NORM, FR_SLOT_NONE),
    GATED(FR_WHEN_ALWAYS),
    ADD_FFN(FR_WHEN_ALWAYS),
};

/* ---- layer norms and plain feed-forward --------------------------------------------------------
 * Radford et al. 2019 (GPT-2): learned positions. */
#define GPT2 "transformer.h.%zu."
static const fr_slot_row GPT2_SLOTS[] = {
    TOKEN_EMBD("transformer.wte.weight"),
    { FR_SLOT_POSITION_EMBD, "position_embd.weight", "transformer.wpe.weight", FR_DIM_CONTEXT,
      FR_DIM_MODEL },
    ATTN_NORM(GPT2 "ln_1.weight"),
    ATTN_NORM_B(GPT2 "ln_1.bias"),
    FUSED_ATTENTION(GPT2 "attn.c_proj.weight"),
    FUSED_ATTENTION_B(GPT2 "attn.c_proj.bias"),
    FFN_NORM(GPT2 "ln_2.weight"),
    FFN_NORM_B(GPT2 "ln_2.bias"),
    PLAIN_FFN(GPT2 "mlp.c_fc", GPT2 "mlp.c_proj"),
    OUTPUT_NORM("transformer.ln_f.weight"),
    OUTPUT_NORM_B("transformer.ln_f.bias"),
    OUTPUT("lm_head.weight"),
};
static const fr_op GPT2_BEFORE[] = {
    EMBED,
    { FR_OP_POSITION, FR_SLOT_POSITION_EMBD, .out = FR_VALUE_X },
};
static const fr_op GPT2_LAYER[] = {
    NORM_H(FR_SLOT_ATTN_NORM, FR_SLOT_ATTN_NORM_B),
    PROJECT_QKV(H),
    ATTEND,
    ADD_ATTENTION,
    NORM_H(FR_SLOT_FFN_NORM, FR_SLOT_FFN_NORM_B),
    PLAIN,
    ADD_FFN(FR_WHEN_ALWAYS),
};

/* Lozhkov et al. 2024, arXiv:2402.19173. */
static const fr_slot_row STARCODER2_SLOTS[] = {
    BEFORE_ATTENTION,
    ATTN_NORM_B(LAYER "input_layernorm.bias"),
    ATTENTION(LAYER "self_attn.", "o_proj"),
    ATTENTION_B(LAYER "self_attn.", "o_proj"),
    FFN_NORM_OF_LLAMA,
    FFN_NORM_B(LAYER "post_attention_layernorm.bias"),
    PLAIN_FFN(LAYER "mlp.c_fc", LAYER "mlp.c_proj"),
    BEHIND_LAYERS,
    OUTPUT_NORM_B("model.norm.bias"),
};
static const fr_op STARCODER2_LAYER[] = {
    NORM_H(FR_SLOT_ATTN_NORM, FR_SLOT_ATTN_NORM_B),
    PROJECT_QKV(H),
    ROPE,
    ATTEND,
    ADD_ATTENTION,
    NORM_H(FR_SLOT_FFN_NORM, FR_SLOT_FFN_NORM_B),
    PLAIN,
    ADD_FFN(FR_WHEN_ALWAYS),
};

/* ---- attention and feed-forward side by side ---------------------------------------------------
 * Both read the residual stream before either adds to it. Black et al. 2022, arXiv:2204.06745. */
#define NEOX "gpt_neox.layers.%zu."
static const fr_slot_row GPTNEOX_SLOTS[] = {
    TOKEN_EMBD("gpt_neox.embed_in.weight"),
    ATTN_NORM(NEOX "input_layernorm.weight"),
    ATTN_NORM_B(NEOX "input_layernorm.bias"),
    FUSED_ATTENTION(NEOX "attention.dense.weight"),
    FUSED_ATTENTION_B(NEOX "attention.dense.bias"),
    FFN_NORM(NEOX "post_attention_layernorm.weight"),
    FFN_NORM_B(NEOX "post_attention_layernorm.bias"),
    PLAIN_FFN(NEOX "mlp.dense_h_to_4h", NEOX "mlp.dense_4h_to_h"),
    OUTPUT_NORM("gpt_neox.final_layer_norm.weight"),
    OUTPUT_NORM_B("gpt_neox.final_layer_norm.bias"),
    OUTPUT("embed_out.weight"),
};
static const fr_op GPTNEOX_LAYER[] = {
    NORM_H(FR_SLOT_ATTN_NORM, FR_SLOT_ATTN_NORM_B),
    PROJECT_QKV(H),
    ROPE,
    ATTEND,
    ADD_ATTENTION_WHEN(FR_WHEN_SERIAL),
    NORM_H(FR_SLOT_FFN_NORM, FR_SLOT_FFN_NORM_B),
    PLAIN,
    ADD_ATTENTION_WHEN(FR_WHEN_PARALLEL),
    ADD_FFN(FR_WHEN_ALWAYS),
};

/* Almazrouei et al. 2023, arXiv:2311.16867: one norm for both (7B) or one each (40B). */
static const fr_slot_row FALCON_SLOTS[] = {
    TOKEN_EMBD("transformer.word_embeddings.weight"),
    ATTN_NORM(GPT2 "input_layernorm.weight"),
    ATTN_NORM_B(GPT2 "input_layernorm.bias"),
    { FR_SLOT_ATTN_NORM_2, "blk.%zu.attn_norm_2.weight", GPT2 "ln_attn.weight", FR_DIM_ONE,
      FR_DIM_MODEL, .per_layer = true, .when = FR_WHEN_OPTIONAL, .fallback = FR_SLOT_ATTN_NORM },
    { FR_SLOT_ATTN_NORM_2_B, "blk.%zu.attn_norm_2.bias", GPT2 "ln_attn.bias", FR_DIM_ONE,
      FR_DIM_MODEL, .per_layer = true, .when = FR_WHEN_OPTIONAL, .fallback = FR_SLOT_ATTN_NORM_B },
    FUSED_ATTENTION(GPT2 "self_attention.dense.weight"),
    FUSED_ATTENTION_B(GPT2 "self_attention.dense.bias"),
    PLAIN_FFN(GPT2 "mlp.dense_h_to_4h", GPT2 "mlp.dense_4h_to_h"),
    OUTPUT_NORM("transformer.ln_f.weight"),
    OUTPUT_NORM_B("transformer.ln_f.bias"),
    OUTPUT("lm_head.weight"),
};
static const fr_op FALCON_LAYER[] = {
    NORM_H(FR_SLOT_ATTN_NORM_2, FR_SLOT_ATTN_NORM_2_B),
    PROJECT_QKV(H),
    ROPE,
    ATTEND,
    NORM_H(FR_SLOT_ATTN_NORM, FR_SLOT_ATTN_NORM_B),
    PLAIN,
    ADD_ATTENTION,
    ADD_FFN(FR_WHEN_ALWAYS),
};

/* ---- encoders ----------------------------------------------------------------------------------
 * Devlin et al. 2018, arXiv:1810.04805: each token sees all others; norms come after what is added.
 * What comes out are hidden states. */
#define BERT "encoder.layer.%zu."
#define OPTIONAL_ONE(s, g, h, r, c)                                                                \
    {                                                                                              \
        s, g, h, r, c, .when = FR_WHEN_OPTIONAL                                                    \
    }
#define BERT_EMBEDDINGS                                                                            \
    TOKEN_EMBD("embeddings.word_embeddings.weight"),                                               \
        OPTIONAL_ONE(FR_SLOT_TOKEN_TYPES, "token_types.weight",                                    \
                     "embeddings.token_type_embeddings.weight", FR_DIM_TYPES, FR_DIM_MODEL),       \
        { FR_SLOT_EMBD_NORM, "token_embd_norm.weight", "embeddings.LayerNorm.weight", FR_DIM_ONE,  \
          FR_DIM_MODEL },                                                                          \
    {                                                                                              \
        FR_SLOT_EMBD_NORM_B, "token_embd_norm.bias", "embeddings.LayerNorm.bias", FR_DIM_ONE,      \
            FR_DIM_MODEL                                                                           \
    }
#define POST_NORMS(attention, ffn)                                                                 \
    VECTOR(FR_SLOT_ATTN_POST_NORM, "blk.%zu.attn_output_norm.weight", attention ".weight",         \
           FR_DIM_MODEL),                                                                          \
        VECTOR(FR_SLOT_ATTN_POST_NORM_B, "blk.%zu.attn_output_norm.bias", attention ".bias",       \
               FR_DIM_MODEL),                                                                      \
        VECTOR(FR_SLOT_FFN_POST_NORM, "blk.%zu.layer_output_norm.weight", ffn ".weight",           \
               FR_DIM_MODEL),                                                                      \
        VECTOR(FR_SLOT_FFN_POST_NORM_B, "blk.%zu.layer_output_norm.bias", ffn ".bias",             \
               FR_DIM_MODEL)
#define CLASSIFICATION                                                                             \
    OPTIONAL_ONE(FR_SLOT_HEAD, "cls.weight", "pooler.dense.weight", FR_DIM_MODEL, FR_DIM_MODEL),   \
        OPTIONAL_ONE(FR_SLOT_HEAD_B, "cls.bias", "pooler.dense.bias", FR_DIM_ONE, FR_DIM_MODEL),   \
        OPTIONAL_ONE(FR_SLOT_CLASSES, "cls.output.weight", "classifier.weight", FR_DIM_LABELS,     \
                     FR_DIM_MODEL),                                                                \
        OPTIONAL_ONE(FR_SLOT_CLASSES_B, "cls.output.bias", "classifier.bias", FR_DIM_ONE,          \
                     FR_DIM_LABELS)
#define NORM_X(s)                                                                                  \
    {                                                                                              \
        FR_OP_NORM, s, s##_B, .in = FR_VALUE_X, .out = FR_VALUE_X                                  \
    }
#define ADD_KIND                                                                                   \
    {                                                                                              \
        FR_OP_KIND, FR_SLOT_TOKEN_TYPES, .out = FR_VALUE_X                                         \
    }

static const fr_slot_row BERT_SLOTS[] = {
    BERT_EMBEDDINGS,
    { FR_SLOT_POSITION_EMBD, "position_embd.weight", "embeddings.position_embeddings.weight",
      FR_DIM_CONTEXT, FR_DIM_MODEL },
    MATRIX(FR_SLOT_ATTN_Q, "blk.%zu.attn_q.weight", BERT "attention.self.query.weight", FR_DIM_Q,
           FR_DIM_MODEL),
    MATRIX(FR_SLOT_ATTN_K, "blk.%zu.attn_k.weight", BERT "attention.self.key.weight", FR_DIM_KV,
           FR_DIM_MODEL),
    MATRIX(FR_SLOT_ATTN_V, "blk.%zu.attn_v.weight", BERT "attention.self.value.weight", FR_DIM_KV,
           FR_DIM_MODEL),
    MATRIX(FR_SLOT_ATTN_OUT, "blk.%zu.attn_output.weight", BERT "attention.output.dense.weight",
           FR_DIM_MODEL, FR_DIM_Q),
    OPTIONAL_VECTOR(FR_SLOT_ATTN_Q_B, "blk.%zu.attn_q.bias", BERT "attention.self.query.bias",
                    FR_DIM_Q),
    OPTIONAL_VECTOR(FR_SLOT_ATTN_K_B, "blk.%zu.attn_k.bias", BERT "attention.self.key.bias",
                    FR_DIM_KV),
    OPTIONAL_VECTOR(FR_SLOT_ATTN_V_B, "blk.%zu.attn_v.bias", BERT "attention.self.value.bias",
                    FR_DIM_KV),
    OPTIONAL_VECTOR(FR_SLOT_ATTN_OUT_B, "blk.%zu.attn_output.bias",
                    BERT "attention.output.dense.bias", FR_DIM_MODEL),
    PLAIN_FFN(BERT "intermediate.dense", BERT "output.dense"),
    POST_NORMS(BERT "attention.output.LayerNorm", BERT "output.LayerNorm"),
    CLASSIFICATION,
};
static const fr_op BERT_BEFORE[] = {
    EMBED,
    { FR_OP_POSITION, FR_SLOT_POSITION_EMBD, .out = FR_VALUE_X },
    ADD_KIND,
    NORM_X(FR_SLOT_EMBD_NORM),
};
static const fr_op BERT_LAYER[] = {
    PROJECT_QKV(X),          ATTEND,
    ADD_ATTENTION,           NORM_X(FR_SLOT_ATTN_POST_NORM),
    PROJECT(FFN_UP, X, UP),  { FR_OP_ACTIVATE, .in = FR_VALUE_UP, .out = FR_VALUE_ACT },
    ADD_FFN(FR_WHEN_ALWAYS), NORM_X(FR_SLOT_FFN_POST_NORM),
};

/* Nussbaum et al. 2024, arXiv:2402.01613: rotary positions, gated SiLU, one matrix for queries,
 * keys and values. */
#define NOMIC "encoder.layers.%zu."
static const fr_slot_row NOMIC_SLOTS[] = {
    BERT_EMBEDDINGS,
    FUSED_ATTENTION(NOMIC "attn.out_proj.weight"),
    FUSED_ATTENTION_B(NOMIC "attn.out_proj.bias"),
    MATRIX(FR_SLOT_FFN_GATE, "blk.%zu.ffn_gate.weight", NOMIC "mlp.fc12.weight", FR_DIM_FFN,
           FR_DIM_MODEL),
    MATRIX(FR_SLOT_FFN_UP, "blk.%zu.ffn_up.weight", NOMIC "mlp.fc11.weight", FR_DIM_FFN,
           FR_DIM_MODEL),
    MATRIX(FR_SLOT_FFN_DOWN, "blk.%zu.ffn_down.weight", NOMIC "mlp.fc2.weight", FR_DIM_MODEL,
           FR_DIM_FFN),
    POST_NORMS(NOMIC "norm1", NOMIC "norm2"),
    CLASSIFICATION,
};
static const fr_op NOMIC_BEFORE[] = { EMBED, ADD_KIND, NORM_X(FR_SLOT_EMBD_NORM) };
static const fr_op NOMIC_LAYER[] = {
    PROJECT_QKV(X),
    ROPE,
    ATTEND,
    ADD_ATTENTION,
    NORM_X(FR_SLOT_ATTN_POST_NORM),
    PROJECT(FFN_GATE, X, GATE),
    PROJECT(FFN_UP, X, UP),
    { FR_OP_ACTIVATE, .in = FR_VALUE_GATE, .in2 = FR_VALUE_UP, .out = FR_VALUE_ACT },
    ADD_FFN(FR_WHEN_ALWAYS),
    NORM_X(FR_SLOT_FFN_POST_NORM),
};

/* ---- encoder and decoder -----------------------------------------------------------------------
 * Raffel et al. 2019, arXiv:1910.10683: scores are not scaled, but what the distance of two
 * positions adds to them is learned, once for all layers. Feed-forward with ReLU, or gated (version
 * 1.1, Flan). */
#define T5_BLOCKS(g, h, ffn)                                                                       \
    VECTOR(FR_SLOT_ATTN_NORM, g "attn_norm.weight", h "layer.0.layer_norm.weight", FR_DIM_MODEL),  \
        MATRIX(FR_SLOT_ATTN_Q, g "attn_q.weight", h "layer.0.SelfAttention.q.weight", FR_DIM_Q,    \
               FR_DIM_MODEL),                                                                      \
        MATRIX(FR_SLOT_ATTN_K, g "attn_k.weight", h "layer.0.SelfAttention.k.weight", FR_DIM_KV,   \
               FR_DIM_MODEL),                                                                      \
        MATRIX(FR_SLOT_ATTN_V, g "attn_v.weight", h "layer.0.SelfAttention.v.weight", FR_DIM_KV,   \
               FR_DIM_MODEL),                                                                      \
        MATRIX(FR_SLOT_ATTN_OUT, g "attn_o.weight", h "layer.0.SelfAttention.o.weight",            \
               FR_DIM_MODEL, FR_DIM_Q),                                                            \
        VECTOR(FR_SLOT_FFN_NORM, g "ffn_norm.weight", h ffn "layer_norm.weight", FR_DIM_MODEL),    \
        MATRIX_WHEN(FR_SLOT_FFN_GATE, g "ffn_gate.weight", h ffn "DenseReluDense.wi_0.weight",     \
                    FR_DIM_FFN, FR_DIM_MODEL, FR_WHEN_OPTIONAL),                                   \
        MATRIX(FR_SLOT_FFN_UP, g "ffn_up.weight", h ffn "DenseReluDense.wi_1.weight", FR_DIM_FFN,  \
               FR_DIM_MODEL),                                                                      \
        MATRIX(FR_SLOT_FFN_DOWN, g "ffn_down.weight", h ffn "DenseReluDense.wo.weight",            \
               FR_DIM_MODEL, FR_DIM_FFN)
#define T5_DISTANCE(g, h)                                                                          \
    {                                                                                              \
        FR_SLOT_ATTN_DISTANCE, g ".blk.0.attn_rel_b.weight",                                       \
            h ".block.0.layer.0.SelfAttention.relative_attention_bias.weight", FR_DIM_BUCKETS,     \
            FR_DIM_HEADS                                                                           \
    }
#define T5_NORM(g, h)                                                                              \
    {                                                                                              \
        FR_SLOT_OUTPUT_NORM, g ".output_norm.weight", h ".final_layer_norm.weight", FR_DIM_ONE,    \
            FR_DIM_MODEL                                                                           \
    }
#define T5_CROSS(s, g, r, c)                                                                       \
    MATRIX(s, "dec.blk.%zu.cross_attn_" g ".weight",                                               \
           "decoder.block.%zu.layer.1.EncDecAttention." g ".weight", r, c)
#define ATTEND_BY_DISTANCE                                                                         \
    {                                                                                              \
        FR_OP_ATTENTION, FR_SLOT_ATTN_DISTANCE, .in = FR_VALUE_Q, .in2 = FR_VALUE_K,               \
                                                .in3 = FR_VALUE_V, .out = FR_VALUE_ATT             \
    }
#define GATED_OR_PLAIN                                                                             \
    PROJECT(FFN_GATE, H, GATE), PROJECT(FFN_UP, H, UP),                                            \
        { FR_OP_ACTIVATE, .in = FR_VALUE_GATE, .in2 = FR_VALUE_UP, .out = FR_VALUE_ACT,            \
          .when = FR_WHEN_GATED },                                                                 \
    {                                                                                              \
        FR_OP_ACTIVATE, .in = FR_VALUE_UP, .out = FR_VALUE_ACT, .when = FR_WHEN_UNGATED            \
    }

static const fr_slot_row T5_ENCODER_SLOTS[] = {
    TOKEN_EMBD("shared.weight"),
    T5_BLOCKS("enc.blk.%zu.", "encoder.block.%zu.", "layer.1."),
    T5_DISTANCE("enc", "encoder"),
    T5_NORM("enc", "encoder"),
};
static const fr_op T5_ENCODER_LAYER[] = {
    NORM_H(FR_SLOT_ATTN_NORM, FR_SLOT_NONE), PROJECT_QKV(H), ATTEND_BY_DISTANCE,      ADD_ATTENTION,
    NORM_H(FR_SLOT_FFN_NORM, FR_SLOT_NONE),  GATED_OR_PLAIN, ADD_FFN(FR_WHEN_ALWAYS),
};
static const fr_op T5_ENCODER_AFTER[] = { NORM_H(FR_SLOT_OUTPUT_NORM, FR_SLOT_NONE) };

static const fr_slot_row T5_SLOTS[] = {
    TOKEN_EMBD("shared.weight"),
    T5_BLOCKS("dec.blk.%zu.", "decoder.block.%zu.", "layer.2."),
    T5_DISTANCE("dec", "decoder"),
    T5_NORM("dec", "decoder"),
    VECTOR(FR_SLOT_CROSS_NORM, "dec.blk.%zu.cross_attn_norm.weight",
           "decoder.block.%zu.layer.1.layer_norm.weight", FR_DIM_MODEL),
    T5_CROSS(FR_SLOT_CROSS_Q, "q", FR_DIM_Q, FR_DIM_MODEL),
    T5_CROSS(FR_SLOT_CROSS_K, "k", FR_DIM_KV, FR_DIM_MODEL),
    T5_CROSS(FR_SLOT_CROSS_V, "v", FR_DIM_KV, FR_DIM_MODEL),
    T5_CROSS(FR_SLOT_CROSS_OUT, "o", FR_DIM_MODEL, FR_DIM_Q),
    OUTPUT("lm_head.weight"),
};
static const fr_op T5_LAYER[] = {
    NORM_H(FR_SLOT_ATTN_NORM, FR_SLOT_NONE),
    PROJECT_QKV(H),
    ATTEND_BY_DISTANCE,
    ADD_ATTENTION,
    NORM_H(FR_SLOT_CROSS_NORM, FR_SLOT_NONE),
    { FR_OP_LINEAR, FR_SLOT_CROSS_Q, .in = FR_VALUE_H, .out = FR_VALUE_Q },
    { FR_OP_CROSS_ATTENTION, .in = FR_VALUE_Q, .out = FR_VALUE_ATT },
    { FR_OP_LINEAR, FR_SLOT_CROSS_OUT, .in = FR_VALUE_ATT, .out = FR_VALUE_X, .add = true },
    NORM_H(FR_SLOT_FFN_NORM, FR_SLOT_NONE),
    GATED_OR_PLAIN,
    ADD_FFN(FR_WHEN_ALWAYS),
};
static const fr_op T5_MEMORY[] = {
    { FR_OP_LINEAR, FR_SLOT_CROSS_K, .in = FR_VALUE_X, .out = FR_VALUE_K },
    { FR_OP_LINEAR, FR_SLOT_CROSS_V, .in = FR_VALUE_X, .out = FR_VALUE_V },
    { FR_OP_REMEMBER, .in2 = FR_VALUE_K, .in3 = FR_VALUE_V },
};

#define LIST(before, layer, after)                                                                 \
    .ops = { before, layer, after },                                                               \
    .n_ops = { FR_COUNT_OF(before), FR_COUNT_OF(layer), FR_COUNT_OF(after) }
#define LIST_OF_ENCODER(before, layer)                                                             \
    .ops = { before, layer, NULL }, .n_ops = { FR_COUNT_OF(before), FR_COUNT_OF(layer), 0 }
#define LIST_WITH_MEMORY(before, layer, after, memory)                                             \
    .ops = { before, layer, after, memory },                                                       \
    .n_ops = { FR_COUNT_OF(before), FR_COUNT_OF(layer), FR_COUNT_OF(after), FR_COUNT_OF(memory) }
#define SLOTS(s) .slots = s, .n_slots = FR_COUNT_OF(s)

const fr_arch fr_arch_rows[] = {
    { "llama", FR_ROPE_PAIRS, FR_NORM_RMS, FR_ACT_SILU, .renormed = true, SLOTS(LLAMA_SLOTS),
      LIST(EMBEDDING, LLAMA_LAYER, OUTPUT_LOGITS) },
    { "qwen2", FR_ROPE_HALVES, FR_NORM_RMS, FR_ACT_SILU, .renormed = true, SLOTS(LLAMA_SLOTS),
      LIST(EMBEDDING, LLAMA_LAYER, OUTPUT_LOGITS) },
    { "qwen3", FR_ROPE_HALVES, FR_NORM_RMS, FR_ACT_SILU, .renormed = true, SLOTS(QWEN3_SLOTS),
      LIST(EMBEDDING, QWEN3_LAYER, OUTPUT_LOGITS) },
    { "qwen3moe", FR_ROPE_HALVES, FR_NORM_RMS, FR_ACT_SILU, .renormed = true, SLOTS(QWEN3_SLOTS),
      LIST(EMBEDDING, QWEN3_LAYER, OUTPUT_LOGITS) },
    { "gemma", FR_ROPE_HALVES, FR_NORM_RMS, FR_ACT_GELU_TANH, .embed_scaled = true,
      SLOTS(LLAMA_SLOTS), LIST(EMBEDDING, LLAMA_LAYER, OUTPUT_LOGITS) },
    { "gemma2", FR_ROPE_HALVES, FR_NORM_RMS, FR_ACT_GELU_TANH, .embed_scaled = true,
      .window_every = 2, .wide_heads = 46, SLOTS(GEMMA2_SLOTS),
      LIST(EMBEDDING, GEMMA2_LAYER, OUTPUT_LOGITS) },
    { "gemma3", FR_ROPE_HALVES, FR_NORM_RMS, FR_ACT_GELU_TANH, .embed_scaled = true,
      .window_every = 6, .wide_heads = 62, .local_theta = 10000, SLOTS(GEMMA3_SLOTS),
      LIST(EMBEDDING, GEMMA3_LAYER, OUTPUT_LOGITS) },
    { "phi3", FR_ROPE_HALVES, FR_NORM_RMS, FR_ACT_SILU, SLOTS(PHI3_SLOTS),
      LIST(EMBEDDING, PHI3_LAYER, OUTPUT_LOGITS) },
    { "gpt2", FR_ROPE_NONE, FR_NORM_LAYER, FR_ACT_GELU_TANH, SLOTS(GPT2_SLOTS),
      LIST(GPT2_BEFORE, GPT2_LAYER, OUTPUT_LOGITS) },
    { "starcoder2", FR_ROPE_HALVES, FR_NORM_LAYER, FR_ACT_GELU_TANH, SLOTS(STARCODER2_SLOTS),
      LIST(EMBEDDING, STARCODER2_LAYER, OUTPUT_LOGITS) },
    { "gptneox", FR_ROPE_HALVES, FR_NORM_LAYER, FR_ACT_GELU, SLOTS(GPTNEOX_SLOTS),
      LIST(EMBEDDING, GPTNEOX_LAYER, OUTPUT_LOGITS) },
    { "falcon", FR_ROPE_HALVES, FR_NORM_LAYER, FR_ACT_GELU, SLOTS(FALCON_SLOTS),
      LIST(EMBEDDING, FALCON_LAYER, OUTPUT_LOGITS) },
    { "bert", FR_ROPE_NONE, FR_NORM_LAYER, FR_ACT_GELU, .looks_ahead = true, SLOTS(BERT_SLOTS),
      LIST_OF_ENCODER(BERT_BEFORE, BERT_LAYER) },
    { "nomic-bert", FR_ROPE_HALVES, FR_NORM_LAYER, FR_ACT_SILU, .looks_ahead = true,
      SLOTS(NOMIC_SLOTS), LIST_OF_ENCODER(NOMIC_BEFORE, NOMIC_LAYER) },
    { "t5", FR_ROPE_NONE, FR_NORM_RMS, FR_ACT_GELU_TANH, .ungated = FR_ACT_RELU,
      .encoder = "t5encoder", .layers_key = "decoder_block_count", .unscaled = true,
      .tied_scaled = true, SLOTS(T5_SLOTS),
      LIST_WITH_MEMORY(EMBEDDING, T5_LAYER, OUTPUT_LOGITS, T5_MEMORY) },
    { "t5encoder", FR_ROPE_NONE, FR_NORM_RMS, FR_ACT_GELU_TANH, .ungated = FR_ACT_RELU,
      .unscaled = true, .looks_ahead = true, SLOTS(T5_ENCODER_SLOTS),
      LIST(EMBEDDING, T5_ENCODER_LAYER, T5_ENCODER_AFTER) },
};
const size_t fr_arch_n_rows = FR_COUNT_OF(fr_arch_rows);
