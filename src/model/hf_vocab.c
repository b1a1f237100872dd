/* hf_vocab.c: finds the tokenizer of a folder, completes it from the files beside it, and says it
 * in GGUF's keys and in an fr_vocab. */
#include "model/hf_vocab.h"
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "model/hf_folder.h"
#include "model/hf_vocab_priv.h"

enum { MODEL_FILE_MOST_BYTES = 64 << 20, TEMPLATE_MOST_BYTES = 1 << 20 };

/* Name in tokenizer_config.json, and in GGUF (whose spelling of the fifth is what it is). */
static const struct {
    const char *theirs, *key, *config;
} SPECIALS[FR_HF_SPECIALS] = {
    [FR_HF_BOS] = { "bos_token", "tokenizer.ggml.bos_token_id", "bos_token_id" },
    [FR_HF_EOS] = { "eos_token", "tokenizer.ggml.eos_token_id", "eos_token_id" },
    [FR_HF_UNK] = { "unk_token", "tokenizer.ggml.unknown_token_id", NULL },
    [FR_HF_PAD] = { "pad_token", "tokenizer.ggml.padding_token_id", "pad_token_id" },
    [FR_HF_SEP] = { "sep_token", "tokenizer.ggml.seperator_token_id", "sep_token_id" },
    [FR_HF_CLS] = { "cls_token", "tokenizer.ggml.cls_token_id", NULL },
    [FR_HF_MASK] = { "mask_token", "tokenizer.ggml.mask_token_id", NULL },
    [FR_HF_EOT] = { NULL, "tokenizer.ggml.eot_token_id", NULL },
};

fr_str hf_vocab_keep(fr_hf_vocab *v, char *text)
{
    FR_GROW(v->made, v->n_made, v->made_cap);
    v->made[v->n_made++] = text;
    return fr_str_of(text);
}

/* Grows or shrinks; new tokens have no text and are unused. */
void hf_vocab_size(fr_hf_vocab *v, size_t n)
{
    v->tokens = fr_array_resize(v->tokens, FR_MAX(n, (size_t)1), sizeof(*v->tokens));
    v->types = fr_array_resize(v->types, FR_MAX(n, (size_t)1), 1);
    if (v->scores != NULL)
        v->scores = fr_array_resize(v->scores, FR_MAX(n, (size_t)1), sizeof(*v->scores));
    if (v->strips != NULL)
        v->strips = fr_array_resize(v->strips, FR_MAX(n, (size_t)1), 1);
    for (size_t i = v->n; i < n; i++) {
        v->tokens[i] = (fr_str){ NULL, 0 };
        v->types[i] = FR_TOKEN_UNUSED;
        if (v->scores != NULL)
            v->scores[i] = -1e9f;
        if (v->strips != NULL)
            v->strips[i] = 0;
    }
    v->n = n;
}

int32_t hf_vocab_find(const fr_hf_vocab *v, const char *text)
{
    for (size_t i = 0; text != NULL && i < v->n; i++)
        if (v->tokens[i].at != NULL && fr_str_is(v->tokens[i], text))
            return (int32_t)i;
    return -1;
}

/* Ids that no token has are unused ones, of a name that text does not have. */
static void name_holes(fr_hf_vocab *v)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->tokens[i].at == NULL)
            v->tokens[i] = hf_vocab_keep(v, fr_dup_f("[PAD%zu]", i));
}

int fr_hf_vocab_parse(const void *bytes, size_t n, fr_hf_vocab *out, fr_err *err)
{
    json_error_t where;
    out->from = json_loadb(bytes, n, JSON_ALLOW_NUL, &where);
    if (!json_is_object(out->from))
        return fr_fail(err, FR_E_FORMAT, "The file is damaged: fetch it again.",
                       "tokenizer.json:%d:%d: %s", where.line, where.column,
                       out->from == NULL ? where.text : "it is no object");
    FR_TRY(hf_tokenizer_read(out, err));
    name_holes(out);
    return 0;
}

/* ---- tokenizer.model ------------------------------------------------------------------------- */

