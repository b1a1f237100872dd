/* Shared stores behind `frugal rag`: filled from an index, asked in its place. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/rag_dense.h"
#include "rag/retriever.h"

enum { CHUNKS_AT_ONCE = 512 };

static int take_number(void *user, uint32_t chunk, fr_str title, fr_str text, fr_err *err)
{
    fr_ranked *list = user;
    (void)title;
    (void)text;
    (void)err;
    FR_GROW(list->at, list->n, list->cap);
    list->at[list->n++] = (fr_rank){ chunk, 0.0 };
    return 0;
}

static int open_store(fr_rag_models *m, const char *url, fr_buf *mark, fr_retriever **out,
                      fr_err *err)
{
    fr_retriever_options o = { 0 };
    if (m->embed != NULL) {
        FR_TRY(fr_endpoint_mark(m->embed, mark, err));
        o.model_hash = fr_buf_text(mark);
        o.model = fr_endpoint_name(m->embed);
    }
    return fr_retriever_open(url, &o, out, err);
}

/* A prefix and a text, for the model. Appended. */
static fr_str prefixed(fr_buf *out, const char *prefix, const char *title, const char *text)
{
    fr_buf_clear(out);
    fr_buf_put_f(out, "%s%s%s%s", prefix != NULL ? prefix : "", title != NULL ? title : "",
                 title != NULL && title[0] != '\0' ? "\n" : "", text);
    return fr_buf_str(out);
}

static int embed_hits(fr_rag_models *m, const fr_hits *hits, fr_embeddings *out, fr_err *err)
{
    fr_buf *room = FR_NEW_N(fr_buf, hits->n);
    fr_str *texts = FR_NEW_N(fr_str, hits->n);
    for (size_t i = 0; i < hits->n; i++)
        texts[i] = prefixed(&room[i], m->options.prefix, hits->at[i].title, hits->at[i].text);
    int rc = fr_endpoint_embed(m->embed, texts, hits->n, out, NULL, err);
    for (size_t i = 0; i < hits->n; i++)
        fr_buf_fini(&room[i]);
    free(room);
    free(texts);
    return rc;
}

static int send(fr_rag_models *m, fr_retriever *store, fr_index *index, const fr_ranked *part,
                fr_err *err)
{
    FR_AUTO(fr_hits) hits = { 0 };
    FR_AUTO(fr_embeddings) vectors = { 0 };
    FR_TRY(fr_index_read(index, part, &hits, err));
    if (m->embed != NULL)
        FR_TRY(embed_hits(m, &hits, &vectors, err));
    fr_passage *passages = FR_NEW_N(fr_passage, hits.n);
    for (size_t i = 0; i < hits.n; i++) {
        const fr_hit *h = &hits.at[i];
        passages[i] = (fr_passage){ .id = fr_str_of(h->id),
                                    .source = fr_str_of(h->source),
                                    .title = fr_str_of(h->title),
                                    .text = fr_str_of(h->text),
                                    .start = h->start,
                                    .end = h->end };
        if (vectors.at != NULL) {
            passages[i].vector = vectors.at + i * vectors.dim;
            passages[i].dim = vectors.dim;
        }
    }
    int rc = fr_retriever_add(store, passages, hits.n, NULL, err);
    free(passages);
    return rc;
}

int fr_rag_store_fill(fr_cli *cli, fr_run *run, fr_rag_models *m, const char *index_path,
                      const char *url, size_t *n, fr_err *err)
{
    FR_AUTOPTR(fr_index) index = NULL;
    FR_AUTOPTR(fr_retriever) store = NULL;
    FR_AUTO(fr_ranked) all = { 0 };
    FR_AUTO(fr_buf) mark = { 0 };
    const fr_progress *progress = fr_cli_progress(cli, run);
    FR_TRY(fr_index_open(index_path, &index, err));
    FR_TRY(open_store(m, url, &mark, &store, err));
    FR_TRY(fr_index_each(index, 0, take_number, &all, err));
    for (size_t first = 0; first < all.n; first += CHUNKS_AT_ONCE) {
        fr_ranked part = { .at = all.at + first,
                           .n = FR_MIN(all.n - first, (size_t)CHUNKS_AT_ONCE) };
        if (fr_progress_stopped(progress))
            return fr_fail(err, FR_E_INTERRUPTED, "Run it again: what is there is replaced.",
                           "%zu of %zu passages were added", first, all.n);
        FR_TRY(send(m, store, index, &part, err));
        fr_progress_step(progress, "store", (double)(first + part.n), (double)all.n, "passages",
                         NULL);
    }
    *n = all.n;
    return 0;
}

static int source_of(const fr_filter *filters, size_t n, fr_str *source, fr_err *err)
{
    *source = (fr_str){ 0 };
    if (n == 0)
        return 0;
    if (n > 1 || !fr_str_is(filters[0].key, "source"))
        return fr_fail(err, FR_E_UNSUPPORTED, "Use --filter source=ID, once.",
                       "a shared store is filtered by its documents only");
    *source = filters[0].value;
    return 0;
}

int fr_rag_store_search(fr_cli *cli, fr_rag_models *m, const char *url, fr_str text, size_t k,
                        const fr_filter *filters, size_t n_filters, fr_hits *out, fr_err *err)
{
    FR_AUTOPTR(fr_retriever) store = NULL;
    FR_AUTO(fr_embeddings) vector = { 0 };
    FR_AUTO(fr_buf) mark = { 0 };
    FR_AUTO(fr_buf) room = { 0 };
    (void)cli;
    fr_question q = { .text = text, .k = k };
    FR_TRY(source_of(filters, n_filters, &q.source, err));
    FR_TRY(open_store(m, url, &mark, &store, err));
    if (m->embed != NULL && m->mode != FR_MODE_LEXICAL) {
        char *plain = fr_str_dup(text);
        fr_str one = prefixed(&room, m->options.query_prefix, NULL, plain);
        free(plain);
        FR_TRY(fr_endpoint_embed(m->embed, &one, 1, &vector, NULL, err));
        q.vector = vector.at;
        q.dim = vector.dim;
        if (m->mode == FR_MODE_DENSE)
            q.text = (fr_str){ 0 };
    }
    return fr_retriever_search(store, &q, out, err);
}
