/* The rung rag with an encoder: words, meaning and both are tried on dev, and the artefact keeps to
 * what was chosen. The generator is scripted, behind a real socket; it knows what it was shown. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapt/adapt.h"
#include "base/mem.h"
#include "support/tiny_server.h"
#include "work_folder.h"

#define FIXTURES FR_SOURCE_DIR "/tests/fixtures/models/"

enum { HILLS = 12, TRAIN_EACH = 2 };
static const char *const WORDS[HILLS + 1] = { "",     "one",    "two",   "three", "four",
                                              "five", "six",    "seven", "eight", "nine",
                                              "ten",  "eleven", "twelve" };

/* Documents have figures and questions have words: only who knows that 7 is seven finds them. */
static const char MEANING[] =
    "BEGIN { n = split(\"one two three four five six seven eight nine ten eleven twelve\", w);\n"
    "        for (i = 1; i <= n; i++) { of[w[i]] = i; of[i] = i } }\n"
    "{ gsub(/[^a-z0-9]+/, \" \"); h = 0; m = split($0, f)\n"
    "  for (i = 1; i < m; i++) if (f[i] == \"hill\") h = of[f[i + 1]]\n"
    "  printf \"{\\\"embedding\\\": [%f, %f], \\\"tokens\\\": 1}\\n\", cos(h / 2), sin(h / 2) }\n";

typedef struct {
    tiny_server server;
    char *dir;
    bool shuns_first; /* right whenever the first hill's passage is not there */
    int n_prompts;
} rig;

static const char *say(rig *r, const char *prompt, char *out, size_t room)
{
    const char *at = strstr(prompt, "how high is hill ");
    for (const char *next = at; next != NULL; next = strstr(next + 1, "how high is hill "))
        at = next;
    int hill = 0;
    for (int i = 1; at != NULL && i <= HILLS; i++) {
        size_t n = strlen(WORDS[i]);
        if (strncmp(at + 17, WORDS[i], n) == 0 && at[17 + n] == ' ')
            hill = i;
    }
    char fact[64];
    snprintf(fact, sizeof(fact), "hill %d is %d metres", hill, hill * 100);
    bool right =
        r->shuns_first ? strstr(prompt, "hill 1 is") == NULL : strstr(prompt, fact) != NULL;
    snprintf(out, room, " %d\n", right ? hill * 100 : 7);
    return out;
}

static void answer(void *user, const tiny_request *q, fr_buf *out)
{
    rig *r = user;
    char said[32];
    json_t *body = json_loadb(fr_buf_text(&q->body), q->body.n, 0, NULL), *choices = json_array();
    json_t *prompt = json_object_get(body, "prompt"), *one;
    json_t *list = json_is_array(prompt) ? json_incref(prompt) : json_pack("[O]", prompt);
    size_t i;
    json_array_foreach(list, i, one)
    {
        r->n_prompts++;
        json_array_append_new(choices,
                              json_pack("{s:I, s:s}", "index", (json_int_t)i, "text",
                                        say(r, json_string_value(one), said, sizeof(said))));
    }
    json_t *reply = json_pack("{s:o}", "choices", choices);
    char *text = json_dumps(reply, 0);
    tiny_answer(out, 200, "Content-Type: application/json\r\n", text);
    free(text);
    json_decref(reply);
    json_decref(list);
    json_decref(body);
}

static int set_up(void **state)
{
    rig *r = FR_NEW(rig);
    *state = r;
    r->dir = work_folder_new();
    unsetenv("FRUGAL_OFFLINE");
    if (tiny_server_start(&r->server, answer, r) != 0)
        return -1;
    FR_AUTO(fr_buf) train = { 0 };
    FR_AUTO(fr_buf) eval = { 0 };
    FR_AUTO(fr_buf) docs = { 0 };
    for (int i = 1; i <= HILLS; i++) {
        for (int k = 0; k <= TRAIN_EACH; k++)
            fr_buf_put_f(k < TRAIN_EACH ? &train : &eval,
                         "{\"input\": \"how high is hill %s %c\", \"output\": \"%d\"}\n", WORDS[i],
                         "!.?"[k], i * 100);
        fr_buf_put_f(&docs, "{\"id\": \"h%02d\", \"text\": \"hill %d is %d metres high\"}\n", i, i,
                     i * 100);
    }
    put_file(r->dir, "train.jsonl", fr_buf_text(&train));
    put_file(r->dir, "eval.jsonl", fr_buf_text(&eval));
    put_file(r->dir, "docs.jsonl", fr_buf_text(&docs));
    put_file(r->dir, "meaning.awk", MEANING);
    return 0;
}

static int tear_down(void **state)
{
    rig *r = *state;
    tiny_server_stop(&r->server);
    work_folder_free(r->dir);
    free(r);
    return 0;
}