/* Tokens that were added later, at the end or in the place of others: added_tokens.json and
 * added_tokens_decoder. */
static int add_token(fr_hf_vocab *v, long long id, const char *text, bool special, fr_err *err)
{
    if (id < 0 || id >= (long long)v->n + 65536 || id >= HF_TOKENS_MOST)
        return fr_fail(err, FR_E_FORMAT, NULL, "an added token has the id %lld", id);
    if ((size_t)id >= v->n)
        hf_vocab_size(v, (size_t)id + 1);
    /* What SentencePiece says of its own pieces stays. */
    if (v->tokens[id].at != NULL && v->types[id] != FR_TOKEN_NORMAL &&
        v->types[id] != FR_TOKEN_UNUSED && fr_str_is(v->tokens[id], text))
        return 0;
    v->tokens[id] = hf_vocab_keep(v, fr_dup(text));
    v->types[id] = special ? FR_TOKEN_CONTROL : FR_TOKEN_USER;
    return 0;
}

static int add_tokens(fr_hf_vocab *v, const char *folder, const json_t *config, fr_err *err)
{
    json_t *added = NULL, *value;
    const char *key;
    int rc = fr_hf_json(folder, "added_tokens.json", &added, err);
    json_object_foreach(added, key, value) if (rc == 0 && json_is_integer(value)) rc =
        add_token(v, json_integer_value(value), key, true, err);
    json_decref(added);
    json_object_foreach(json_object_get(config, "added_tokens_decoder"), key, value)
    {
        const char *content = json_string_value(json_object_get(value, "content"));
        long long id;
        if (rc == 0 && content != NULL && fr_str_to_i64(fr_str_of(key), &id))
            rc = add_token(v, id, content, json_is_true(json_object_get(value, "special")), err);
    }
    return rc;
}

/* Text of user-defined pieces is looked for in the text as it is. */
static void show_spaces(fr_hf_vocab *v)
{
    for (size_t i = 0; i < v->n; i++) {
        size_t at;
        if (v->types[i] != FR_TOKEN_USER || !fr_str_find(v->tokens[i], FR_STR("\xE2\x96\x81"), &at))
            continue;
        FR_AUTO(fr_buf) text = { 0 };
        fr_str rest = v->tokens[i];
        for (; fr_str_find(rest, FR_STR("\xE2\x96\x81"), &at);
             rest = (fr_str){ rest.at + at + 3, rest.n - at - 3 }) {
            fr_buf_put(&text, rest.at, at);
            fr_buf_put_c(&text, ' ');
        }
        fr_buf_put_str(&text, rest);
        v->tokens[i] = hf_vocab_keep(v, fr_buf_take(&text));
    }
}

static int read_model_file(fr_hf_vocab *v, const char *path, const char *folder,
                           const json_t *config, fr_err *err)
{
    v->model_file.limit_bytes = MODEL_FILE_MOST_BYTES;
    FR_TRY(fr_file_read(path, MODEL_FILE_MOST_BYTES, &v->model_file, err));
    FR_TRY(fr_sentencepiece_parse(v->model_file.at, v->model_file.n, v, err));
    FR_TRY(add_tokens(v, folder, config, err));
    show_spaces(v);
    name_holes(v);
    return 0;
}

/* ---- what stands beside ---------------------------------------------------------------------- */

/* A token's text, as a text or as an object with content. */
static const char *content_of(const json_t *value)
{
    return json_is_object(value) ? json_string_value(json_object_get(value, "content"))
                                 : json_string_value(value);
}

