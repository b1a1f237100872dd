#include "cli/chat_session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli_priv.h"

enum { FILE_BYTES = 64 << 20, STOPS_MAX = 32 };

void fr_spoken_fini(fr_spoken *a)
{
    free(a->text);
    *a = (fr_spoken){ 0 };
}

/* ---- who speaks ------------------------------------------------------------------------------ */

static void speaker_fini(fr_speaker *s)
{
    fr_chat_form_free(s->form);
    if (s->owns_engine)
        fr_engine_free(s->engine);
    fr_chat_past_fini(&s->past);
    free(s->path);
    *s = (fr_speaker){ 0 };
}

static int speaker_begin(fr_speaker *s, const char *path, fr_engine *engine, bool owns, fr_err *err)
{
    s->path = fr_dup(path);
    const char *slash = strrchr(s->path, '/');
    s->name = slash != NULL ? slash + 1 : s->path;
    s->engine = engine;
    s->owns_engine = owns;
    return fr_chat_form_new(fr_engine_model(engine), &s->form, err);
}

int fr_chat_open(fr_chat *c, fr_cli *cli, const fr_sampling *sampling, fr_err *err)
{
    const char *path = NULL;
    c->cli = cli;
    c->messages = json_array();
    c->told = json_array();
    c->sampling = *sampling;
    c->window = fr_arg_flag(cli, "window");
    c->energy = fr_energy_zero();
    FR_TRY(fr_arg_need_text(cli, "model", &path, err));
    FR_TRY(fr_model_work_begin(cli, "chat", 1, fr_arg_text(cli, "adapter", NULL), &c->work, err));
    return speaker_begin(&c->first, path, c->work.engine, false, err);
}

void fr_chat_fini(fr_chat *c)
{
    speaker_fini(&c->second);
    speaker_fini(&c->first);
    fr_model_work_fini(&c->work);
    json_decref(c->messages);
    json_decref(c->told);
    *c = (fr_chat){ 0 };
}

int fr_chat_compare(fr_chat *c, const char *path, fr_err *err)
{
    fr_phase *load = NULL;
    fr_engine *engine = NULL;
    speaker_fini(&c->second);
    if (path == NULL)
        return 0;
    fr_engine_options options = { .threads = (int)fr_arg_i64(c->cli, "threads", 0),
                                  .max_batch = 1,
                                  .memory_bytes = fr_arg_f64(c->cli, "memory", 0) * 1e9,
                                  .kv = fr_arg_text(c->cli, "kv", NULL),
                                  .work = fr_run_work(c->work.run) };
    FR_TRY(fr_phase_begin(c->work.run, "load", path, &load, err));
    int rc = fr_engine_open(path, &options, &engine, err);
    int end_rc = fr_phase_end(load, rc == 0 ? "done" : "failed", NULL, rc == 0 ? err : NULL);
    if (rc == 0)
        rc = speaker_begin(&c->second, path, engine, true, err);
    if (rc != 0)
        speaker_fini(&c->second);
    return rc != 0 ? rc : end_rc;
}

/* ---- what was said --------------------------------------------------------------------------- */

static json_t *message(const char *role, fr_str content)
{
    json_t *text = json_stringn(content.at, content.n);
    return text != NULL ? json_pack("{s:s, s:o}", "role", role, "content", text) : NULL;
}

static bool role_is(const json_t *list, size_t i, const char *role)
{
    const char *is = json_string_value(json_object_get(json_array_get(list, i), "role"));
    return is != NULL && strcmp(is, role) == 0;
}

size_t fr_chat_n_messages(const fr_chat *c)
{
    return json_array_size(c->messages);
}

void fr_chat_set_system(fr_chat *c, const char *text)
{
    json_t *lists[] = { c->messages, c->told };
    for (size_t i = 0; i < FR_COUNT_OF(lists); i++) {
        if (role_is(lists[i], 0, "system"))
            json_array_remove(lists[i], 0);
        json_t *m = text[0] != '\0' ? message("system", fr_str_of(text)) : NULL;
        if (m != NULL)
            json_array_insert_new(lists[i], 0, m);
    }
}

void fr_chat_reset(fr_chat *c)
{
    size_t keep = role_is(c->messages, 0, "system");
    while (json_array_size(c->messages) > keep)
        json_array_remove(c->messages, keep);
}

bool fr_chat_put_user(fr_chat *c, fr_str text)
{
    json_t *m = message("user", text);
    if (m == NULL)
        return false;
    json_array_append(c->messages, m);
    json_array_append_new(c->told, m);
    return true;
}

