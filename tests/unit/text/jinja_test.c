/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/jinja.h"

static int render(const char *source, fr_jinja_options options, fr_buf *out, fr_err *err)
{
    FR_AUTOPTR(fr_jinja) t = NULL;
    options.name = "t";
    FR_TRY(fr_jinja_new(fr_str_of(source), &options, &t, err));
    return fr_jinja_render(t, NULL, out, err);
}

static void the_use_in_the_manual_works(void **state)
{
    (void)state;
    FR_AUTOPTR(fr_jinja) chat = NULL;
    fr_err err = { 0 };
    fr_str source = FR_STR("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
                           "{% if add_generation_prompt %}assistant:{% endif %}");
    assert_int_equal(fr_jinja_new(source, &(fr_jinja_options){ .name = "chat.jinja" }, &chat, &err),
                     0);
    json_t *vars = json_pack("{s:[{s:s,s:s}],s:b}", "messages", "role", "user", "content", "Hello",
                             "add_generation_prompt", 1);
    FR_AUTO(fr_buf) text = { 0 };
    int rc = fr_jinja_render(chat, vars, &text, &err);
    json_decref(vars);
    assert_int_equal(rc, 0);
    assert_string_equal(fr_buf_text(&text), "user: Hello\nassistant:");
    assert_true(fr_jinja_mentions(chat, "messages"));
    assert_false(fr_jinja_mentions(chat, "tools"));
}

static void an_error_tells_name_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *source, *what;
        int code;
    } CASES[] = {
        { "a\n  {{ é.b.c }}", "t:2:7: 'é' is undefined", FR_E_FAILED },
        { "{% if x %}\n", "t:1:11: unexpected end of template", FR_E_FORMAT },
        { "é{{ 1 + }}", "t:1:9: unexpected 'end of print statement'", FR_E_FORMAT },
        { "x\r\ny {{ 'a\n' ]", "t:2:4: ", FR_E_FORMAT },
        { "{{ 'a' ~ \xFF }}", "t:1:10: a byte that is not UTF-8", FR_E_FORMAT },
        { "{{ 99999999999999999999 }}", "t:1:4: an integer of more than 64 bits",
          FR_E_UNSUPPORTED },
        { "{{ 2 ** 70 }}", "t:1:6: an integer of more than 64 bits", FR_E_LIMIT },
        { "{% autoescape true %}{% endautoescape %}", "t:1:4: 'autoescape'", FR_E_UNSUPPORTED },
        { "{% include 'x' %}", "t:1:4: 'include' needs another template", FR_E_FAILED },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        FR_AUTO(fr_buf) out = { 0 };
        fr_err err = { 0 };
        int rc = render(CASES[i].source, (fr_jinja_options){ 0 }, &out, &err);
        if (i == 3) /* the string swallows a line: the bracket is what is wrong */
            assert_non_null(strstr(err.what, "unexpected ']'"));
        else if (strncmp(err.what, CASES[i].what, strlen(CASES[i].what)) != 0)
            fail_msg("%s: %s", CASES[i].source, err.what);
        assert_int_equal(rc, CASES[i].code);
        assert_int_equal(out.n, 0);
    }
}

/* Each of these would take for ever, or all memory, in an interpreter without bounds. */
static void hostile_templates_end_with_a_limit(void **state)
{
    (void)state;
    static const char *const HOSTILE[] = {
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f() %}{{ f() ~ f() }}{% endmacro %}{{ f() }}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 99999999999 }}",
        "{{ [0] * 99999999999 }}",
        "{{ 'x'.center(99999999999) }}",
        "{{ '%99999999d' % 1 }}",
        "{{ '{:99999999}'.format(1) }}",
        "{{ 'x'|indent(99999999999) }}{{ 'a\nb'|indent(99999999999) }}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s "
        "%}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% "
        "endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% endfor "
        "%}{{ ns.l }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% "
        "endfor %}{{ ns.l|tojson }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% "
        "endfor %}{{ ns.l == [ns.l[0], [ns.l]] }}{{ ns.l }}",
        "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% for i in range(99999) %}{{ 'x' * 9999 }}{% endfor %}",
        "{% set x = 'a' * 999999 %}{% for i in range(99999) %}{{ x.replace('a', 'bb')|length }}{% "
        "endfor %}",
        "{% set x = 'a' * 999999 %}{% for i in range(99999) %}{% if 'b' in x %}{% endif %}{% "
        "endfor %}",
        "{{ [1]|batch(99999999999, 0)|list }}",
        "{{ range(99999)|slice(99999999999)|list|length }}",
    };
    for (size_t i = 0; i < FR_COUNT_OF(HOSTILE); i++) {
        FR_AUTO(fr_buf) out = { 0 };
        fr_err err = { 0 };
        fr_jinja_options options = { .steps = 300000,
                                     .memory_bytes = 8 << 20,
                                     .output_bytes = 1 << 20 };
        if (render(HOSTILE[i], options, &out, &err) != FR_E_LIMIT)
            fail_msg("%s: '%s'", HOSTILE[i], err.what);
        assert_non_null(strstr(err.what, "t:1:"));
        assert_true(err.hint[0] != '\0');
    }
}

