#include "catalog/catalog.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "catalog/card.h"
#include "kernels/format.h"
#include "model/arch.h"
#include "model/gguf.h"
#include "tables/tables.h"

#define FOLDERS_DEEP 3

/* ---- words -------------------------------------------------------------------------------- */

size_t fr_words_find(const fr_words *words, const char *word)
{
    for (size_t i = 0; i < words->n; i++) {
        if (strcasecmp(words->at[i], word) == 0)
            return i;
    }
    return SIZE_MAX;
}

void fr_words_put(fr_words *words, fr_str word)
{
    word = fr_str_trim(word);
    char *copy = fr_str_dup(word);
    if (word.n == 0 || fr_words_find(words, copy) != SIZE_MAX) {
        free(copy);
        return;
    }
    FR_GROW(words->at, words->n, words->cap);
    words->at[words->n++] = copy;
}

void fr_words_clear(fr_words *words)
{
    for (size_t i = 0; i < words->n; i++)
        free(words->at[i]);
    free(words->at);
    *words = (fr_words){ 0 };
}

static void put_list(fr_words *words, const char *text, char by)
{
    fr_str rest = fr_str_of(text), piece;
    while (fr_str_next(&rest, by, &piece))
        fr_words_put(words, piece);
}

/* ---- entries ------------------------------------------------------------------------------ */

void fr_catalog_entry_init(fr_catalog_entry *e, const char *name)
{
    *e = (fr_catalog_entry){ .name = fr_dup(name),
                             .params = NAN,
                             .active_params = NAN,
                             .context = NAN,
                             .year = NAN,
                             .kv_token_bytes = NAN,
                             .weight_bytes = NAN,
                             .attention_width = NAN,
                             .training_g = NAN };
}

static void score_fini(fr_catalog_score *s)
{
    free(s->benchmark);
    free(s->metric);
    free(s->date);
    free(s->source);
}

void fr_catalog_entry_fini(fr_catalog_entry *e)
{
    free(e->name);
    free(e->family);
    free(e->architecture);
    free(e->license);
    free(e->task);
    free(e->base_model);
    free(e->path);
    free(e->format);
    free(e->source);
    free(e->check);
    fr_words_clear(&e->languages);
    fr_words_clear(&e->domains);
    fr_words_clear(&e->tags);
    fr_words_clear(&e->datasets);
    for (size_t i = 0; i < e->n_scores; i++)
        score_fini(&e->scores[i]);
    free(e->scores);
    *e = (fr_catalog_entry){ 0 };
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void fr_catalog_entry_put_score(fr_catalog_entry *e, const char *benchmark, const char *metric,
                                double value, const char *date, const char *source)
{
    fr_catalog_score *s = NULL;
    for (size_t i = 0; i < e->n_scores && s == NULL; i++) {
        if (same_text(e->scores[i].benchmark, benchmark) &&
            same_text(e->scores[i].metric, metric) && same_text(e->scores[i].source, source))
            s = &e->scores[i];
    }
    if (s == NULL) {
        FR_GROW(e->scores, e->n_scores, e->cap_scores);
        s = &e->scores[e->n_scores++];
        *s = (fr_catalog_score){ 0 };
    } else {
        score_fini(s);
    }
    *s = (fr_catalog_score){ fr_dup(benchmark), fr_dup(metric), fr_dup(date), fr_dup(source),
                             value };
}

static void take_text(char **to, char **from)
{
    if (*from == NULL)
        return;
    free(*to);
    *to = *from;
    *from = NULL;
}

static void take_words(fr_words *to, fr_words *from)
{
    if (from->n == 0)
        return;
    fr_words_clear(to);
    *to = *from;
    *from = (fr_words){ 0 };
}

static void take_number(double *to, double from)
{
    if (!isnan(from))
        *to = from;
}

void fr_catalog_entry_merge(fr_catalog_entry *e, fr_catalog_entry *more)
{
    if (more->license != NULL || more->languages.n != 0) {
        free(e->check); /* it is known from somewhere else now */
        e->check = NULL;
    }
    take_text(&e->family, &more->family);
    take_text(&e->architecture, &more->architecture);
    take_text(&e->license, &more->license);
    take_text(&e->task, &more->task);
    take_text(&e->base_model, &more->base_model);
    take_text(&e->path, &more->path);
    take_text(&e->format, &more->format);
    take_text(&e->source, &more->source);
    take_text(&e->check, &more->check);
    take_words(&e->languages, &more->languages);
    take_words(&e->domains, &more->domains);
    take_words(&e->tags, &more->tags);
    take_words(&e->datasets, &more->datasets);
    take_number(&e->params, more->params);
    take_number(&e->active_params, more->active_params);
    take_number(&e->context, more->context);
    take_number(&e->year, more->year);
    take_number(&e->kv_token_bytes, more->kv_token_bytes);
    take_number(&e->weight_bytes, more->weight_bytes);
    take_number(&e->attention_width, more->attention_width);
    take_number(&e->training_g, more->training_g);
    for (size_t i = 0; i < more->n_scores; i++) {
        const fr_catalog_score *s = &more->scores[i];
        fr_catalog_entry_put_score(e, s->benchmark, s->metric, s->value, s->date, s->source);
    }
    e->is_demonstration = e->is_demonstration || more->is_demonstration;
    fr_catalog_entry_fini(more);
}

void fr_catalog_fini(fr_catalog *c)
{
    for (size_t i = 0; i < c->n; i++)
        fr_catalog_entry_fini(&c->at[i]);
    free(c->at);
    *c = (fr_catalog){ 0 };
}

/* "meta-llama/Llama-3.2-1B" and "Llama-3.2-1B" are one name. */
static const char *bare(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : name;
}

fr_catalog_entry *fr_catalog_find(const fr_catalog *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++) {
        if (strcasecmp(bare(c->at[i].name), bare(name)) == 0)
            return &c->at[i];
    }
    return NULL;
}