bool fr_chat_take_back(fr_chat *c)
{
    size_t n = json_array_size(c->messages);
    if (n == 0 || !role_is(c->messages, n - 1, "assistant"))
        return false;
    json_array_remove(c->messages, n - 1);
    return true;
}

/* The oldest question and its answer; false: there is none but the one just asked. */
static bool drop_oldest(fr_chat *c)
{
    size_t from = role_is(c->messages, 0, "system"), n = json_array_size(c->messages),
           to = from + 1;
    while (to < n && !role_is(c->messages, to, "user"))
        to++;
    if (to >= n)
        return false;
    for (size_t i = from; i < to; i++)
        json_array_remove(c->messages, from);
    return true;
}

/* ---- an answer ------------------------------------------------------------------------------- */

static void show(void *user, fr_str piece)
{
    (void)user;
    fwrite(piece.at, 1, piece.n, stdout);
    fflush(stdout);
}

/* Ids of the conversation, with room for an answer. */
static int fit(fr_chat *c, fr_speaker *who, size_t *dropped, fr_err *err)
{
    size_t context = fr_engine_context(who->engine), most = c->sampling.max_tokens;
    size_t room = c->window ? FR_MIN(most > 0 ? most : 256, context / 4) : 1;
    for (;;) {
        FR_TRY(fr_chat_form_ids(who->form, c->messages, &who->past, err));
        if (who->past.ids.n + FR_MAX(room, 1) <= context)
            return 0;
        if (!c->window || !drop_oldest(c)) {
            size_t n = who->past.ids.n;
            fr_ids_clear(&who->past.ids);
            if (json_array_size(c->messages) > 0 &&
                role_is(c->messages, json_array_size(c->messages) - 1, "user")) {
                json_array_remove(c->messages, json_array_size(c->messages) - 1);
                json_array_remove(c->told, json_array_size(c->told) - 1);
            }
            return fr_fail(
                err, FR_E_LIMIT,
                c->window ? "Ask for less at once, or take a model with a longer context."
                          : "Begin anew with /reset, or start with --window to drop the oldest "
                            "turns.",
                "the context is full: the conversation has %zu tokens, %s takes %zu, "
                "and an answer needs room too",
                n, who->name, context);
        }
        ++*dropped;
        fr_ids_clear(&who->past.ids);
    }
}

static int generate(fr_chat *c, fr_speaker *who, uint64_t *id, fr_used *used, fr_err *err)
{
    const char *stops[STOPS_MAX];
    size_t n_form = 0, n = 0;
    const char *const *form = fr_chat_form_stops(who->form, &n_form);
    fr_request r = { .ids = who->past.ids.at,
                     .n_ids = who->past.ids.n,
                     .sampling = c->sampling,
                     .adapter = who == &c->first ? c->work.adapter : NULL,
                     .on_text = fr_cli_json(c->cli) ? NULL : show };
    for (size_t i = 0; i < n_form; i++)
        stops[n++] = form[i];
    for (size_t i = 0; i < c->sampling.n_stop && n < STOPS_MAX; i++)
        stops[n++] = c->sampling.stop[i];
    r.sampling.stop = stops;
    r.sampling.n_stop = n;
    fr_phase *phase = NULL;
    FR_TRY(fr_phase_begin(c->work.run, "answer", who->name, &phase, err));
    int rc = fr_engine_submit(who->engine, &r, id, err);
    while (rc == 0 && fr_engine_busy(who->engine)) {
        rc = fr_engine_step(who->engine, err);
        if (fr_cli_stopped(c->cli))
            fr_engine_cancel(who->engine, *id);
    }
    int end_rc = fr_phase_end(phase, rc == 0 ? "done" : "failed", used, rc == 0 ? err : NULL);
    return rc != 0 ? rc : end_rc;
}

