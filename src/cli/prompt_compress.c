/* frugal prompt compress: fewer tokens for the same answers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/prompt_measure.h"
#include "prompt/concise.h"

enum { MOST_TOGETHER = 16, MOST_TRIES = 3 };

static const fr_option OPTIONS[] = {
    FR_OPTIONS_MODEL,
    { "rate", 0, FR_OPTION_F64, "R", "keep at most this share of the tokens (default 0.5)" },
    { "keep", 0, FR_OPTION_LIST, "WHAT", "never drop: numbers, labels, or a text; several times" },
    { "out", 'o', FR_OPTION_TEXT, "FILE", "write there (default: stdout)" },
    { "force", 0, FR_OPTION_FLAG, NULL, "write it also when quality fell, or over a file" },
    FR_OPTIONS_PROMPT_DATA,
    FR_OPTIONS_PROMPT_VARS,
    FR_OPTIONS_PROMPT_FORM,
    FR_OPTION_PROFILE,
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

typedef struct {
    fr_prompt_file *before, *after;
    bool bare;    /* of stdin: a text without variables */
    bool *fixed;  /* [text.n] */
    json_t *rows; /* NULL: none */
    const fr_metric *metric;
    fr_concise_words_list words;
    fr_flaws flaws;
    fr_prompt_trial trial_before, trial_after;
    double tokens_before, tokens_after; /* of the template */
    double rate;
    bool met, kept; /* the rate was reached; quality stayed inside */
    size_t tries;
} squeeze;

static void squeeze_fini(squeeze *s)
{
    fr_prompt_file_free(s->before);
    fr_prompt_file_free(s->after);
    json_decref(s->rows);
    free(s->fixed);
    fr_concise_words_list_fini(&s->words);
    fr_flaws_fini(&s->flaws);
    fr_prompt_trial_fini(&s->trial_before);
    fr_prompt_trial_fini(&s->trial_after);
}
typedef squeeze cli_squeeze;
static void cli_squeeze_fini(cli_squeeze *s)
{
    squeeze_fini(s);
}
FR_AUTO_DEFINE(cli_squeeze);

/* ---- what must stay ---------------------------------------------------------------------- */

static void fix_labels(const squeeze *s, fr_str text)
{
    const json_t *row;
    size_t i;
    json_array_foreach(s->rows, i, row) fr_concise_fix_text(
        text, fr_str_of(json_string_value(json_object_get(row, "want"))), s->fixed);
}

static int fix_all(fr_cli *cli, squeeze *s, fr_str text, fr_err *err)
{
    const char *what;
    s->fixed = FR_NEW_N(bool, text.n + 1);
    fr_concise_fix_fields(text, s->bare ? "none" : fr_prompt_file_form(s->before), s->fixed);
    if (fr_prompt_file_kind(s->before) == FR_PROMPT_KIND_FEW_SHOT)
        fr_concise_fix_fields(text, "f-string", s->fixed);
    fr_concise_fix_heads(text, s->fixed);
    for (size_t i = 0; (what = fr_arg_list(cli, "keep", i)) != NULL; i++) {
        if (strcmp(what, "numbers") == 0)
            fr_concise_fix_numbers(text, s->fixed);
        else if (strcmp(what, "labels") == 0 && s->rows == NULL)
            return fr_fail(err, FR_E_USAGE, "They are the outputs of --data DATA.jsonl.",
                           "--keep labels needs to know the labels");
        else if (strcmp(what, "labels") == 0)
            fix_labels(s, text);
        else if (strcmp(what, "variables") != 0) /* they always stay */
            fr_concise_fix_text(text, fr_str_of(what), s->fixed);
    }
    return 0;
}

/* ---- what each word tells ---------------------------------------------------------------- */

