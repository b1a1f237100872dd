/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/jinja.h"

/* Each line is a case that tests/fixtures/text/jinja/make_golden.py rendered with Jinja2 as
 * transformers sets it up: {"t": template, "v": variables, "out": text} or, where it raised,
 * "raises": the kind of error, with "says": the text when that is the template's own. "plain":
 * without trim_blocks and lstrip_blocks; "strict": StrictUndefined. Templates may stand once and be
 * named by "of"; variables that many rows share stand once in a row "vars". */

#define NOW_S 1753964400 /* 2025-07-31 12:20:00 UTC, what strftime_now() tells */

typedef struct {
    const char *path;
    size_t line, cases, raised, differ;
    json_t *templates;
    json_t *vars; /* of rows without their own */
} tally;

static void differs(tally *t, const char *why, const char *got, const char *want)
{
    size_t at = 0;
    while (got[at] != '\0' && got[at] == want[at])
        at++;
    at = at > 30 ? at - 30 : 0;
    if (t->differ++ < 20)
        print_error("%s:%zu: %s\n  got:  …%.200s\n  want: …%.200s\n", t->path, t->line, why,
                    got + at, want + at);
}

static void check(tally *t, const json_t *row)
{
    const json_t *template = json_object_get(row, "t");
    if (template == NULL)
        template = json_object_get(t->templates, json_string_value(json_object_get(row, "of")));
    const char *out = json_string_value(json_object_get(row, "out"));
    const char *raises = json_string_value(json_object_get(row, "raises"));
    const char *says = json_string_value(json_object_get(row, "says"));
    fr_jinja_options options = { .name = "t",
                                 .now_s = NOW_S,
                                 .keep_newlines = json_is_true(json_object_get(row, "plain")),
                                 .strict = json_is_true(json_object_get(row, "strict")) };
    FR_AUTOPTR(fr_jinja) jinja = NULL;
    FR_AUTO(fr_buf) text = { 0 };
    fr_err err = { 0 };
    int rc = fr_jinja_new((fr_str){ json_string_value(template), json_string_length(template) },
                          &options, &jinja, &err);
    if (rc == 0)
        rc = fr_jinja_render(
            jinja, json_object_get(row, "v") != NULL ? json_object_get(row, "v") : t->vars, &text,
            &err);
    t->cases++;
    t->raised += raises != NULL;
    if (out != NULL && rc != 0)
        differs(t, "fails", err.what, out);
    else if (out != NULL && strcmp(fr_buf_text(&text), out) != 0)
        differs(t, "other text", fr_buf_text(&text), out);
    else if (out == NULL && rc == 0)
        differs(t, "does not raise", fr_buf_text(&text), raises);
    else if (says != NULL && strncmp(strchr(err.what, ' ') + 1, says, 250) != 0)
        differs(t, "says something else", strchr(err.what, ' ') + 1, says);
}

static void check_file(const char *path, size_t least)
{
    tally t = { .path = path, .templates = json_object(), .vars = json_object() };
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    assert_non_null(f);
    while (getline(&line, &cap, f) > 0) {
        json_error_t error;
        json_t *row = json_loads(line, JSON_ALLOW_NUL, &error);
        t.line++;
        if (row == NULL)
            fail_msg("%s:%zu: %s", path, t.line, error.text);
        if (json_object_get(row, "template") != NULL)
            json_object_set(t.templates, json_string_value(json_object_get(row, "name")),
                            json_object_get(row, "template"));
        else if (json_object_get(row, "vars") != NULL)
            json_object_update(t.vars, json_object_get(row, "vars"));
        else
            check(&t, row);
        json_decref(row);
    }
    free(line);
    fclose(f);
    json_decref(t.templates);
    json_decref(t.vars);
    print_message("%s: %zu cases, %zu of them raise, %zu differ\n", path, t.cases, t.raised,
                  t.differ);
    assert_int_equal(t.differ, 0);
    assert_true(t.cases >= least);
}

static void our_templates_render_as_jinja2_renders_them(void **state)
{
    (void)state;
    check_file(FR_SOURCE_DIR "/tests/fixtures/text/jinja/own.jsonl", 240);
}

static void random_templates_render_as_jinja2_renders_them(void **state)
{
    (void)state;
    check_file(FR_SOURCE_DIR "/tests/fixtures/text/jinja/random.jsonl", 1000);
}

static const char *theirs;

static void the_given_file_renders_as_jinja2_rendered_it(void **state)
{
    (void)state;
    check_file(theirs, 1);
}

/* With an argument: that file of cases, as tests/independent/chat_templates.py writes them. */
int main(int argc, char **argv)
{
    setenv("TZ", "UTC", 1);
    if (argc > 1) {
        const struct CMUnitTest one[] = {
            cmocka_unit_test(the_given_file_renders_as_jinja2_rendered_it),
        };
        theirs = argv[1];
        return cmocka_run_group_tests(one, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_templates_render_as_jinja2_renders_them),
        cmocka_unit_test(random_templates_render_as_jinja2_renders_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
