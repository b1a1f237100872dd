/* Conversations as tokens: by the model's template or in the plain form; what was computed is not
 * computed again. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <unistd.h>

#include "infer/chat_form.h"
#include "infer/engine.h"
#include "support/tiny_model.h"

static const char TEMPLATE[] = "{{ bos_token }}{% for m in messages %}<|user|>{{ m.role }}\n"
                               "{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}"
                               "<|user|>assistant\n{% endif %}";

static json_t *conversation(const char *const *texts, size_t n, bool system)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const char *role = system && i == 0        ? "system"
                           : (i - system) % 2 == 0 ? "user"
                                                   : "assistant";
        json_array_append_new(list, json_pack("{s:s, s:s}", "role", role, "content", texts[i]));
    }
    return list;
}

static fr_chat_form *form_of(const fr_model *m)
{
    fr_chat_form *f = NULL;
    fr_err err = { 0 };
    if (fr_chat_form_new(m, &f, &err) != 0)
        fail_msg("%s", err.what);
    return f;
}

static void the_models_template_makes_the_text(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ .chat_template = TEMPLATE }, *state);
    FR_AUTOPTR(fr_model) m = NULL;
    assert_int_equal(fr_model_open(path, &m, NULL), 0);
    FR_AUTOPTR(fr_chat_form) f = form_of(m);
    static const char *const TEXTS[] = { "Be brief.", "Hi", "Ho", "Why?" };
    json_t *c = conversation(TEXTS, 4, true);
    FR_AUTO(fr_buf) text = { 0 };
    FR_AUTO(fr_chat_past) past = { 0 };
    size_t n_stops;
    assert_true(fr_chat_form_is_template(f));
    assert_null(fr_chat_form_stops(f, &n_stops));
    assert_int_equal(fr_chat_form_text(f, c, &text, NULL), 0);
    assert_string_equal(fr_buf_text(&text),
                        "<|end|><|user|>system\nBe brief.<|end|><|user|>user\nHi<|end|><|user|>"
                        "assistant\nHo<|end|><|user|>user\nWhy?<|end|><|user|>assistant\n");
    assert_int_equal(fr_chat_form_ids(f, c, &past, NULL), 0);
    size_t controls[2] = { 0 };
    for (size_t i = 0; i < past.ids.n; i++)
        controls[1] += past.ids.at[i] == 1, controls[0] += past.ids.at[i] == 0;
    assert_int_equal(controls[0], 5); /* one BOS, written by the template, and no second one */
    assert_int_equal(controls[1], 5);
    json_decref(c);
    free(path);
}

static void a_model_without_one_gets_the_plain_form(void **state)
{
    char *path = tiny_model_write(&(tiny_model){ 0 }, *state);
    FR_AUTOPTR(fr_model) m = NULL;
    assert_int_equal(fr_model_open(path, &m, NULL), 0);
    FR_AUTOPTR(fr_chat_form) f = form_of(m);
    static const char *const TEXTS[] = { "Be brief.", "Hi", " Ho", "Why?" };
    json_t *c = conversation(TEXTS, 4, true);
    FR_AUTO(fr_buf) text = { 0 };
    FR_AUTO(fr_chat_past) past = { 0 };
    size_t n_stops;
    assert_false(fr_chat_form_is_template(f));
    assert_string_equal(fr_chat_form_stops(f, &n_stops)[0], "\nUser:");
    assert_int_equal(fr_chat_form_text(f, c, &text, NULL), 0);
    assert_string_equal(fr_buf_text(&text),
                        "Be brief.\n\nUser: Hi\nAssistant: Ho\nUser: Why?\nAssistant:");
    assert_int_equal(fr_chat_form_ids(f, c, &past, NULL), 0);
    assert_int_equal(past.ids.at[0], 0); /* BOS, as the vocabulary wants it */
    json_decref(c);
    free(path);
}