/* Tokens shared out to words by where their first byte that is not blank stands. */
static int weigh_words(fr_model_work *w, fr_str text, fr_concise_words_list *words, fr_err *err)
{
    const fr_tokenizer *t = fr_model_tokenizer(fr_engine_model(w->engine));
    FR_AUTO(fr_ids) ids = { 0 };
    FR_TRY(fr_tokenizer_encode(t, text, FR_ENCODE_PLAIN, &ids, err));
    double *nats = FR_NEW_N(double, ids.n + 1);
    fr_phase *phase = NULL;
    int rc = fr_phase_begin(w->run, "score", NULL, &phase, err);
    if (rc == 0) {
        rc = fr_engine_surprise(w->engine, ids.at, ids.n, nats, err);
        int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : NULL);
        rc = rc != 0 ? rc : end_rc;
    }
    size_t at = 0, k = 0;
    for (size_t i = 0; rc == 0 && i < ids.n; i++) {
        FR_AUTO(fr_buf) piece = { 0 };
        fr_tokenizer_decode(t, &ids.at[i], 1, true, &piece);
        /* a blank that only the tokenizer put in front is not in the text */
        if (i == 0 && piece.n > 0 && piece.at[0] == ' ' && text.n > 0 && text.at[0] != ' ')
            piece.n--;
        size_t first = at;
        while (first < at + piece.n && first < text.n &&
               (text.at[first] == ' ' || text.at[first] == '\n'))
            first++;
        while (k + 1 < words->n && words->at[k + 1].from <= first)
            k++;
        if (words->n > 0) {
            words->at[k].tokens += 1;
            words->at[k].nats += isnan(nats[i]) ? 0 : nats[i];
        }
        at += piece.n;
    }
    free(nats);
    return rc;
}

/* ---- one try ----------------------------------------------------------------------------- */

static int with_template(const squeeze *s, fr_str text, fr_prompt_file **out, fr_err *err)
{
    return fr_prompt_file_with_template(s->before, text, out, err);
}

/* Words go until the model's own count of the whole text is low enough: tokens at the borders of
 * dropped words are others than those that were counted. */
static int drop_to(squeeze *s, fr_model_work *w, double rate, fr_buf *out, double *tokens,
                   fr_err *err)
{
    (void)err;
    fr_str text = fr_prompt_file_template(s->before);
    double goal = floor(rate * s->tokens_before), aim = goal;
    for (int i = 0; i < 8; i++) {
        fr_buf_clear(out);
        fr_concise_drop(text, &s->words, &s->flaws, rate < 1 ? aim : INFINITY, out);
        *tokens = fr_prompt_count(w, fr_buf_str(out));
        if (*tokens <= goal || rate >= 1)
            break;
        aim -= FR_MAX(*tokens - goal, 1.0);
    }
    return 0;
}

/* Inside: the mean is not below what the prompt before could have had by chance, and the paired
 * difference does not say that it fell. */
static bool is_inside(const squeeze *s)
{
    const fr_prompt_trial *a = &s->trial_before, *b = &s->trial_after;
    fr_interval paired = fr_interval_paired(b->scores, a->scores, a->n, 0);
    return b->quality.value >= a->quality.low && paired.high >= 0;
}

static int try_rate(fr_cli *cli, squeeze *s, fr_model_work *w, double rate, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    fr_prompt_file *after = NULL;
    FR_TRY(drop_to(s, w, rate, &text, &s->tokens_after, err));
    FR_TRY(with_template(s, fr_buf_str(&text), &after, err));
    fr_prompt_file_free(s->after);
    s->after = after;
    s->rate = rate;
    s->kept = true;
    s->tries++;
    if (s->rows == NULL)
        return 0;
    fr_prompt_trial_fini(&s->trial_after);
    FR_TRY(fr_prompt_try(cli, w, after, s->rows, s->metric, NULL, &s->trial_after, err));
    s->kept = is_inside(s);
    return 0;
}

/* The rate asked for; where quality falls, gentler ones, down to what says nothing. */
static int search(fr_cli *cli, squeeze *s, fr_model_work *w, double rate, fr_err *err)
{
    if (s->rows != NULL)
        FR_TRY(fr_prompt_try(cli, w, s->before, s->rows, s->metric, NULL, &s->trial_before, err));
    for (int i = 0; i < MOST_TRIES; i++) {
        double now = i == 0 ? rate : i == 1 ? (1 + rate) / 2 : 1;
        FR_TRY(try_rate(cli, s, w, now, err));
        if (s->kept)
            break;
        if (i + 1 < MOST_TRIES)
            fr_cli_tell(cli, "at %.0f%% of the tokens quality falls from %.3f to %.3f: gentler now",
                        100 * s->tokens_after / s->tokens_before, s->trial_before.quality.value,
                        s->trial_after.quality.value);
    }
    s->met = s->tokens_after <= rate * s->tokens_before;
    return 0;
}

