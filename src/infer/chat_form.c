#include "infer/chat_form.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/jinja.h"

struct fr_chat_form {
    const fr_model *model;
    fr_jinja *template; /* owned; NULL: plain */
};

int fr_chat_form_new(const fr_model *model, fr_chat_form **out, fr_err *err)
{
    fr_str source;
    FR_AUTOPTR(fr_chat_form) f = FR_NEW(fr_chat_form);
    f->model = model;
    if (fr_gguf_get_str(fr_model_file(model), "tokenizer.chat_template", &source))
        FR_TRY(fr_jinja_new(source, &(fr_jinja_options){ .name = "chat template" }, &f->template,
                            err));
    *out = f;
    f = NULL;
    return 0;
}

void fr_chat_form_free(fr_chat_form *f)
{
    if (f == NULL)
        return;
    fr_jinja_free(f->template);
    free(f);
}

bool fr_chat_form_is_template(const fr_chat_form *f)
{
    return f->template != NULL;
}

const char *const *fr_chat_form_stops(const fr_chat_form *f, size_t *n)
{
    static const char *const PLAIN[] = { "\nUser:", "\nAssistant:" };
    *n = f->template != NULL ? 0 : FR_COUNT_OF(PLAIN);
    return f->template != NULL ? NULL : PLAIN;
}

static void put_plain(const json_t *messages, fr_buf *out)
{
    const json_t *m;
    size_t i;
    json_array_foreach(messages, i, m)
    {
        const char *role = json_string_value(json_object_get(m, "role")),
                   *content = json_string_value(json_object_get(m, "content"));
        bool system = role != NULL && strcmp(role, "system") == 0,
             answer = role != NULL && strcmp(role, "assistant") == 0;
        content = content != NULL ? content : "";
        /* what was generated behind the colon has its space already */
        const char *name = system              ? ""
                           : !answer           ? "User: "
                           : content[0] == ' ' ? "Assistant:"
                                               : "Assistant: ";
        fr_buf_put_f(out, "%s%s%s", name, content, system ? "\n\n" : "\n");
    }
    fr_buf_put_s(out, "Assistant:");
}

static void put_token(json_t *vars, const char *name, const fr_tokenizer *t, int32_t id)
{
    fr_str piece = id >= 0 ? fr_tokenizer_piece(t, id) : FR_STR("");
    json_t *text = json_stringn(piece.at, piece.n);
    json_object_set_new(vars, name, text != NULL ? text : json_string(""));
}

int fr_chat_form_text(const fr_chat_form *f, const json_t *messages, fr_buf *out, fr_err *err)
{
    if (f->template == NULL) {
        put_plain(messages, out);
        return 0;
    }
    const fr_tokenizer *t = fr_model_tokenizer(f->model);
    json_t *vars = json_object();
    json_object_set(vars, "messages", (json_t *)(uintptr_t)messages);
    json_object_set_new(vars, "tools", json_null());
    json_object_set_new(vars, "documents", json_null());
    json_object_set_new(vars, "add_generation_prompt", json_true());
    put_token(vars, "bos_token", t, fr_tokenizer_bos(t));
    put_token(vars, "eos_token", t, fr_tokenizer_eos(t));
    int rc = fr_jinja_render(f->template, vars, out, err);
    json_decref(vars);
    return rc;
}

void fr_chat_past_fini(fr_chat_past *p)
{
    fr_buf_fini(&p->text);
    fr_ids_fini(&p->ids);
}

void fr_chat_past_add(const fr_chat_form *f, fr_chat_past *past, const char *text,
                      const int32_t *ids, size_t n)
{
    const fr_tokenizer *t = fr_model_tokenizer(f->model);
    FR_AUTO(fr_buf) said = { 0 };
    fr_tokenizer_decode(t, ids, n, true, &said);
    if (!fr_str_is(fr_buf_str(&said), text))
        return; /* a stop string, half a character, a control token: found anew from the text */
    fr_buf_put_s(&past->text, text);
    for (size_t i = 0; i < n; i++)
        fr_ids_put(&past->ids, ids[i]);
}

int fr_chat_form_ids(const fr_chat_form *f, const json_t *messages, fr_chat_past *past, fr_err *err)
{
    const fr_tokenizer *t = fr_model_tokenizer(f->model);
    fr_buf text = { 0 };
    fr_str rest, before = fr_buf_str(&past->text);
    int rc = fr_chat_form_text(f, messages, &text, err);
    rest = fr_buf_str(&text);
    bool goes_on = past->ids.n > 0 && fr_str_starts(rest, before);
    int flags = FR_ENCODE_SPECIAL;
    if (goes_on) {
        rest = (fr_str){ rest.at + before.n, rest.n - before.n };
        flags |= FR_ENCODE_CONTINUES;
    } else {
        fr_ids_clear(&past->ids);
        flags |= f->template == NULL ? FR_ENCODE_BOS : 0;
    }
    if (rc == 0 && rest.n > 0)
        rc = fr_tokenizer_encode(t, rest, flags, &past->ids, err);
    /* a prompt goes on: an EOS that the vocabulary puts behind whole texts is not wanted */
    if (rc == 0 && (flags & FR_ENCODE_BOS) != 0 && past->ids.n > 1 && fr_tokenizer_adds_eos(t))
        past->ids.n--;
    if (rc != 0)
        fr_ids_clear(&past->ids); /* begin anew next time */
    fr_buf_fini(&past->text);
    past->text = text;
    return rc;
}
