/* Any bytes read as tokenizer.json give a tokenizer whose ids are of its vocabulary, or an error
 * that says something. */
#include <stdint.h>
#include <stdlib.h>

#include "model/hf_vocab.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char TEXT[] = "It's <s> a\xCC\x81  12 \xE2\x96\x81x\n\xFF the end";
    FR_AUTO(fr_hf_vocab) vocab = { 0 };
    FR_AUTOPTR(fr_tokenizer) t = NULL;
    FR_AUTO(fr_ids) ids = { 0 };
    fr_err err = { 0 };
    if (fr_hf_vocab_parse(bytes, n, &vocab, &err) != 0 ||
        fr_hf_vocab_tokenizer(&vocab, &t, &err) != 0 ||
        fr_tokenizer_encode(t, FR_STR(TEXT), FR_ENCODE_BOS | FR_ENCODE_SPECIAL, &ids, &err) != 0) {
        if (err.what[0] == '\0')
            abort();
        return 0;
    }
    for (size_t i = 0; i < ids.n; i++)
        if (ids.at[i] < 0 || (size_t)ids.at[i] >= fr_tokenizer_n_vocab(t))
            abort();
    return 0;
}