static json_t *figures(const fr_chat *c, const fr_speaker *who, const fr_spoken *a)
{
    json_t *o =
        json_pack("{s:s, s:s, s:s}", "role", "assistant", "content", a->text, "model", who->path);
    json_object_set_new(o, "prompt_tokens", json_integer((json_int_t)a->prompt_tokens));
    json_object_set_new(o, "cached_tokens", json_integer((json_int_t)a->cached_tokens));
    json_object_set_new(o, "completion_tokens", json_integer((json_int_t)a->completion_tokens));
    json_object_set_new(o, "dropped_turns", json_integer((json_int_t)a->dropped_turns));
    json_object_set_new(o, "finish_reason", json_string(fr_finish_name(a->finish)));
    json_object_set_new(o, "seed", json_integer((json_int_t)c->sampling.seed));
    json_object_set_new(o, "prefill_s", fr_json_f64(a->prefill_s));
    json_object_set_new(o, "decode_s", fr_json_f64(a->decode_s));
    json_object_set_new(o, "cpu_s", fr_json_f64(a->used.cpu_s));
    fr_json_put_energy(o, "energy_j", a->used.total);
    json_object_set_new(o, "method", json_string(fr_method_name(a->used.total.method)));
    json_object_set_new(o, "carbon_g", fr_json_f64(a->used.carbon.total_g));
    return o;
}

int fr_chat_answer(fr_chat *c, fr_speaker *who, fr_spoken *out, fr_err *err)
{
    uint64_t id = 0;
    FR_TRY(fit(c, who, &out->dropped_turns, err));
    int rc = generate(c, who, &id, &out->used, err);
    const fr_completion *done = rc == 0 ? fr_engine_result(who->engine, id) : NULL;
    if (done == NULL) {
        fr_ids_clear(&who->past.ids);
        return rc != 0 ? rc : fr_fail(err, FR_E_FAILED, NULL, "no answer came");
    }
    out->text = fr_dup(done->text);
    out->prompt_tokens = done->prompt_tokens;
    out->cached_tokens = done->cached_tokens;
    out->completion_tokens = done->completion_tokens;
    out->finish = done->finish;
    out->prefill_s = done->prefill_s;
    out->decode_s = done->decode_s;
    if (who == &c->first) {
        fr_chat_past_add(who->form, &who->past, done->text, done->ids, done->completion_tokens);
        json_array_append_new(c->messages, message("assistant", fr_str_of(out->text)));
        c->energy = fr_energy_add(c->energy, out->used.total);
        c->carbon_g += out->used.carbon.total_g;
        c->cpu_s += out->used.cpu_s;
        c->n_answers++;
    }
    json_array_append_new(c->told, figures(c, who, out));
    fr_engine_release(who->engine, id);
    return 0;
}

/* ---- told ------------------------------------------------------------------------------------ */

static double rate_of(const fr_spoken *a)
{
    return a->decode_s > 0 && a->completion_tokens > 1
               ? (double)(a->completion_tokens - 1) / a->decode_s
               : NAN;
}

void fr_spoken_text(const fr_spoken *a, fr_buf *out)
{
    char energy[48], carbon[32];
    fr_text_energy(a->used.total, energy);
    fr_text_g(a->used.carbon.total_g, carbon);
    fr_buf_put_f(out, "%zu tokens", a->completion_tokens);
    if (isfinite(rate_of(a)))
        fr_buf_put_f(out, ", %.1f tokens/s", rate_of(a));
    fr_buf_put_f(out, "; %zu of %zu before it from the cache; %s (%s, %.2f CPU-s), %s",
                 a->cached_tokens, a->prompt_tokens, energy, fr_method_name(a->used.total.method),
                 a->used.cpu_s, carbon);
    if (a->finish == FR_FINISH_LENGTH)
        fr_buf_put_s(out, "; cut by -n or the context");
    if (a->finish == FR_FINISH_CANCELLED)
        fr_buf_put_s(out, "; stopped, the text is kept");
}

/* Columns are counted in characters. */
static void two(const char *label, const char *a, const char *b)
{
    int more = 0;
    for (const char *at = a; *at != '\0'; at++)
        more += (*at & 0xC0) == 0x80;
    printf("  %-12s  %-*s  %s\n", label, 28 + more, a, b);
}