/* ---- what came of it --------------------------------------------------------------------- */

static void put_trial(json_t *o, const char *key, const squeeze *s, const fr_prompt_trial *t)
{
    if (s->rows != NULL)
        json_object_set_new(o, key, fr_prompt_interval_json(s->metric, t->quality));
}

static json_t *json_of(const squeeze *s, const fr_model_work *w, const fr_buf *text)
{
    json_t *o = json_object();
    json_object_set_new(o, "text", json_stringn(fr_buf_text(text), text->n));
    json_object_set_new(o, "tokens_before", fr_json_f64(s->tokens_before));
    json_object_set_new(o, "tokens_after", fr_json_f64(s->tokens_after));
    json_object_set_new(o, "kept_ratio", fr_json_f64(s->tokens_after / s->tokens_before));
    json_object_set_new(o, "rate_met", json_boolean(s->met));
    json_object_set_new(o, "quality_kept", s->rows != NULL ? json_boolean(s->kept) : json_null());
    put_trial(o, "quality_before", s, &s->trial_before);
    put_trial(o, "quality_after", s, &s->trial_after);
    if (s->rows != NULL) {
        double n = (double)FR_MAX(s->trial_before.n, (size_t)1);
        json_object_set_new(o, "prompt_tokens_before",
                            fr_json_f64((double)s->trial_before.prompt_tokens / n));
        json_object_set_new(o, "prompt_tokens_after",
                            fr_json_f64((double)s->trial_after.prompt_tokens / n));
    }
    json_object_set_new(o, "tries", json_integer((json_int_t)s->tries));
    fr_model_work_json(w, o);
    return o;
}

static void tell(fr_cli *cli, const squeeze *s, const fr_model_work *w)
{
    char took[128];
    fr_model_work_text(w, took);
    fr_cli_tell(cli, "%.0f tokens of %.0f (%.0f%% fewer)", s->tokens_after, s->tokens_before,
                100 * (1 - s->tokens_after / s->tokens_before));
    if (s->rows != NULL) {
        const fr_interval *a = &s->trial_before.quality, *b = &s->trial_after.quality;
        fr_cli_tell(cli, "%s %.3f (%.3f to %.3f) before, %.3f (%.3f to %.3f) after, n %zu",
                    s->metric->name, a->value, a->low, a->high, b->value, b->low, b->high, a->n);
        if (a->value == 0)
            fr_cli_tell(cli, "the prompt got nothing right before: there was nothing to keep");
        fr_cli_tell(cli, "%.0f tokens a request before, %.0f after",
                    (double)s->trial_before.prompt_tokens / (double)a->n,
                    (double)s->trial_after.prompt_tokens / (double)a->n);
    } else {
        fr_cli_tell(cli, "quality was not measured: --data DATA.jsonl does");
    }
    fr_cli_tell(cli, "took %s", took);
}

static int verdict(const squeeze *s, double rate, fr_err *err)
{
    if (!s->kept)
        return fr_fail(err, FR_E_LIMIT, "A larger --rate, --keep what matters, or --force.",
                       "refused: %s fell from %.3f (%.3f to %.3f) to %.3f", s->metric->name,
                       s->trial_before.quality.value, s->trial_before.quality.low,
                       s->trial_before.quality.high, s->trial_after.quality.value);
    if (!s->met)
        return fr_fail(err, FR_E_LIMIT, NULL,
                       "the rate of %.2f was not reached: %.2f of the tokens are left", rate,
                       s->tokens_after / s->tokens_before);
    return 0;
}

static int put(fr_cli *cli, const squeeze *s, const fr_model_work *w, const char *name, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    const char *out = fr_arg_text(cli, "out", NULL);
    bool write = s->kept || fr_arg_flag(cli, "force");
    if (s->bare)
        fr_buf_put_str(&text, fr_prompt_file_template(s->after));
    else
        FR_TRY(fr_prompt_file_save(s->after, FR_PROMPT_SAVE_NONE, name, &text, err));
    if (write && out != NULL)
        FR_TRY(fr_file_write(out, fr_buf_str(&text), err));
    if (fr_cli_json(cli))
        return fr_prompt_put_json(cli, json_of(s, w, &text), err);
    tell(cli, s, w);
    return write && out == NULL ? fr_prompt_put_text(&text, err) : 0;
}

