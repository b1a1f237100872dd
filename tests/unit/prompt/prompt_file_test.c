/* Prompt files: what they say when filled, and that they say it again when saved, held against
 * langchain-core (tests/fixtures/prompt/make.py); and that no file leads out of its folder. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../fixture.h"
#include "prompt/prompt_file_priv.h"

static char *file_of(const char *name)
{
    char *folder = fixture_path("prompt/files"), *path = fr_path_join(folder, name);
    free(folder);
    return path;
}

static fr_prompt_file *opened(const char *path)
{
    fr_prompt_file *p = NULL;
    fr_err err = { 0 };
    if (fr_prompt_file_open(path, NULL, &p, &err) != 0)
        fail_msg("%s", err.what);
    return p;
}

static void assert_text(const char *what, const fr_buf *got, fr_str want)
{
    if (!fr_str_equal(fr_buf_str(got), want))
        fail_msg("%s\ngot:\n%s\nexpected:\n%.*s", what, fr_buf_text(got), FR_STR_F(want));
}

static json_t *golden(size_t *n)
{
    FR_AUTO(fr_buf) text = { 0 };
    char *path = fixture_path("prompt/golden.jsonl");
    assert_int_equal(fr_file_read(path, 1 << 22, &text, NULL), 0);
    free(path);
    json_t *rows = json_array(), *row;
    fr_str rest = fr_buf_str(&text);
    while ((row = next_row(&rest)) != NULL)
        json_array_append_new(rows, row);
    *n = json_array_size(rows);
    return rows;
}

static void every_file_says_what_langchain_makes_of_it(void **state)
{
    (void)state;
    size_t n = 0;
    json_t *rows = golden(&n);
    assert_true(n >= 30);
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_array_get(rows, i);
        const char *name = json_string_value(json_object_get(row, "file"));
        char *path = file_of(name);
        FR_AUTO(fr_buf) text = { 0 };
        fr_err err = { 0 };
        if (fr_prompt_file_render(path, NULL, json_object_get(row, "vars"), &text, &err) != 0)
            fail_msg("%s: %s", name, err.what);
        assert_text(name, &text, text_in(row, "text"));
        free(path);
    }
    json_decref(rows);
}

/* The same, or YAML that says the same (long double-quoted text is folded at another place). */
static void assert_same_file(const char *name, const fr_buf *got, fr_str want)
{
    json_t *ours = NULL, *theirs = NULL;
    if (name[strlen(name) - 1] == 'n' || fr_str_equal(fr_buf_str(got), want) ||
        memmem(want.at, want.n, "\\\n", 2) == NULL) {
        assert_text(name, got, want);
        return;
    }
    assert_int_equal(fr_saved_parse_yaml(fr_buf_str(got), name, &ours, NULL), 0);
    assert_int_equal(fr_saved_parse_yaml(want, name, &theirs, NULL), 0);
    assert_true(json_equal(ours, theirs));
    json_decref(ours);
    json_decref(theirs);
}

/* Saved as `save`, and read again from what was written. */
static void assert_saves(const fr_prompt_file *p, const char *save, fr_prompt_save_form form,
                         const json_t *vars, fr_str want, fr_str filled)
{
    FR_AUTO(fr_buf) once = { 0 };
    FR_AUTO(fr_buf) again = { 0 };
    FR_AUTO(fr_buf) text = { 0 };
    FR_AUTOPTR(fr_prompt_file) back = NULL;
    fr_err err = { 0 };
    if (fr_prompt_file_save(p, form, save, &once, &err) != 0)
        fail_msg("%s as %s: %s", fr_prompt_file_main(p), save, err.what);
    if (want.n != 0)
        assert_same_file(save, &once, want);
    if (fr_prompt_text_open(fr_buf_str(&once), save, NULL, NULL, &back, &err) != 0)
        fail_msg("%s as %s: %s", fr_prompt_file_main(p), save, err.what);
    assert_int_equal(fr_prompt_file_save(back, form, save, &again, &err), 0);
    assert_text(fr_prompt_file_main(p), &again, fr_buf_str(&once));
    assert_int_equal(fr_prompt_file_fill(back, vars, &text, &err), 0);
    assert_text(fr_prompt_file_main(p), &text, filled);
}

