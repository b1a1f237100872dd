/* Any bytes are a question: the search succeeds (FTS5 never sees syntax), scores fall, and chunks
 * of the same bytes are whole characters that cover every letter. */
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
        { FR_STR("a"),
          FR_STR("NEAR title body NOT and OR words of the index; naïve 東京タワー"),
          { 0 } },
        { FR_STR("b"), FR_STR("a b c 1 2 3 rowid rank MATCH"), FR_STR("title: \"quoted\"") },
        { FR_STR("c"), FR_STR("x*"), { 0 } },
    };
    char path[64];
    fr_index *index = NULL;
    snprintf(path, sizeof(path), "/tmp/frugal-fts-fuzz-%d.db", (int)getpid());
    must(fr_index_build(path, DOCUMENTS, FR_COUNT_OF(DOCUMENTS), NULL, NULL) == 0);
    must(fr_index_open(path, &index, NULL) == 0);
    unlink(path); /* stays readable while it is open */
    return index;
}

static void check_chunks(fr_str text)
{
    chunks cut = { 0 };
    size_t reached = 0;
    chunks_of(text, 32, 8, &cut);
    for (size_t i = 0; i < cut.n; i++) {
        must(cut.at[i].start < cut.at[i].end && cut.at[i].end <= text.n);
        must(i == 0 || cut.at[i].start > cut.at[i - 1].start);
        for (size_t b = reached; b < cut.at[i].start; b++)
            must(text.at[b] == ' ' || (text.at[b] >= 0x09 && text.at[b] <= 0x0D));
        reached = reached > cut.at[i].end ? reached : cut.at[i].end;
    }
    free(cut.at);
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
    check_chunks(text);
    return 0;
}