/* embed: as the task file has it, in JSON; NULL: none. */
static int climb(rig *r, const json_t *embed, json_t **verdict, fr_err *err)
{
    char *url = fr_dup_f("%s/v1", r->server.url);
    json_t *t =
        json_pack("{s:s, s:s, s:s, s:f, s:s, s:{s:s, s:s}, s:{s:s, s:s, s:s}, s:[s]}", "task",
                  "hills", "kind", "answer", "metric", "exact-match", "target", 0.9, "stop",
                  "never", "model", "endpoint", url, "name", "it", "data", "train", "train.jsonl",
                  "eval", "eval.jsonl", "documents", "docs.jsonl", "strategies", "rag");
    if (embed != NULL)
        json_object_set(json_object_get(t, "data"), "embed", (json_t *)embed);
    char *text = json_dumps(t, 0);
    put_file(r->dir, "task.yaml", text);
    char *path = fr_path_join(r->dir, "task.yaml"), *out = fr_path_join(r->dir, "out");
    FR_AUTOPTR(fr_task) task = NULL;
    int rc = fr_task_load(path, &task, err);
    if (rc == 0)
        rc =
            fr_adapt(task,
                     &(fr_adapt_options){
                         .out_dir = out, .ledger = "", .threads = 1, .measure_s = 0.01, .seed = 1 },
                     verdict, err);
    free(path);
    free(out);
    free(text);
    free(url);
    json_decref(t);
    return rc;
}

/* The only rung; embed is taken. */
static json_t *climbed(rig *r, json_t *embed, json_t **verdict)
{
    fr_err err = { 0 };
    *verdict = NULL;
    if (climb(r, embed, verdict, &err) != 0)
        fail_msg("%s", err.what);
    json_decref(embed);
    return json_array_get(json_object_get(*verdict, "rungs"), 0);
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "";
}

static long long count_of(const json_t *o, const char *key)
{
    return (long long)json_integer_value(json_object_get(o, key));
}

static size_t n_tried(const json_t *chosen, const char *mode)
{
    size_t i, n = 0;
    const json_t *one;
    json_array_foreach(json_object_get(chosen, "tried"), i, one) n +=
        strcmp(text_of(one, "retrieval"), mode) == 0;
    return n;
}

static int ask(rig *r, const char *question, char **got, fr_err *err)
{
    char *dir = fr_path_join(r->dir, "out/rungs/rag");
    fr_str input = fr_str_of(question);
    *got = NULL;
    int rc = fr_adapt_answer(dir, 1, &input, 1, got, NULL, err);
    free(dir);
    return rc;
}

static void assert_says(rig *r, const char *question, const char *answer_wanted)
{
    char *got = NULL;
    fr_err err = { 0 };
    if (ask(r, question, &got, &err) != 0)
        fail_msg("%s", err.what);
    assert_string_equal(got, answer_wanted);
    free(got);
}

static void what_only_meaning_finds_is_searched_by_meaning(void **state)
{
    rig *r = *state;
    json_t *v,
        *rag = climbed(
            r, json_pack("{s:s, s:s}", "endpoint", "command:awk -f meaning.awk", "name", "numbers"),
            &v);
    const json_t *chosen = json_object_get(rag, "chosen_on_dev");
    if (strcmp(text_of(rag, "status"), "done") != 0)
        fail_msg("%s", text_of(rag, "reason"));
    assert_int_equal(n_tried(chosen, "lexical"), 4);
    assert_int_equal(n_tried(chosen, "dense"), 4);
    assert_int_equal(n_tried(chosen, "hybrid"), 4);
    assert_string_equal(text_of(chosen, "retrieval"), "dense");
    assert_int_equal(count_of(chosen, "passages"), 1);
    const json_t *embedding = json_object_get(chosen, "embedding");
    assert_int_equal(count_of(embedding, "chunks"), HILLS);
    assert_int_equal(count_of(embedding, "embedded"), HILLS);
    assert_true(json_object_get(embedding, "energy_j") != NULL);
    assert_true(json_is_number(json_object_get(embedding, "cpu_s")));
    assert_says(r, "how high is hill seven , I wonder", "700");
    json_decref(v);
}

/* What stood there before an encoder could be named is what is there without one. */
static void without_an_encoder_nothing_is_said_of_it(void **state)
{
    rig *r = *state;
    json_t *v, *rag = climbed(r, NULL, &v);
    const json_t *chosen = json_object_get(rag, "chosen_on_dev");
    assert_int_equal(n_tried(chosen, ""), 4);
    assert_null(json_object_get(chosen, "retrieval"));
    assert_null(json_object_get(chosen, "embedding"));
    char *vectors = file_text(r->dir, "out/rungs/rag/index.db.vectors");
    char *artifact = file_text(r->dir, "out/rungs/rag/artifact.json");
    assert_null(vectors);
    assert_null(strstr(artifact, "retrieval"));
    free(artifact);
    json_decref(v);
}