static void read_specials(fr_hf_vocab *v, const json_t *config, const json_t *map,
                          const json_t *model_config, bool template_rules)
{
    for (size_t i = 0; i < FR_HF_SPECIALS; i++) {
        if (SPECIALS[i].theirs == NULL)
            continue;
        const char *text = content_of(json_object_get(config, SPECIALS[i].theirs));
        if (text == NULL)
            text = content_of(json_object_get(map, SPECIALS[i].theirs));
        int32_t id = hf_vocab_find(v, text);
        const json_t *number =
            SPECIALS[i].config != NULL ? json_object_get(model_config, SPECIALS[i].config) : NULL;
        if (json_is_array(number))
            number = json_array_get(number, 0);
        if (id < 0 && v->special[i] < 0 && json_is_integer(number) &&
            json_integer_value(number) >= 0 && json_integer_value(number) < (json_int_t)v->n)
            id = (int32_t)json_integer_value(number);
        /* What is put around a text is the template's to say. */
        bool fixed =
            template_rules && ((i == FR_HF_BOS && v->add_bos) || (i == FR_HF_EOS && v->add_eos));
        if (id >= 0 && !(fixed && v->special[i] >= 0))
            v->special[i] = id;
    }
}

/* Where generation stops at more than EOS, the other token is what ends a turn. */
static int read_generation(fr_hf_vocab *v, const char *folder, fr_err *err)
{
    json_t *generation = NULL, *value;
    size_t i;
    FR_TRY(fr_hf_json(folder, "generation_config.json", &generation, err));
    json_array_foreach(json_object_get(generation, "eos_token_id"), i, value)
    {
        json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
        if (id >= 0 && id < (json_int_t)v->n && id != v->special[FR_HF_EOS] &&
            v->special[FR_HF_EOT] < 0 && v->types[id] == FR_TOKEN_CONTROL)
            v->special[FR_HF_EOT] = (int32_t)id;
    }
    json_decref(generation);
    return 0;
}

static int read_chat_template(fr_hf_vocab *v, const char *folder, const json_t *config, fr_err *err)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = TEMPLATE_MOST_BYTES };
    char *path = fr_path_join(folder, "chat_template.jinja");
    json_t *file = NULL, *one;
    size_t i;
    int rc = 0;
    bool there = fr_file_exists(path);
    if (there)
        rc = fr_file_read(path, TEMPLATE_MOST_BYTES, &text, err);
    free(path);
    if (rc == 0 && there) {
        v->chat_template = fr_buf_take(&text);
        return 0;
    }
    if (rc == 0)
        rc = fr_hf_json(folder, "chat_template.json", &file, err);
    const json_t *from = json_object_get(config, "chat_template");
    if (from == NULL)
        from = json_object_get(file, "chat_template");
    if (json_is_string(from))
        v->chat_template = fr_dup(json_string_value(from));
    json_array_foreach((json_t *)from, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        const char *template = json_string_value(json_object_get(one, "template"));
        if (name == NULL || template == NULL)
            continue;
        if (strcmp(name, "default") == 0) {
            free(v->chat_template);
            v->chat_template = fr_dup(template);
        } else {
            if (v->named_templates == NULL)
                v->named_templates = json_object();
            json_object_set_new(v->named_templates, name, json_string(template));
        }
    }
    json_decref(file);
    return rc;
}

/* As many tokens as the embedding has rows. */
static int fit(fr_hf_vocab *v, size_t n_tokens, fr_err *err)
{
    const size_t n = v->n;
    for (size_t i = n_tokens; i < n; i++)
        if (v->types[i] == FR_TOKEN_NORMAL || v->types[i] == FR_TOKEN_BYTE)
            return fr_fail(err, FR_E_FORMAT, "Model and tokenizer do not belong together.",
                           "its tokenizer has %zu tokens, but the embedding has %zu rows", n,
                           n_tokens);
    if (n_tokens < n)
        fr_buf_put_f(&v->told,
                     "%zu added tokens beyond the %zu rows of the embedding are left "
                     "out\n",
                     n - n_tokens, n_tokens);
    hf_vocab_size(v, n_tokens);
    for (size_t i = 0; i < FR_HF_SPECIALS; i++)
        if (v->special[i] >= (int32_t)n_tokens)
            v->special[i] = -1;
    name_holes(v);
    return 0;
}

