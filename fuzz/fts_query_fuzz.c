/* Any bytes are a question: the search succeeds, scores fall, and chunks of the same bytes, as text
 * and as Markdown, are whole characters that cover every letter. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rag/rag_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static fr_index *index_made(void)
{
    static const fr_document DOCUMENTS[] = {
        { FR_STR("a"), FR_STR("NEAR title body NOT and OR words of the index; naïve 東京タワー"),
          .metadata = FR_STR("{\"kind\": \"a\"}") },
        { FR_STR("b"), FR_STR("a b c 1 2 3 rowid rank MATCH"), FR_STR("title: \"quoted\"") },
        { FR_STR("c"), FR_STR("x*"), .markdown = true },
    };
    char path[64];
    fr_index *index = NULL;
    snprintf(path, sizeof(path), "/tmp/frugal-fts-fuzz-%d.db", (int)getpid());
    must(fr_index_build(path, DOCUMENTS, FR_COUNT_OF(DOCUMENTS), NULL, NULL) == 0);
    must(fr_index_open(path, &index, NULL) == 0);
    unlink(path); /* stays readable while it is open */
    return index;
}

static void check_chunks(fr_str text, bool markdown)
{
    cuts pieces = { 0 };
    size_t reached = 0;
    chunk_rule rule = { .most = 32, .overlap = 8, .markdown = markdown };
    chunks_of(text, &rule, &pieces);
    for (size_t i = 0; i < pieces.n; i++) {
        must(pieces.at[i].start < pieces.at[i].end && pieces.at[i].end <= text.n);
        must(i == 0 || pieces.at[i].start > pieces.at[i - 1].start);
        for (size_t b = reached; b < pieces.at[i].start; b++)
            must(text.at[b] == ' ' || (text.at[b] >= 0x09 && text.at[b] <= 0x0D));
        reached = reached > pieces.at[i].end ? reached : pieces.at[i].end;
    }
    cuts_fini(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static fr_index *index;
    if (index == NULL)
        index = index_made();
    fr_str text = { (const char *)bytes, n };
    FR_AUTO(fr_hits) hits = { 0 };
    must(fr_index_search(index, text, 3, &hits, NULL) == 0);
    for (size_t i = 1; i < hits.n; i++)
        must(hits.at[i].score <= hits.at[i - 1].score);
    must(isfinite(fr_index_idf(index, text)));
    check_chunks(text, false);
    check_chunks(text, true);
    must(fr_language_guess(text) != NULL);
    return 0;
}