static int open_given(fr_cli *cli, squeeze *s, const char *path, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    fr_prompt_file_options options = { 0 };
    FR_TRY(fr_prompt_options_given(cli, &options, err));
    s->bare = strcmp(path, "-") == 0;
    if (!s->bare)
        return fr_prompt_file_open(path, &options, &s->before, err);
    /* a text: braces in it are braces. Mustache reads them all but {{ */
    FR_TRY(fr_file_read(path, (size_t)4 << 20, &text, err));
    FR_TRY(fr_prompt_text_open(FR_STR(""), "-", NULL,
                               &(fr_prompt_file_options){ .form = FR_PROMPT_FORM_MUSTACHE },
                               &s->before, err));
    fr_prompt_file *with = NULL;
    FR_TRY(fr_prompt_file_with_template(s->before, fr_buf_str(&text), &with, err));
    fr_prompt_file_free(s->before);
    s->before = with;
    return 0;
}

static int check(fr_cli *cli, const squeeze *s, double rate, fr_err *err)
{
    const char *out = fr_arg_text(cli, "out", NULL);
    if (!(rate > 0 && rate <= 1))
        return fr_fail(err, FR_E_USAGE, NULL, "--rate takes a share from 0 to 1, not %g", rate);
    if (out != NULL && fr_file_exists(out) && !fr_arg_flag(cli, "force"))
        return fr_fail(err, FR_E_USAGE, "--force writes over it.", "'%s' is there already", out);
    if (fr_prompt_file_kind(s->before) == FR_PROMPT_KIND_CHAT)
        return fr_fail(err, FR_E_UNSUPPORTED,
                       "Compress a message's text by itself: FILE - reads it from stdin.",
                       "a chat has no one template to compress");
    return 0;
}

static int compress(fr_cli *cli, fr_err *err)
{
    FR_AUTO(cli_squeeze) s = { 0 };
    FR_AUTO(fr_model_work) work = { 0 };
    const char *path = NULL, *model = NULL;
    double rate = fr_arg_f64(cli, "rate", 0.5);
    FR_TRY(fr_arg_need(cli, 0, "a prompt file (-: a text on stdin)", &path, err));
    FR_TRY(fr_arg_need_text(cli, "model", &model, err));
    FR_TRY(fr_prompt_metric_given(cli, &s.metric, err));
    FR_TRY(open_given(cli, &s, path, err));
    FR_TRY(check(cli, &s, rate, err));
    FR_TRY(fr_prompt_rows_given(cli, s.before, &s.rows, err));
    fr_str text = fr_prompt_file_template(s.before);
    FR_TRY(fix_all(cli, &s, text, err));
    fr_concise_words(text, s.fixed, &s.words);
    fr_concise_flaws(text, s.fixed, &s.flaws);
    FR_TRY(fr_model_work_begin(cli, "compress", MOST_TOGETHER, NULL, &work, err));
    s.tokens_before = fr_prompt_count(&work, text);
    FR_TRY(weigh_words(&work, text, &s.words, err));
    FR_TRY(search(cli, &s, &work, rate, err));
    FR_TRY(fr_model_work_end(&work, "done", err));
    FR_TRY(put(cli, &s, &work, path, err));
    return verdict(&s, rate, err);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, compress(cli, &err), &err);
}

const fr_command FR_PROMPT_compress = {
    .name = "prompt compress",
    .run = run,
    .options = OPTIONS,
    .arguments = "FILE|-",
    .summary = "drop what a small model could have guessed, and prove that answers stay",
    .examples =
        "frugal prompt compress ask.txt -m small.gguf --rate 0.5 --data dev.jsonl -o short.txt  "
        "# quality before and after\n"
        "frugal prompt compress ask.yaml -m small.gguf --keep numbers --keep \"not\"  # these "
        "stay\n"
        "frugal prompt compress - -m small.gguf --rate 0.6 < context.txt  # any text\n",
    .more = "What goes first: sentences said twice, polite filler; then the words with the\n"
            "least self-information (as Selective Context and LLMLingua do). Variables and\n"
            "heads of lines (\"Question:\") always stay. With --data the answers of -m are scored\n"
            "before and after on these rows: where quality falls out of its interval, gentler\n"
            "rates are tried, and if none holds the result is refused (status 3). Of a\n"
            "few_shot prompt the part before the examples is compressed.",
};
