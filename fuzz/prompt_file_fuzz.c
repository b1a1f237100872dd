/* Any bytes read as a saved prompt (the first picks JSON, YAML, mustache or an entry of a history)
 * give a prompt or an error; a prompt fills or fails, and what is saved of it is read and saved
 * again to the same bytes. */
#include <stdint.h>
#include <stdlib.h>

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
    if (data[0] == 'h')
        fr_history_parse(text,
                         "versions/"
                         "0000000000000000000000000000000000000000000000000000000000000000.json",
                         NULL, NULL);
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