static int read_tokenizer(const char *folder, const json_t *config, fr_hf_vocab *v, bool *template,
                          fr_err *err)
{
    char *json = fr_path_join(folder, "tokenizer.json");
    char *model = fr_path_join(folder, "tokenizer.model");
    FR_AUTO(fr_buf) text = { 0 };
    int rc;
    *template = false;
    if (fr_file_exists(json)) {
        rc = fr_file_read(json, (size_t)256 << 20, &text, err);
        if (rc == 0)
            rc = fr_hf_vocab_parse(fr_buf_text(&text), text.n, v, err);
        if (rc != 0)
            rc = fr_err_within(err, "'%s'", folder);
        *template = true;
    } else if (fr_file_exists(model)) {
        rc = read_model_file(v, model, folder, config, err);
        if (rc != 0)
            rc = fr_err_within(err, "'%s'", folder);
    } else {
        rc = fr_fail(err, FR_E_NOT_FOUND,
                     "Save the tokenizer beside the model (transformers: save_pretrained).",
                     "'%s' has neither tokenizer.json nor tokenizer.model", folder);
    }
    free(json);
    free(model);
    return rc;
}

static int read_beside(fr_hf_vocab *v, const char *folder, const json_t *config,
                       const json_t *model_config, bool template, fr_err *err)
{
    json_t *map = NULL;
    FR_TRY(fr_hf_json(folder, "special_tokens_map.json", &map, err));
    const bool rules = template && (v->add_bos || v->add_eos);
    read_specials(v, config, map, model_config, rules);
    json_decref(map);
    const json_t *bos = json_object_get(config, "add_bos_token");
    const json_t *eos = json_object_get(config, "add_eos_token");
    if (json_is_boolean(bos) && v->kind == FR_VOCAB_SPM)
        v->add_bos = json_is_true(bos);
    if (json_is_boolean(eos) && v->kind == FR_VOCAB_SPM)
        v->add_eos = json_is_true(eos);
    FR_TRY(read_generation(v, folder, err));
    return read_chat_template(v, folder, config, err);
}

int fr_hf_vocab_read(const char *folder, const json_t *model_config, size_t n_tokens,
                     fr_hf_vocab *out, fr_err *err)
{
    json_t *config = NULL;
    bool template;
    FR_TRY(fr_hf_json(folder, "tokenizer_config.json", &config, err));
    int rc = read_tokenizer(folder, config, out, &template, err);
    if (rc == 0)
        rc = read_beside(out, folder, config, model_config, template, err);
    json_decref(config);
    if (rc == 0 && n_tokens != 0)
        rc = fit(out, n_tokens, err) != 0 ? fr_err_within(err, "'%s'", folder) : 0;
    return rc;
}

/* ---- what is made of it ---------------------------------------------------------------------- */

static void put_template(const fr_hf_vocab *v, fr_gguf_out *o)
{
    const char *name;
    json_t *text;
    if (v->chat_template != NULL)
        fr_gguf_put_str(o, "tokenizer.chat_template", fr_str_of(v->chat_template));
    const size_t n = json_object_size(v->named_templates);
    fr_str *names = FR_NEW_N(fr_str, n);
    size_t i = 0;
    json_object_foreach(v->named_templates, name, text)
    {
        char key[128];
        names[i++] = fr_str_of(name);
        snprintf(key, sizeof(key), "tokenizer.chat_template.%.90s", name);
        fr_gguf_put_str(o, key, fr_str_of(json_string_value(text)));
    }
    if (n > 0)
        fr_gguf_put_strs(o, "tokenizer.chat_templates", names, n);
    free(names);
}