static void nesting_in_the_source_is_bounded(void **state)
{
    (void)state;
    static const char *const MORE[] = { "(",     "[",  "-",        "not ", "a.b(",
                                        "{'a':", "1+", "x|upper|", "a[",   "1 if " };
    for (size_t i = 0; i < FR_COUNT_OF(MORE); i++) {
        FR_AUTO(fr_buf) source = { 0 }, out = { 0 };
        fr_err err = { 0 };
        fr_buf_put_s(&source, "{{ ");
        for (size_t k = 0; k < 20000; k++)
            fr_buf_put_s(&source, MORE[i]);
        int rc = render(fr_buf_text(&source), (fr_jinja_options){ 0 }, &out, &err);
        assert_true(rc == FR_E_LIMIT || rc == FR_E_FORMAT);
    }
    FR_AUTO(fr_buf) source = { 0 }, out = { 0 };
    fr_err err = { 0 };
    for (size_t k = 0; k < 20000; k++)
        fr_buf_put_s(&source, "{% if x %}");
    assert_int_equal(render(fr_buf_text(&source), (fr_jinja_options){ 0 }, &out, &err), FR_E_LIMIT);
}

/* Text that is put together piece by piece, as agents' conversations are, costs no square. */
static void a_long_conversation_is_put_together_in_place(void **state)
{
    (void)state;
    FR_AUTO(fr_buf) out = { 0 };
    fr_err err = { 0 };
    const char *source = "{% set ns = namespace(s='') %}{% for i in range(20000) %}"
                         "{% set ns.s = ns.s + 'x' * 100 + '\\n' %}{% endfor %}{{ ns.s|length }}";
    fr_jinja_options options = { .memory_bytes = (size_t)64 << 20 };
    if (render(source, options, &out, &err) != 0)
        fail_msg("%s", err.what);
    assert_string_equal(fr_buf_text(&out), "2020000");
}

static void f_strings_are_filled_as_python_fills_them(void **state)
{
    (void)state;
    json_t *vars = json_pack("{s:s,s:i,s:{s:s}}", "name", "Ada", "n", 42, "d", "k", "v");
    FR_AUTO(fr_buf) out = { 0 };
    fr_err err = { 0 };
    fr_str text = FR_STR("{name:>5}|{n:05d}|{d[k]}|{{x}}|{name!r}\n");
    assert_int_equal(fr_jinja_format(text, "p", vars, &out, &err), 0);
    assert_string_equal(fr_buf_text(&out), "  Ada|00042|v|{x}|'Ada'\n");
    assert_true(fr_jinja_format(FR_STR("a\n {nope}"), "p", vars, &out, &err) < 0);
    assert_string_equal(err.what, "p:2:2: there is no value for '{nope}'");
    assert_true(fr_jinja_format(FR_STR("{name"), "p", vars, &out, &err) < 0);
    assert_true(fr_jinja_format(FR_STR("a } b"), "p", vars, &out, &err) < 0);
    json_decref(vars);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_use_in_the_manual_works),
        cmocka_unit_test(an_error_tells_name_line_and_column),
        cmocka_unit_test(hostile_templates_end_with_a_limit),
        cmocka_unit_test(nesting_in_the_source_is_bounded),
        cmocka_unit_test(a_long_conversation_is_put_together_in_place),
        cmocka_unit_test(f_strings_are_filled_as_python_fills_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