void fr_chat_side_by_side(const fr_chat *c, const fr_spoken *first, const fr_spoken *second)
{
    const fr_spoken *answers[2] = { first, second };
    char tokens[2][48], rate[2][48], cpu[2][48], joules[2][64], grams[2][48], each[2][48];
    for (size_t i = 0; i < 2; i++) {
        const fr_spoken *a = answers[i];
        char energy[48], per[32];
        snprintf(tokens[i], 48, "%zu (%zu + %zu cached)", a->completion_tokens,
                 a->prompt_tokens - a->cached_tokens, a->cached_tokens);
        snprintf(rate[i], 48, isfinite(rate_of(a)) ? "%.1f" : "-", rate_of(a));
        snprintf(cpu[i], 48, "%.2f", a->used.cpu_s);
        fr_text_energy(a->used.total, energy);
        snprintf(joules[i], 64, "%s (%s)", energy, fr_method_name(a->used.total.method));
        fr_text_j(a->used.total.value_j / (double)FR_MAX(a->completion_tokens, (size_t)1), per);
        snprintf(each[i], 48, "%s", per);
        fr_text_g(a->used.carbon.total_g, grams[i]);
    }
    two("", c->first.name, c->second.name);
    two("tokens", tokens[0], tokens[1]);
    two("tokens/s", rate[0], rate[1]);
    two("CPU-seconds", cpu[0], cpu[1]);
    two("energy", joules[0], joules[1]);
    two("a token", each[0], each[1]);
    two("CO2e", grams[0], grams[1]);
    if (first->used.total.method != FR_METHOD_MEASURED ||
        second->used.total.method != FR_METHOD_MEASURED)
        printf("  energy is modelled: compare the CPU-seconds\n");
}

/* ---- files ----------------------------------------------------------------------------------- */

int fr_chat_save(const fr_chat *c, const char *path, fr_err *err)
{
    json_t *o =
        json_pack("{s:i, s:s, s:O}", "schema", 1, "model", c->first.path, "messages", c->messages);
    char *text = json_dumps(o, JSON_INDENT(2));
    json_decref(o);
    int rc = text == NULL ? fr_fail(err, FR_E_FAILED, NULL, "the conversation is no JSON")
                          : fr_file_write(path, fr_str_of(text), err);
    free(text);
    return rc;
}

static bool is_message(const json_t *m)
{
    static const char *const ROLES[] = { "system", "user", "assistant" };
    const char *role = json_string_value(json_object_get(m, "role"));
    for (size_t i = 0; role != NULL && i < FR_COUNT_OF(ROLES); i++) {
        if (strcmp(role, ROLES[i]) == 0)
            return json_is_string(json_object_get(m, "content"));
    }
    return false;
}

int fr_chat_load(fr_chat *c, const char *path, fr_err *err)
{
    FR_AUTO(fr_buf) text = { 0 };
    json_error_t where;
    FR_TRY(fr_file_read(path, FILE_BYTES, &text, err));
    json_t *root = json_loadb(fr_buf_text(&text), text.n, 0, &where);
    if (root == NULL)
        return fr_fail(err, FR_E_FORMAT, NULL, "'%s': line %d, column %d: %s", path, where.line,
                       where.column, where.text);
    const json_t *list = json_is_array(root) ? root : json_object_get(root, "messages"), *m;
    json_t *read = json_array();
    size_t i;
    int rc = json_is_array(list)
                 ? 0
                 : fr_fail(err, FR_E_FORMAT, "Give a list of {\"role\", \"content\"}.",
                           "'%s' has no messages", path);
    json_array_foreach(list, i, m)
    {
        if (rc == 0 && !is_message(m))
            rc = fr_fail(err, FR_E_FORMAT, NULL,
                         "'%s': message %zu has no role (system, user, assistant) with a text",
                         path, i + 1);
        if (rc == 0)
            json_array_append_new(read, json_pack("{s:O, s:O}", "role", json_object_get(m, "role"),
                                                  "content", json_object_get(m, "content")));
    }
    json_decref(root);
    if (rc != 0) {
        json_decref(read);
        return rc;
    }
    json_decref(c->messages);
    c->messages = read;
    json_array_extend(c->told, read);
    return 0;
}

int fr_chat_end(fr_chat *c, json_t **transcript, fr_err *err)
{
    fr_run_note(c->work.run, "work", "answers", (double)c->n_answers, NULL, NULL);
    json_t *o = json_object(), *of_answers = json_object();
    json_object_set_new(o, "run", json_string(fr_run_id(c->work.run)));
    json_object_set_new(o, "model", json_string(c->first.path));
    json_object_set(o, "messages", c->told);
    json_object_set_new(of_answers, "n", json_integer((json_int_t)c->n_answers));
    fr_json_put_energy(of_answers, "energy_j", c->energy);
    json_object_set_new(of_answers, "cpu_s", fr_json_f64(c->cpu_s));
    json_object_set_new(of_answers, "carbon_g", fr_json_f64(c->carbon_g));
    json_object_set_new(o, "answers", of_answers);
    int rc = fr_model_work_end(&c->work, "done", err);
    if (rc == 0)
        fr_model_work_json(&c->work, o);
    if (rc == 0)
        *transcript = o;
    else
        json_decref(o);
    return rc;
}