void fr_catalog_put(fr_catalog *c, fr_catalog_entry *e)
{
    fr_catalog_entry *there = fr_catalog_find(c, e->name);
    bool two_files = there != NULL && there->path != NULL && e->path != NULL &&
                     strcmp(there->path, e->path) != 0;
    if (there != NULL && !two_files) {
        fr_catalog_entry_merge(there, e);
        return;
    }
    FR_GROW(c->at, c->n, c->cap);
    c->at[c->n++] = *e;
    *e = (fr_catalog_entry){ 0 };
}

/* ---- the compiled table ------------------------------------------------------------------- */

static double number_of(const fr_table *t, size_t row, const char *column, double factor)
{
    double v = NAN;
    return fr_table_f64(t, row, fr_table_column(t, column), &v) ? v * factor : NAN;
}

static char *text_of(const fr_table *t, size_t row, const char *column)
{
    const char *text = fr_table_text(t, row, fr_table_column(t, column));
    return *text != '\0' ? fr_dup(text) : NULL;
}

void fr_catalog_put_table(fr_catalog *c)
{
    enum { F16_BYTES = 2 };
    const fr_table *t = fr_table_find("models");
    for (size_t r = 0; r < fr_table_n_rows(t); r++) {
        fr_catalog_entry e;
        fr_catalog_entry_init(&e, fr_table_text(t, r, fr_table_column(t, "name")));
        e.family = text_of(t, r, "family");
        e.architecture = text_of(t, r, "architecture");
        e.license = text_of(t, r, "license");
        e.task = text_of(t, r, "task");
        e.source = text_of(t, r, "source");
        e.check = text_of(t, r, "check");
        put_list(&e.languages, fr_table_text(t, r, fr_table_column(t, "languages")), ';');
        put_list(&e.domains, fr_table_text(t, r, fr_table_column(t, "domains")), ';');
        e.params = number_of(t, r, "params_m", 1e6);
        e.active_params = number_of(t, r, "active_params_m", 1e6);
        e.context = number_of(t, r, "context", 1);
        e.year = number_of(t, r, "year", 1);
        double layers = number_of(t, r, "layers", 1), width = number_of(t, r, "head_width", 1);
        e.kv_token_bytes = 2 * layers * number_of(t, r, "kv_heads", 1) * width * F16_BYTES;
        e.attention_width = layers * number_of(t, r, "heads", 1) * width;
        fr_catalog_put(c, &e);
    }
}

/* ---- files -------------------------------------------------------------------------------- */

static void put_strs(const fr_gguf *g, const char *key, fr_words *out)
{
    size_t n = 0;
    fr_str text;
    if (fr_gguf_array(g, key, &n)) {
        for (size_t i = 0; i < FR_MIN(n, (size_t)256); i++) {
            if (fr_gguf_array_str(g, key, i, &text))
                fr_words_put(out, text);
        }
    } else if (fr_gguf_get_str(g, key, &text)) {
        fr_words_put(out, text);
    }
}

static char *str_of(const fr_gguf *g, const char *key)
{
    fr_str text;
    return fr_gguf_get_str(g, key, &text) && text.n != 0 ? fr_str_dup(text) : NULL;
}

/* The number format that most bytes of weights are in, and all that is counted from tensors. */
static void count_tensors(const fr_gguf *g, fr_catalog_entry *e)
{
    enum { NUMBERS = 64 };
    uint64_t bytes[NUMBERS] = { 0 }, best = 0;
    e->params = 0;
    e->weight_bytes = 0;
    for (size_t i = 0; i < fr_gguf_n_tensors(g); i++) {
        const fr_tensor *t = fr_gguf_tensor_at(g, i);
        double n = 1;
        for (size_t d = 0; d < t->n_dims; d++)
            n *= (double)t->dims[d];
        e->params += n;
        e->weight_bytes += (double)t->size_bytes;
        if ((size_t)t->format < NUMBERS)
            bytes[t->format] += t->size_bytes;
    }
    for (uint32_t f = 0; f < NUMBERS; f++) {
        if (bytes[f] > best) {
            best = bytes[f];
            free(e->format);
            e->format = fr_dup(fr_format_any_name(f));
        }
    }
}