static void saved_files_are_langchains_and_stay_so_to_the_byte_when_read_and_saved(void **state)
{
    (void)state;
    size_t n = 0, n_compared = 0;
    json_t *rows = golden(&n);
    for (size_t i = 0; i < n; i++) {
        json_t *row = json_array_get(rows, i), *vars = json_object_get(row, "vars");
        char *path = file_of(json_string_value(json_object_get(row, "file")));
        FR_AUTOPTR(fr_prompt_file) p = opened(path);
        fr_str filled = text_in(row, "text");
        bool chat = fr_prompt_file_kind(p) == FR_PROMPT_KIND_CHAT;
        if (!chat) {
            assert_saves(p, "p.json", FR_PROMPT_SAVE_NONE, vars, text_in(row, "langchain"), filled);
            assert_saves(p, "p.yaml", FR_PROMPT_SAVE_NONE, vars, text_in(row, "yaml"), filled);
        }
        if (fr_prompt_file_kind(p) != FR_PROMPT_KIND_FEW_SHOT)
            assert_saves(p, "p.json", FR_PROMPT_SAVE_LC, vars, text_in(row, "lc"), filled);
        n_compared += text_in(row, "langchain").n != 0;
        n_compared += text_in(row, "yaml").n != 0;
        n_compared += text_in(row, "lc").n != 0;
        free(path);
    }
    assert_true(n_compared > 60);
    json_decref(rows);
}

/* ---- bad input --------------------------------------------------------------------------- */

typedef struct {
    char dir[64];
} folder;