static void put_own(const fr_hf_vocab *v, fr_gguf_out *o)
{
    fr_str patterns[FR_HF_PATTERNS_MOST];
    for (size_t i = 0; i < v->n_patterns; i++)
        patterns[i] = fr_str_of(v->patterns[i]);
    if (v->kind == FR_VOCAB_BPE && v->pre == NULL) {
        fr_gguf_put_strs(o, "frugal.tokenizer.patterns", patterns, v->n_patterns);
        fr_gguf_put_bool(o, "frugal.tokenizer.whole_words", v->whole_words);
    }
    if (v->normalizer != NULL)
        fr_gguf_put_str(o, "frugal.tokenizer.normalizer", fr_str_of(v->normalizer));
    if (v->prefix_once)
        fr_gguf_put_bool(o, "frugal.tokenizer.prefix_once", true);
    if (v->kind == FR_VOCAB_WORDPIECE) {
        fr_gguf_put_bool(o, "frugal.tokenizer.keep_case", v->keep_case);
        fr_gguf_put_bool(o, "frugal.tokenizer.keep_accents", v->keep_accents);
    }
    if (v->prefix_if_none)
        fr_gguf_put_bool(o, "frugal.tokenizer.prefix_if_none", true);
    if (v->kind == FR_VOCAB_UNIGRAM)
        fr_gguf_put_bool(o, "frugal.tokenizer.sums_in_f64", true);
    if (v->white_is_blank)
        fr_gguf_put_bool(o, "frugal.tokenizer.white_is_blank", true);
    if (v->strips == NULL)
        return;
    int32_t *rows = FR_NEW_N(int32_t, v->n);
    for (int side = FR_STRIP_LEFT; side <= FR_STRIP_RIGHT; side++) {
        size_t n = 0;
        for (size_t i = 0; i < v->n; i++)
            if ((v->strips[i] & side) != 0)
                rows[n++] = (int32_t)i;
        if (n > 0)
            fr_gguf_put_i32s(o,
                             side == FR_STRIP_LEFT ? "frugal.tokenizer.strip_left"
                                                   : "frugal.tokenizer.strip_right",
                             rows, n);
    }
    free(rows);
}

/* As GGUF has them: what begins a word is marked, not what continues one. */
static void put_wordpieces(const fr_hf_vocab *v, fr_gguf_out *o)
{
    fr_str *marked = FR_NEW_N(fr_str, v->n);
    char **made = FR_NEW_N(char *, v->n);
    for (size_t i = 0; i < v->n; i++) {
        marked[i] = v->tokens[i];
        if (v->types[i] == FR_TOKEN_CONTROL || v->types[i] == FR_TOKEN_UNKNOWN)
            continue;
        if (marked[i].n > 2 && fr_str_starts(marked[i], FR_STR("##"))) {
            marked[i] = (fr_str){ marked[i].at + 2, marked[i].n - 2 };
        } else {
            made[i] = fr_dup_f("\xE2\x96\x81%.*s", FR_STR_F(marked[i]));
            marked[i] = fr_str_of(made[i]);
        }
    }
    fr_gguf_put_strs(o, "tokenizer.ggml.tokens", marked, v->n);
    for (size_t i = 0; i < v->n; i++)
        free(made[i]);
    free(made);
    free(marked);
}