static void read_shape(const fr_gguf *g, fr_catalog_entry *e)
{
    fr_shape s;
    if (fr_shape_read(g, &s, NULL) != 0)
        return; /* an architecture that we do not run: only what the header says plainly */
    e->kv_token_bytes = (double)fr_shape_kv_bytes_per_token(&s);
    e->attention_width = (double)s.n_layers * (double)(s.n_heads * s.head_dim);
    e->context = s.context != 0 ? (double)s.context : NAN;
    double active = fr_shape_flops_per_token(&s, 0, true) / 2;
    e->active_params = s.n_experts != 0 && active > 0 ? active : e->params;
}

static void read_card_beside(const char *path, fr_catalog_entry *e)
{
    static const char *const NAMES[] = { "README.md", "CARD.md" };
    char *dir = fr_path_dir(path);
    fr_str stem = fr_str_of(path);
    stem.n -= FR_MIN(stem.n, (size_t)5);
    for (size_t i = 0; i <= FR_COUNT_OF(NAMES); i++) {
        char *card = i == 0 ? fr_dup_f("%.*s.md", FR_STR_F(stem)) : fr_path_join(dir, NAMES[i - 1]);
        fr_catalog_entry more;
        bool found = fr_file_exists(card) && fr_card_load(card, &more, NULL) == 0;
        if (found) {
            free(more.source);
            more.source = NULL;
            fr_catalog_entry_merge(e, &more);
        }
        free(card);
        if (found)
            break;
    }
    free(dir);
}

static fr_str stem_of(const char *path)
{
    const char *name = strrchr(path, '/');
    fr_str out = fr_str_of(name != NULL ? name + 1 : path);
    if (fr_str_ends(out, FR_STR(".gguf")))
        out.n -= 5;
    return out;
}

int fr_catalog_put_file(fr_catalog *c, const char *path, fr_err *err)
{
    FR_AUTOPTR(fr_gguf) g = NULL;
    FR_TRY(fr_gguf_open(path, &g, err));
    char *name = fr_str_dup(stem_of(path));
    fr_catalog_entry e;
    fr_catalog_entry_init(&e, name);
    free(name);
    e.architecture = str_of(g, "general.architecture");
    e.license = str_of(g, "general.license");
    e.path = fr_dup(path);
    e.source = fr_dup_f("the file's header: %s", path);
    put_strs(g, "general.languages", &e.languages);
    put_strs(g, "general.tags", &e.tags);
    put_strs(g, "general.datasets", &e.datasets);
    e.base_model = str_of(g, "general.base_model.0.name");
    count_tensors(g, &e);
    read_shape(g, &e);
    read_card_beside(path, &e);
    char *said = str_of(g, "general.name");
    e.is_demonstration = said != NULL && strcmp(said, "frugal-tiny") == 0;
    free(said);
    fr_catalog_put(c, &e);
    return 0;
}

static bool is_later_part(fr_str name)
{
    size_t at = 0;
    return fr_str_find(name, FR_STR("-of-"), &at) && at >= 5 &&
           memcmp(name.at + at - 5, "00001", 5) != 0;
}

static size_t put_folder(fr_catalog *c, const char *path, int deep)
{
    char **names = NULL;
    size_t n = 0, bad = 0;
    if (!fr_dir_exists(path) || fr_dir_list(path, &names, &n, NULL) != 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        char *at = fr_path_join(path, names[i]);
        fr_str name = fr_str_of(names[i]);
        if (fr_dir_exists(at)) {
            if (deep > 1 && names[i][0] != '.')
                bad += put_folder(c, at, deep - 1);
        } else if (fr_str_ends(name, FR_STR(".gguf")) && !is_later_part(name)) {
            bad += fr_catalog_put_file(c, at, NULL) != 0;
        }
        free(at);
    }
    fr_names_free(names, n);
    return bad;
}

size_t fr_catalog_put_folder(fr_catalog *c, const char *path)
{
    return put_folder(c, path, FOLDERS_DEEP);
}

/* ---- bytes -------------------------------------------------------------------------------- */

double fr_catalog_kv_bytes(const fr_catalog_entry *e, double context)
{
    return e->kv_token_bytes * context;
}

double fr_catalog_weight_bytes(const fr_catalog_entry *e, const char *format)
{
    if (!isnan(e->weight_bytes))
        return e->weight_bytes;
    const fr_format_row *row = fr_format_by_name(format);
    return row != NULL ? e->params * (double)row->block_bytes / (double)row->block_values : NAN;
}