static int set_up(void **state)
{
    folder *f = FR_NEW(folder);
    snprintf(f->dir, sizeof(f->dir), "/tmp/prompts.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    char *in = fr_path_join(f->dir, "in");
    assert_int_equal(mkdir(in, 0700), 0);
    free(in);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    folder *f = *state;
    char *line = fr_dup_f("rm -rf '%s'", f->dir);
    int rc = system(line);
    free(line);
    free(f);
    return rc;
}

static void put_file(const folder *f, const char *name, const char *text)
{
    char *path = fr_path_join(f->dir, name);
    assert_int_equal(fr_file_write(path, fr_str_of(text), NULL), 0);
    free(path);
}

static int open_in(const folder *f, const char *name, const char *text, fr_err *err)
{
    FR_AUTOPTR(fr_prompt_file) p = NULL;
    char *path = fr_dup_f("%s/in/%s", f->dir, name);
    assert_int_equal(fr_file_write(path, fr_str_of(text), NULL), 0);
    int rc = fr_prompt_file_open(path, NULL, &p, err);
    free(path);
    return rc;
}

static void no_path_leads_out_of_the_prompts_folder(void **state)
{
    folder *f = *state;
    put_file(f, "secret.txt", "secret");
    put_file(f, "in/ok.txt", "ok {x}");
    char *link = fr_dup_f("%s/in/link.txt", f->dir), *target = fr_dup_f("%s/secret.txt", f->dir);
    assert_int_equal(symlink(target, link), 0);
    const struct {
        const char *path, *why;
    } rows[] = { { "../secret.txt", "leads out of the folder by .." },
                 { "below/../../secret.txt", "leads out of the folder by .." },
                 { target, "absolute" },
                 { "link.txt", "a link that leads out of the folder" },
                 { "none.txt", "cannot open 'none.txt'" },
                 { "p.json", "must name a .txt file" } };
    for (size_t i = 0; i < FR_COUNT_OF(rows); i++) {
        fr_err err = { 0 };
        char *text = fr_dup_f("{\"template_path\": \"%s\"}", rows[i].path);
        assert_true(open_in(f, "p.json", text, &err) < 0);
        if (strstr(err.what, rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].path, err.what);
        free(text);
    }
    assert_int_equal(open_in(f, "p.json", "{\"template_path\": \"ok.txt\"}", NULL), 0);
    free(link);
    free(target);
}

static void files_that_name_each_other_in_a_circle_are_refused(void **state)
{
    folder *f = *state;
    fr_err err = { 0 };
    static const char HEAD[] = "_type: few_shot\nsuffix: s\nexamples: []\nexample_prompt_path: ";
    char *other = fr_dup_f("%sp.yaml\n", HEAD), *own = fr_dup_f("%sother.yaml\n", HEAD);
    put_file(f, "in/other.yaml", other);
    assert_int_equal(open_in(f, "p.yaml", own, &err), FR_E_FORMAT);
    assert_non_null(strstr(err.what, "'p.yaml' names itself in a circle"));
    free(other);
    free(own);
}

static void broken_files_are_named_with_their_place(void **state)
{
    folder *f = *state;
    const struct {
        const char *name, *text, *what;
    } rows[] = {
        { "a.json", "{\"template\": \"x\",\n}", "a.json:2:1:" },
        { "a.yaml", "template: [\n", "a.yaml:2:1: not YAML" },
        { "a.json", "{\"template\": \"one\\n {x\"}", "a.json:2:2: this { is never closed" },
        { "a.json", "{\"template\": \"x }\"}", "a.json:1:3: a } that closes nothing" },
        { "a.json", "{\"template\": \"{x.y}\"}", "may not have . or []" },
        { "a.json", "{\"template\": \"{0}\"}", "may not be a number" },
        { "a.json", "{\"template\": \"{x:{w}}\"}", "braces inside a format" },
        { "a.json", "{\"template\": \"{}\"}", "{} has no name" },
        { "a.json", "{\"template\": \"\\n{{#a}}\", \"template_format\": \"mustache\"}",
          "a.json:2:1: this section is never closed" },
        { "a.json", "{\"template\": \"{% if %}\", \"template_format\": \"jinja2\"}",
          "a.json:1:7: " },
        { "a.json", "{\"template\": \"x\", \"template_format\": \"jinja\"}",
          "template_format is unknown" },
        { "a.json",
          "{\"template\": \"{a}{bb}\", \"validate_template\": true, "
          "\"input_variables\": [\"a\", \"b\"]}",
          "the variable 'bb' is not among its input_variables" },
        { "a.json", "{\"_type\": \"prompts\", \"template\": \"\"}",
          "the _type 'prompts' is unknown" },
        { "a.json", "{\"template\": 5}", "template must be text" },
        { "a.json", "{\"template\": \"a\", \"template_path\": \"b.txt\"}", "both template and" },
        { "a.json", "[]", "not a saved prompt" },
        { "a.json",
          "{\"_type\": \"few_shot\", \"suffix\": \"\", \"examples\": [{\"qq\": 1}], "
          "\"example_prompt\": {\"template\": \"{q}\"}}",
          "examples[0]: there is no 'q' in it" },
        { "a.json", "{\"template\": \"\", \"output_parser\": {\"_type\": \"regex\"}}",
          "code of a file is not run" },
        { "a.json",
          "{\"lc\": 1, \"type\": \"constructor\", \"id\": [\"os\", \"system\"], "
          "\"kwargs\": {\"x\": \"y\"}}",
          "a system cannot be read" },
        { "a.json", "{\"lc\": 1, \"type\": \"secret\", \"id\": [\"KEY\"]}", "names a secret" },
        { "a.txt", "ok\n\xff", "a.txt:2:1: a byte that is not UTF-8" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(rows); i++) {
        fr_err err = { 0 };
        assert_true(open_in(f, rows[i].name, rows[i].text, &err) < 0);
        if (strstr(err.what, rows[i].what) == NULL)
            fail_msg("%s\ngot: %s", rows[i].text, err.what);
    }
}

static void a_variable_without_value_is_named_with_the_nearest_that_has_one(void **state)
{
    folder *f = *state;
    (void)f;
    const struct {
        const char *name, *text;
    } rows[] = { { "a.json", "{\"template\": \"{question}\"}" },
                 { "a.txt", "{question}" },
                 { "a.json", "{\"_type\": \"chat\", \"messages\": [{\"variable_name\": "
                             "\"question\"}]}" } };
    json_t *vars = json_pack("{s:s, s:s}", "qeustion", "x", "other", "y");
    for (size_t i = 0; i < FR_COUNT_OF(rows); i++) {
        FR_AUTO(fr_buf) text = { 0 };
        fr_err err = { 0 };
        assert_int_equal(
            fr_prompt_text_render(fr_str_of(rows[i].text), rows[i].name, NULL, vars, &text, &err),
            FR_E_FAILED);
        assert_non_null(strstr(err.what, "question"));
        assert_string_equal(err.hint, "Did you mean 'qeustion'?");
        assert_int_equal(text.n, 0);
    }
    json_decref(vars);
}

static void a_huge_file_and_one_that_is_no_text_are_refused(void **state)
{
    folder *f = *state;
    char *path = fr_path_join(f->dir, "huge.txt");
    FR_AUTOPTR(fr_prompt_file) p = NULL;
    assert_int_equal(fr_prompt_text_open(FR_STR("a\0b"), "a.txt", NULL, NULL, &p, NULL),
                     FR_E_FORMAT);
    assert_int_equal(fr_file_write(path, FR_STR("x"), NULL), 0);
    assert_int_equal(truncate(path, (off_t)1 << 30), 0);
    assert_int_equal(fr_prompt_file_open(path, NULL, &p, NULL), FR_E_LIMIT);
    free(path);
}

/* ---- other forms ------------------------------------------------------------------------- */

static void a_template_says_the_same_as_jinja_and_back(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_prompt_file) p = NULL;
    FR_AUTOPTR(fr_prompt_file) jinja = NULL;
    FR_AUTO(fr_buf) as_jinja = { 0 };
    FR_AUTO(fr_buf) back = { 0 };
    FR_AUTO(fr_buf) one = { 0 };
    FR_AUTO(fr_buf) other = { 0 };
    fr_str text = FR_STR("Say {{\"a\": {a}}} and {b}.\n\n");
    json_t *vars = json_pack("{s:s, s:i}", "a", "{{ x }} {% y %}", "b", 2);
    assert_int_equal(fr_prompt_text_open(text, "a.txt", NULL, NULL, &p, NULL), 0);
    assert_int_equal(fr_prompt_file_save(p, FR_PROMPT_SAVE_NONE, "a.jinja", &as_jinja, NULL), 0);
    assert_int_equal(
        fr_prompt_text_open(fr_buf_str(&as_jinja), "a.jinja", NULL, NULL, &jinja, NULL), 0);
    assert_int_equal(fr_prompt_file_fill(p, vars, &one, NULL), 0);
    assert_int_equal(fr_prompt_file_fill(jinja, vars, &other, NULL), 0);
    assert_string_equal(fr_buf_text(&one), fr_buf_text(&other));
    assert_string_equal(fr_buf_text(&one), "Say {\"a\": {{ x }} {% y %}} and 2.\n\n");
    json_decref(vars);

    FR_AUTOPTR(fr_prompt_file) simple = NULL;
    assert_int_equal(
        fr_prompt_text_open(FR_STR("{{ a }} { {{ b }}\n"), "a.jinja", NULL, NULL, &simple, NULL),
        0);
    assert_int_equal(fr_prompt_file_save(simple, FR_PROMPT_SAVE_F_STRING, "", &back, NULL), 0);
    assert_string_equal(fr_buf_text(&back), "{a} {{ {b}");
}

static void what_another_form_cannot_say_is_an_error(void **state)
{
    (void)state;
    const struct {
        const char *name, *text;
        fr_prompt_save_form form;
    } rows[] = { { "a.jinja", "{{ a | upper }}", FR_PROMPT_SAVE_F_STRING },
                 { "a.jinja", "{% if a %}\nb{% endif %}", FR_PROMPT_SAVE_LANGCHAIN },
                 { "a.txt", "{a:.2f}", FR_PROMPT_SAVE_JINJA },
                 { "a.txt", "{a.b}", FR_PROMPT_SAVE_LANGCHAIN },
                 { "a.mustache", "{{a}}", FR_PROMPT_SAVE_JINJA },
                 { "a.json", "{\"template\": \"{a}\", \"partial_variables\": {\"a\": 1}}",
                   FR_PROMPT_SAVE_F_STRING },
                 { "a.json",
                   "{\"_type\": \"few_shot\", \"suffix\": \"\", \"examples\": [], "
                   "\"example_prompt\": {\"template\": \"\"}}",
                   FR_PROMPT_SAVE_LC } };
    for (size_t i = 0; i < FR_COUNT_OF(rows); i++) {
        FR_AUTOPTR(fr_prompt_file) p = NULL;
        FR_AUTO(fr_buf) out = { 0 };
        assert_int_equal(
            fr_prompt_text_open(fr_str_of(rows[i].text), rows[i].name, NULL, NULL, &p, NULL), 0);
        assert_true(fr_prompt_file_save(p, rows[i].form, "out", &out, NULL) < 0);
        assert_int_equal(out.n, 0);
    }
}

static void examples_in_a_template_are_blocks_like_the_last(void **state)
{
    (void)state;
    static const char TEXT[] = "Be short.\n\nLabels: a, b\nText: one\nLabel: a\n\nText: two\n\n"
                               "Text: three\nLabel: b\n\nText: {text}\nLabel:";
    const struct {
        size_t less;
        const char *text;
    } rows[] = { { 0, "Be short.\n\nLabels: a, b\nText: two\n\nText: three\nLabel: b\n\nText: x\n"
                      "Label:" },
                 { 1, "Be short.\n\nLabels: a, b\nText: one\nLabel: a\n\nText: two\n\nText: x\n"
                      "Label:" },
                 { SIZE_MAX, "Be short.\n\nLabels: a, b\nText: two\n\nText: x\nLabel:" } };
    FR_AUTOPTR(fr_prompt_file) p = NULL;
    json_t *vars = json_pack("{s:s}", "text", "x");
    assert_int_equal(fr_prompt_text_open(fr_str_of(TEXT), "a.txt", NULL, NULL, &p, NULL), 0);
    assert_int_equal(fr_prompt_file_n_examples(p), 2);
    for (size_t i = 0; i < FR_COUNT_OF(rows); i++) {
        FR_AUTOPTR(fr_prompt_file) less = NULL;
        FR_AUTO(fr_buf) text = { 0 };
        assert_int_equal(fr_prompt_file_less(p, rows[i].less, &less, NULL), 0);
        assert_int_equal(fr_prompt_file_fill(less, vars, &text, NULL), 0);
        assert_string_equal(fr_buf_text(&text), rows[i].text);
    }
    json_decref(vars);
}

static void messages_have_the_roles_of_openai(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"_type\": \"chat\", \"messages\": [[\"system\", \"s\"], "
                               "[\"human\", \"{q}\"], [\"ai\", \"a\"]]}";
    FR_AUTOPTR(fr_prompt_file) p = NULL;
    json_t *vars = json_pack("{s:s}", "q", "x"), *messages = NULL;
    assert_int_equal(fr_prompt_text_open(fr_str_of(TEXT), "a.json", NULL, NULL, &p, NULL), 0);
    assert_int_equal(fr_prompt_file_messages(p, vars, &messages, NULL), 0);
    char *text = json_dumps(messages, JSON_COMPACT);
    assert_string_equal(text,
                        "[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":"
                        "\"x\"},{\"role\":\"assistant\",\"content\":\"a\"}]");
    free(text);
    json_decref(messages);
    json_decref(vars);
}

static void names_are_those_that_have_to_be_given(void **state)
{
    (void)state;
    const struct {
        const char *name, *text, *names;
    } rows[] = { { "a.txt", "{b} {a!r} {b:>3} {{c}} {d.e}", "[\"a\", \"b\", \"d\"]" },
                 { "a.jinja",
                   "{% for x in xs %}{{ x.y }}{{ loop.index }}{% endfor %}{% set t = u %}{{ t }}"
                   "{% macro m(p, q=r) %}{{ p }}{{ q }}{{ s }}{% endmacro %}{{ range(n) }}"
                   "{% if c %}{% set k = 1 %}{% endif %}{{ k }}"
                   "{% with w = v %}{{ w }}{% endwith %}",
                   "[\"c\", \"k\", \"n\", \"r\", \"s\", \"u\", \"v\", \"xs\"]" },
                 { "a.mustache", "{{a.b}}{{#c}}{{d}}{{/c}}{{^e}}{{/e}}{{.}}",
                   "[\"a\", \"c\", \"e\"]" },
                 { "a.yaml", "template: '{a} {b}'\npartial_variables: {b: 1}\n", "[\"a\"]" } };
    for (size_t i = 0; i < FR_COUNT_OF(rows); i++) {
        FR_AUTOPTR(fr_prompt_file) p = NULL;
        assert_int_equal(
            fr_prompt_text_open(fr_str_of(rows[i].text), rows[i].name, NULL, NULL, &p, NULL), 0);
        json_t *names = fr_prompt_file_names(p);
        char *text = json_dumps(names, 0);
        assert_string_equal(text, rows[i].names);
        free(text);
        json_decref(names);
    }
}

int main(void)
{
#define IN_A_FOLDER(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_says_what_langchain_makes_of_it),
        cmocka_unit_test(saved_files_are_langchains_and_stay_so_to_the_byte_when_read_and_saved),
        IN_A_FOLDER(no_path_leads_out_of_the_prompts_folder),
        IN_A_FOLDER(files_that_name_each_other_in_a_circle_are_refused),
        IN_A_FOLDER(broken_files_are_named_with_their_place),
        IN_A_FOLDER(a_variable_without_value_is_named_with_the_nearest_that_has_one),
        IN_A_FOLDER(a_huge_file_and_one_that_is_no_text_are_refused),
        cmocka_unit_test(a_template_says_the_same_as_jinja_and_back),
        cmocka_unit_test(what_another_form_cannot_say_is_an_error),
        cmocka_unit_test(examples_in_a_template_are_blocks_like_the_last),
        cmocka_unit_test(messages_have_the_roles_of_openai),
        cmocka_unit_test(names_are_those_that_have_to_be_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