static void a_template_that_refuses_says_why(void **state)
{
    char *path = tiny_model_write(
        &(tiny_model){ .chat_template =
                           "{% if messages[0].role == 'system' %}{{ raise_exception('no "
                           "system text, please') }}{% endif %}x" },
        *state);
    FR_AUTOPTR(fr_model) m = NULL;
    assert_int_equal(fr_model_open(path, &m, NULL), 0);
    FR_AUTOPTR(fr_chat_form) f = form_of(m);
    static const char *const TEXTS[] = { "Be brief.", "Hi" };
    json_t *c = conversation(TEXTS, 2, true);
    FR_AUTO(fr_chat_past) past = { 0 };
    fr_err err = { 0 };
    assert_int_not_equal(fr_chat_form_ids(f, c, &past, &err), 0);
    assert_non_null(strstr(err.what, "no system text, please"));
    assert_int_equal(past.ids.n, 0);
    json_decref(c);
    free(path);
}

/* An answer's own tokens come back: tokenized anew they could be others, and the cache would end
 * there. */
static void the_next_turn_computes_only_what_is_new(void **state)
{
    for (int plain = 0; plain < 2; plain++) {
        char *path = tiny_model_write(
            &(tiny_model){ .chat_template = plain ? NULL : TEMPLATE, .context = 400, .seed = 4 },
            *state);
        FR_AUTOPTR(fr_engine) e = NULL;
        assert_int_equal(
            fr_engine_open(path, &(fr_engine_options){ .threads = 1, .max_batch = 1 }, &e, NULL),
            0);
        FR_AUTOPTR(fr_chat_form) f = form_of(fr_engine_model(e));
        FR_AUTO(fr_chat_past) past = { 0 };
        json_t *c = json_array();
        size_t before = 0;
        fr_logit_bias ascii[258];
        size_t n_bias =
            0; /* only characters of a byte come, so that the text is what the tokens say */
        for (int32_t id = 1; id < 258; id++)
            if (id == 1 ||
                fr_tokenizer_piece(fr_model_tokenizer(fr_engine_model(e)), id).at[0] <= 0)
                ascii[n_bias++] = (fr_logit_bias){ id, -INFINITY };
        for (int turn = 0; turn < 4; turn++) {
            json_array_append_new(
                c, json_pack("{s:s, s:s}", "role", "user", "content", "the hat is on"));
            assert_int_equal(fr_chat_form_ids(f, c, &past, NULL), 0);
            uint64_t id = 0;
            fr_request r = { .ids = past.ids.at,
                             .n_ids = past.ids.n,
                             .sampling = { .max_tokens = 20,
                                           .temperature = 1,
                                           .seed = 3,
                                           .bias = ascii,
                                           .n_bias = n_bias } };
            assert_int_equal(fr_engine_submit(e, &r, &id, NULL), 0);
            while (fr_engine_busy(e))
                assert_int_equal(fr_engine_step(e, NULL), 0);
            const fr_completion *done = fr_engine_result(e, id);
            /* all before: the last token drawn was never put in. (The plain form puts a space
             * before an answer that came without one, and goes on from there.) */
            assert_true(done->cached_tokens + 1 >= (plain ? FR_MIN(before, (size_t)20) : before));
            before = done->prompt_tokens + done->completion_tokens;
            fr_chat_past_add(f, &past, done->text, done->ids, done->completion_tokens);
            json_array_append_new(
                c, json_pack("{s:s, s:s}", "role", "assistant", "content", done->text));
            fr_engine_release(e, id);
        }
        json_decref(c);
        free(path);
    }
}

static int make_dir(void **state)
{
    static char dir[] = "/tmp/frugal-chat-form-XXXXXX";
    *state = mkdtemp(dir);
    return *state != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
    char *command = fr_dup_f("rm -rf '%s'", (char *)*state);
    int rc = system(command);
    free(command);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_models_template_makes_the_text),
        cmocka_unit_test(a_model_without_one_gets_the_plain_form),
        cmocka_unit_test(a_template_that_refuses_says_why),
        cmocka_unit_test(the_next_turn_computes_only_what_is_new),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