void fr_hf_vocab_put(const fr_hf_vocab *v, fr_gguf_out *o)
{
    const bool bpe = v->kind == FR_VOCAB_BPE, spm = v->kind == FR_VOCAB_SPM;
    const bool unigram = v->kind == FR_VOCAB_UNIGRAM;
    int32_t *types = FR_NEW_N(int32_t, v->n);
    for (size_t i = 0; i < v->n; i++)
        types[i] = v->types[i];
    fr_gguf_put_str(o, "tokenizer.ggml.model",
                    bpe                           ? FR_STR("gpt2")
                    : spm                         ? FR_STR("llama")
                    : v->kind == FR_VOCAB_UNIGRAM ? FR_STR("t5")
                                                  : FR_STR("bert"));
    if (v->pre != NULL)
        fr_gguf_put_str(o, "tokenizer.ggml.pre", fr_str_of(v->pre));
    else if (spm || unigram)
        fr_gguf_put_str(o, "tokenizer.ggml.pre", FR_STR("default"));
    if (v->kind == FR_VOCAB_WORDPIECE)
        put_wordpieces(v, o);
    else
        fr_gguf_put_strs(o, "tokenizer.ggml.tokens", v->tokens, v->n);
    fr_gguf_put_i32s(o, "tokenizer.ggml.token_type", types, v->n);
    free(types);
    if (spm || unigram)
        fr_gguf_put_f32s(o, "tokenizer.ggml.scores", v->scores, v->n);
    if (bpe || v->n_merges > 0)
        fr_gguf_put_strs(o, "tokenizer.ggml.merges", v->merges, v->n_merges);
    for (size_t i = 0; i < FR_HF_SPECIALS; i++)
        if (v->special[i] >= 0)
            fr_gguf_put_u32(o, SPECIALS[i].key, (uint32_t)v->special[i]);
    fr_gguf_put_bool(o, "tokenizer.ggml.add_bos_token", v->add_bos);
    fr_gguf_put_bool(o, "tokenizer.ggml.add_eos_token", v->add_eos);
    if (spm || unigram || v->add_space_prefix)
        fr_gguf_put_bool(o, "tokenizer.ggml.add_space_prefix", v->add_space_prefix);
    if (unigram)
        fr_gguf_put_bool(o, "tokenizer.ggml.remove_extra_whitespaces", !v->keep_whitespace);
    if (v->charsmap.n > 0)
        fr_gguf_put_u8s(o, "tokenizer.ggml.precompiled_charsmap", (const uint8_t *)v->charsmap.at,
                        v->charsmap.n);
    put_own(v, o);
    put_template(v, o);
}

int fr_hf_vocab_tokenizer(const fr_hf_vocab *v, fr_tokenizer **out, fr_err *err)
{
    return fr_tokenizer_new(
        &(fr_vocab){ .kind = v->kind,
                     .pre = v->pre,
                     .tokens = v->tokens,
                     .scores = v->scores,
                     .types = v->types,
                     .n = v->n,
                     .merges = v->merges,
                     .n_merges = v->n_merges,
                     .bos = v->special[FR_HF_BOS],
                     .eos = v->special[FR_HF_EOS],
                     .unk = v->special[FR_HF_UNK],
                     .pad = v->special[FR_HF_PAD],
                     .add_bos = v->add_bos,
                     .add_eos = v->add_eos,
                     .add_space_prefix = v->add_space_prefix,
                     .keep_case = v->keep_case,
                     .keep_accents = v->keep_accents,
                     .keep_whitespace = v->keep_whitespace,
                     .white_is_blank = v->white_is_blank,
                     .sums_in_f64 = v->kind == FR_VOCAB_UNIGRAM,
                     .charsmap = (const uint8_t *)v->charsmap.at,
                     .n_charsmap = v->charsmap.n,
                     .patterns = v->pre == NULL ? (const char *const *)v->patterns : NULL,
                     .n_patterns = v->n_patterns,
                     .whole_words = v->whole_words,
                     .normalizer = v->normalizer,
                     .prefix_once = v->prefix_once,
                     .prefix_if_none = v->prefix_if_none,
                     .strips = v->strips },
        out, err);
}

char *fr_hf_vocab_name(const fr_hf_vocab *v)
{
    if (v->kind == FR_VOCAB_SPM)
        return fr_dup("llama");
    if (v->kind == FR_VOCAB_WORDPIECE)
        return fr_dup("bert");
    if (v->kind == FR_VOCAB_UNIGRAM)
        return fr_dup("t5");
    return fr_dup_f("gpt2 (%s)", v->pre != NULL ? v->pre : "own patterns");
}

void fr_hf_vocab_fini(fr_hf_vocab *v)
{
    free(v->pre);
    free(v->tokens);
    free(v->scores);
    free(v->types);
    free(v->strips);
    free(v->merges);
    free(v->chat_template);
    for (size_t i = 0; i < v->n_patterns; i++)
        free(v->patterns[i]);
    for (size_t i = 0; i < v->n_made; i++)
        free(v->made[i]);
    free(v->made);
    fr_buf_fini(&v->told);
    fr_buf_fini(&v->charsmap);
    fr_buf_fini(&v->model_file);
    json_decref(v->from);
    json_decref(v->named_templates);
    *v = (fr_hf_vocab){ 0 };
}
