/* Any bytes read as a saved prompt (the first picks JSON, YAML, mustache, f-string; from 0xF0 on an
 * entry of a history as well) give a prompt or an error; a prompt fills or fails, and what is saved
 * of it is read and saved again to the same bytes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "prompt/history.h"
#include "prompt/prompt_file.h"

static void save_and_read(const fr_prompt_file *p, fr_prompt_save_form form, const char *name)
{
    fr_buf once = { 0 }, again = { 0 };
    fr_prompt_file *back = NULL;
    if (fr_prompt_file_save(p, form, name, &once, NULL) == 0) {
        if (fr_prompt_text_open(fr_buf_str(&once), name, NULL, NULL, &back, NULL) != 0 ||
            fr_prompt_file_save(back, form, name, &again, NULL) != 0 ||
            !fr_str_equal(fr_buf_str(&once), fr_buf_str(&again)))
            abort();
    } else if (once.n != 0) {
        abort();
    }
    fr_prompt_file_free(back);
    fr_buf_fini(&once);
    fr_buf_fini(&again);
}

/* As an entry of a history, under the name that its bytes ask for. */
static void read_entry(fr_str text, uint8_t which)
{
    static const char KEY[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char id[FR_SHA256_HEX], name[256];
    fr_history_entry *e = NULL;
    if (fr_sha256(text.at, text.n, id, NULL) != 0)
        return;
    snprintf(name, sizeof(name), which % 3 == 0 ? "versions/%s.json" : "tags/%s.json", id);
    if (which % 3 == 2)
        snprintf(name, sizeof(name), "results/%s.%.16s.json", KEY, id);
    if (fr_history_parse(text, name, &e, NULL) == 0) {
        fr_buf out = { 0 };
        char *again = fr_history_file_name(e);
        if (e->kind != FR_HISTORY_TAG && fr_history_text(e, NULL, &out, NULL) != 0)
            abort();
        if (strcmp(again, name) != 0)
            abort();
        free(again);
        fr_buf_fini(&out);
    }
    fr_history_entry_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const NAMES[] = { "p.json", "p.yaml", "p.mustache", "p.txt" };
    if (size < 1 || size > 20000)
        return 0;
    fr_str text = { (const char *)data + 1, size - 1 };
    fr_prompt_file *p = NULL;
    fr_err err = { 0 };
    fr_buf out = { 0 };
    json_t *vars = json_pack("{s:i, s:s, s:[i,s,{s:s}], s:{s:n}, s:[[s,s]]}", "a", 1, "b",
                             "<\xC3\xB6>", "c", 0, "x", "t", "u", "d", "e", "h", "human", "hi");
    if (data[0] >= 0xF0)
        read_entry(text, data[0]);
    if (fr_prompt_text_open(text, NAMES[data[0] % 4], NULL, NULL, &p, &err) == 0) {
        json_decref(fr_prompt_file_names(p));
        if (fr_prompt_file_fill(p, vars, &out, &err) != 0 && err.what[0] == '\0')
            abort();
        if (fr_prompt_file_kind(p) != FR_PROMPT_KIND_FEW_SHOT)
            save_and_read(p, FR_PROMPT_SAVE_LC, "q.json");
        save_and_read(p, FR_PROMPT_SAVE_LANGCHAIN, "q.json");
        save_and_read(p, FR_PROMPT_SAVE_LANGCHAIN, "q.yaml");
    } else if (err.what[0] == '\0') {
        abort();
    }
    json_decref(vars);
    fr_prompt_file_free(p);
    fr_buf_fini(&out);
    return 0;
}