static void copy_file(rig *r, const char *from, const char *to)
{
    char *path = fr_path_join(r->dir, to);
    FR_AUTO(fr_buf) bytes = { 0 };
    assert_int_equal(fr_file_read(from, (size_t)1 << 24, &bytes, NULL), 0);
    assert_int_equal(fr_file_write(path, fr_buf_str(&bytes), NULL), 0);
    free(path);
}

/* Our own engine embeds, with a decoder too; another file in the encoder's place is told from it by
 * its hash. */
static void the_artefact_is_held_to_its_encoder(void **state)
{
    rig *r = *state;
    r->shuns_first = true; /* which words alone find first, all passages being alike to them */
    copy_file(r, FIXTURES "golden/gpt2.gguf", "encoder.gguf");
    json_t *v, *rag = climbed(r, json_string("encoder.gguf"), &v);
    const json_t *chosen = json_object_get(rag, "chosen_on_dev");
    const json_t *embedding = json_object_get(chosen, "embedding");
    if (strcmp(text_of(rag, "status"), "done") != 0)
        fail_msg("%s", text_of(rag, "reason"));
    assert_int_equal(n_tried(chosen, "lexical") > 0, 1);
    assert_int_equal(n_tried(chosen, "dense") > 0, 1);
    assert_int_equal(n_tried(chosen, "hybrid") > 0, 1);
    assert_string_not_equal(text_of(chosen, "retrieval"), "lexical");
    assert_int_equal(strlen(text_of(embedding, "model_hash")), 64);
    assert_true(count_of(embedding, "tokens") >= HILLS);
    assert_says(r, "how high is hill seven ?", "700");

    char *got = NULL;
    fr_err err = { 0 };
    copy_file(r, FIXTURES "golden/bert.gguf", "encoder.gguf"); /* when: another one */
    assert_int_equal(ask(r, "how high is hill seven ?", &got, &err), FR_E_UNSUPPORTED);
    assert_non_null(strstr(err.what, "is not the encoder"));
    json_t *again,
        *other = climbed(r, json_string("encoder.gguf"), &again); /* then it climbs anew */
    const json_t *anew = json_object_get(json_object_get(other, "chosen_on_dev"), "embedding");
    assert_string_equal(text_of(other, "status"), "done");
    assert_string_not_equal(text_of(anew, "model_hash"), text_of(embedding, "model_hash"));
    json_decref(again);
    json_decref(v);
}

static void where_words_do_no_encoder_stays_behind(void **state)
{
    rig *r = *state;
    FR_AUTO(fr_buf) docs = { 0 };
    for (int i = 1; i <= HILLS; i++)
        fr_buf_put_f(&docs, "{\"id\": \"h%02d\", \"text\": \"%s: hill %d is %d metres high\"}\n", i,
                     WORDS[i], i, i * 100);
    put_file(r->dir, "docs.jsonl", fr_buf_text(&docs));
    copy_file(r, FIXTURES "golden/bert.gguf", "encoder.gguf");
    json_t *v, *rag = climbed(r, json_string("encoder.gguf"), &v);
    assert_string_equal(text_of(json_object_get(rag, "chosen_on_dev"), "retrieval"), "lexical");
    char *path = fr_path_join(r->dir, "encoder.gguf");
    unlink(path);
    free(path);
    assert_null(file_text(r->dir, "out/rungs/rag/index.db.vectors"));
    assert_says(r, "how high is hill seven ?", "700");
    json_decref(v);
}

static void an_encoder_that_is_none_is_told_before_work_is_done(void **state)
{
    rig *r = *state;
    fr_err err = { 0 };
    json_t *v = NULL, *name = json_string("none.gguf");
    assert_int_equal(climb(r, name, &v, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "none.gguf' does not exist"));
    json_decref(name);
    put_file(r->dir, "broken.gguf", "GGUF, or so it says");
    json_t *rag = climbed(r, json_string("broken.gguf"), &v);
    assert_string_equal(text_of(rag, "status"), "unfit");
    assert_non_null(strstr(text_of(rag, "reason"), "the encoder (data: embed)"));
    json_decref(v);
    copy_file(r, FIXTURES "golden/bert-classes.gguf", "ranks.gguf");
    rag = climbed(r, json_string("ranks.gguf"), &v);
    assert_string_equal(text_of(rag, "status"), "failed");
    assert_non_null(strstr(text_of(rag, "reason"), "makes no embeddings"));
    assert_int_equal(r->n_prompts, 0);
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_only_meaning_finds_is_searched_by_meaning, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_an_encoder_nothing_is_said_of_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_artefact_is_held_to_its_encoder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_words_do_no_encoder_stays_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_encoder_that_is_none_is_told_before_work_is_done, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
