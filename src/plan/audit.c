/* What is known of the project, and a row for each practice that something could show. */
#include "plan/audit.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/mem.h"
#include "tables/tables.h"

#define FILES_MOST 200

/* Counts by name: "kind train", "strategy lora", "note work/tokens", "task target", "config zone",
 * "ledger changes"… */
typedef struct {
    json_t *counts;
    size_t n_runs, n_tasks;
    bool has_config;
} facts;

static void count(facts *f, const char *kind, const char *name, json_int_t n)
{
    char key[160];
    snprintf(key, sizeof key, "%s %s", kind, name);
    json_t *old = json_object_get(f->counts, key);
    if (n > 0 && strlen(name) < 100)
        json_object_set_new(f->counts, key, json_integer(json_integer_value(old) + n));
}

static json_int_t counted(const facts *f, const char *key)
{
    return json_integer_value(json_object_get(f->counts, key));
}

/* ---- the ledger ---- */

static void count_run(facts *f, const fr_run_record *r)
{
    count(f, "kind", r->kind, 1);
    if (r->strategy != NULL)
        count(f, "strategy", r->strategy, 1);
    if (strcmp(r->kind, "rung") == 0 && r->name != NULL)
        count(f, "strategy", r->name, 1);
    if (r->energy.method == FR_METHOD_MEASURED)
        count(f, "ledger", "measured", 1);
    if (strcmp(r->status, "budget") == 0)
        count(f, "ledger", "stopped by a budget", 1);
    if (isfinite(r->gpu_s) && r->gpu_s > 0)
        count(f, "ledger", "accelerator", 1);
}

static int count_notes(facts *f, fr_ledger *l, const fr_run_record *r, fr_err *err)
{
    fr_note *notes = NULL;
    size_t n = 0;
    FR_TRY(fr_ledger_notes(l, r->id, &notes, &n, err));
    for (size_t i = 0; i < n; i++) {
        char name[128];
        snprintf(name, sizeof name, "%.40s/%.60s", notes[i].kind, notes[i].name);
        if (strcmp(notes[i].kind, "hour") == 0)
            snprintf(name, sizeof name, "hour");
        count(f, "note", name, 1);
        if (strcmp(notes[i].kind, "work") == 0)
            count(f, "ledger", "work", 1);
        if (strcmp(notes[i].kind, "factor") == 0 && strcmp(notes[i].name, "place") == 0 &&
            notes[i].text != NULL)
            count(f, "ledger", strcmp(notes[i].text, "assumed") == 0 ? "no place" : "place", 1);
        if (strcmp(notes[i].kind, "factor") == 0 && strcmp(notes[i].name, "cloud") == 0 &&
            notes[i].value > 0)
            count(f, "ledger", "cloud", 1);
    }
    fr_notes_free(notes, n);
    return 0;
}

static int read_ledger(facts *f, fr_ledger *l, fr_err *err)
{
    FR_AUTO(fr_run_list) runs = { 0 };
    fr_change *changes = NULL;
    fr_unit *units = NULL;
    size_t n = 0;
    FR_TRY(fr_ledger_list(l, &(fr_ledger_query){ 0 }, &runs, err));
    for (size_t i = 0; i < runs.n; i++) {
        count_run(f, &runs.at[i]);
        FR_TRY(count_notes(f, l, &runs.at[i], err));
        f->n_runs += runs.at[i].parent[0] == '\0';
    }
    count(f, "ledger", "runs", (json_int_t)f->n_runs);
    FR_TRY(fr_ledger_changes(l, &changes, &n, err));
    count(f, "ledger", "changes", (json_int_t)n);
    fr_changes_free(changes, n);
    FR_TRY(fr_ledger_units(l, NULL, &units, &n, err));
    count(f, "ledger", "units", (json_int_t)n);
    fr_units_free(units, n);
    return 0;
}

/* ---- the folder ---- */

static void count_keys(facts *f, const char *kind, const fr_node *map)
{
    for (size_t i = 0; map != NULL && map->kind == FR_NODE_MAP && i < map->n; i++)
        count(f, kind, map->at[i]->key, 1);
}

static void count_task(facts *f, const fr_node *root)
{
    f->n_tasks++;
    count_keys(f, "task", root);
    const char *text = NULL;
    if (fr_doc_get_text(root, "stop", false, &text, NULL) == 0 && text != NULL)
        count(f, "task stop", text, 1);
    text = NULL;
    if (fr_doc_get_text(root, "hosting", false, &text, NULL) == 0 && text != NULL)
        count(f, "task hosting", text, 1);
    const fr_node *model = fr_node_get(root, "model");
    if (model != NULL && model->kind == FR_NODE_LIST && model->n > 1)
        count(f, "task", "models in order", 1);
}

static int read_folder(facts *f, const char *folder, fr_err *err)
{
    char **names = NULL;
    size_t n = 0;
    FR_TRY(fr_dir_list(folder, &names, &n, err));
    int rc = 0;
    for (size_t i = 0; i < n && i < FILES_MOST && rc == 0; i++) {
        fr_str name = fr_str_of(names[i]);
        bool config = fr_str_is(name, "frugal.yaml");
        if (!config && !fr_str_ends(name, FR_STR(".yaml")) && !fr_str_ends(name, FR_STR(".yml")))
            continue;
        FR_AUTOPTR(fr_doc) doc = NULL;
        char *path = fr_path_join(folder, names[i]);
        fr_err why = { 0 };
        int load_rc = fr_doc_load(path, &doc, &why);
        free(path);
        if (load_rc != 0) { /* a file of somebody else's is not our concern; frugal.yaml is */
            rc = config ? fr_fail(err, load_rc, why.hint, "%s", why.what) : 0;
            continue;
        }
        const fr_node *root = fr_doc_root(doc);
        if (config) {
            f->has_config = true;
            count_keys(f, "config", root);
        } else if (fr_node_get(root, "task") != NULL && fr_node_get(root, "data") != NULL) {
            count_task(f, root);
        }
    }
    fr_names_free(names, n);
    return rc;
}

/* ---- the practices ---- */

/* Tried in order; the first of a practice that holds decides. `not`: it does not apply when this
 * was not found. NULL key: only the sentence of what is missing. */
typedef struct {
    const char *ids; /* " 6 18 " */
    const char *key; /* a fact; several with | */
    const char *found;
    const char *command;
} rule;

static const rule DONE[] = {
    { " 1 104 ", "ledger changes", "interventions are dated in the ledger",
      "frugal ledger change \"TEXT\"" },
    { " 3 18 20 21 ", "kind adapt", "the ladder of strategies was climbed",
      "frugal adapt TASK.yaml" },
    { " 4 ", "ledger runs", "programs of any kind were metered", "frugal meter -- CMD" },
    { " 5 95 ", "config goals|config quality|task target", "a goal or target is stated in a file",
      "frugal adapt --init DATA" },
    { " 6 ", "strategy traditional", "a method without a generative model was tried",
      "frugal adapt TASK.yaml" },
    { " 19 64 ", "strategy lora|strategy full", "a tuned rung was metered beside the others",
      "frugal adapt TASK.yaml" },
    { " 9 ", "ledger cloud", "the provider's claim is a line of its own in the account",
      "frugal meter --region ID" },
    { " 10 11 ", "ledger cloud|config region|task place",
      "the region was said and its grid's intensity is recorded", "frugal regions --why" },
    { " 96 ", "task target", "the task's target says how good is enough",
      "frugal adapt --init DATA" },
    { " 29 ", "task models in order", "a task tries its models smallest first",
      "frugal adapt TASK.yaml" },
    { " 31 38 ", "note work/tokens", "tokens of runs are counted", "frugal generate" },
    { " 39 ", "strategy few-shot|strategy zero-shot",
      "prompts without and with examples were tried", "frugal adapt TASK.yaml" },
    { " 41 ", "strategy self-consistency", "it was tried and metered", "frugal adapt TASK.yaml" },
    { " 42 ", "strategy generated-knowledge", "it was tried and metered",
      "frugal adapt TASK.yaml" },
    { " 43 ", "strategy react", "it was tried and metered", "frugal adapt TASK.yaml" },
    { " 48 ", "kind adapt", "climbs keep their rungs, and finished ones are not run again",
      "frugal adapt TASK.yaml" },
    { " 49 50 ", "strategy rag", "retrieval was tried and metered", "frugal adapt TASK.yaml" },
    { " 53 54 55 56 60 61 62 ", "strategy lora", "a few parameters were tuned, metered",
      "frugal tune lora" },
    { " 57 ", "strategy prefix-tuning", "it was tried and metered", "frugal adapt TASK.yaml" },
    { " 58 ", "strategy prompt-tuning", "it was tried and metered", "frugal adapt TASK.yaml" },
    { " 59 ", "strategy p-tuning", "it was tried and metered", "frugal adapt TASK.yaml" },
    { " 63 ", "strategy full", "all parameters were tuned, metered", "frugal tune full" },
    { " 69 ", "kind train|strategy scratch", "training was metered", "frugal train CONFIG.yaml" },
    { " 97 102 ", "task hosting batch", "a task gathers its requests",
      "hosting: batch in the task" },
    { " 98 99 ", "task hosting sleeps|task hosting batch", "a task sleeps between requests",
      "hosting: sleeps in the task" },
    { " 103 ", "kind train|kind tune|kind adapt", "jobs end and are closed in the ledger",
      "frugal ledger list" },
    { " 105 ", "note used/cpu_ratio|note used/gpu_ratio",
      "how much of the machine was used is recorded with runs", "frugal advise" },
    { " 106 ", "note used/cpu_ratio|kind monitor", "utilization is recorded", "frugal monitor" },
    { " 107 ", "ledger units|ledger work", "business numbers stand beside the energy",
      "frugal ledger unit orders=1200" },
    { " 108 112 ", "kind monitor", "the machine was monitored", "frugal monitor" },
    { " 109 ", "ledger accelerator", "accelerator time is recorded", "frugal meter -- CMD" },
    { " 111 ", "note profile/file|kind profile", "a profile was recorded", "frugal meter -- CMD" },
    { " 113 ", "note account/water_grid_l|ledger measured",
      "the account says what it holds and what it leaves out", "frugal meter -- CMD" },
};

/* Practices on something that the project does not do. */
static const rule NOT_APPLICABLE[] = {
    { " 57 58 59 60 61 62 63 64 65 66 67 68 ", "kind train|kind tune|strategy lora|strategy full",
      "no run of this project tunes a model", "frugal adapt TASK.yaml" },
    { " 69 70 71 72 73 74 75 76 77 78 111 ", "kind train|strategy scratch|strategy full",
      "no run of this project trains a model from scratch", "" },
    { " 15 16 17 100 101 ", "ledger cloud", "no run of this project was in a cloud's region", "" },
    { " 93 94 110 ", "ledger neuron", "no run used such an accelerator", "" },
    { " 109 ", "ledger accelerator", "no run used an accelerator", "" },
};

static bool is_of(const char *ids, int id)
{
    char word[16];
    snprintf(word, sizeof word, " %d ", id);
    return strstr(ids, word) != NULL;
}

/* The first of "a|b|c" that was counted. */
static json_int_t find(const facts *f, const char *keys, char name[96])
{
    fr_str rest = fr_str_of(keys), one;
    while (fr_str_next(&rest, '|', &one)) {
        snprintf(name, 96, "%.*s", (int)FR_MIN(one.n, (size_t)95), one.at);
        if (counted(f, name) > 0)
            return counted(f, name);
    }
    return 0;
}

static void judge(const facts *f, fr_audit_row *row)
{
    char name[96];
    for (size_t i = 0; i < FR_COUNT_OF(DONE); i++) {
        if (!is_of(DONE[i].ids, row->id))
            continue;
        json_int_t n = find(f, DONE[i].key, name);
        snprintf(row->command, sizeof row->command, "%s", DONE[i].command);
        if (n == 0)
            continue;
        row->status = FR_AUDIT_DONE;
        snprintf(row->evidence, sizeof row->evidence, "%s (%s: %lld)", DONE[i].found, name,
                 (long long)n);
        return;
    }
    bool enough = f->n_runs > 0; /* of an empty ledger nothing follows */
    for (size_t i = 0; i < FR_COUNT_OF(NOT_APPLICABLE) && enough; i++) {
        if (!is_of(NOT_APPLICABLE[i].ids, row->id) || find(f, NOT_APPLICABLE[i].key, name) > 0)
            continue;
        row->status = FR_AUDIT_NOT_APPLICABLE;
        snprintf(row->evidence, sizeof row->evidence, "%s", NOT_APPLICABLE[i].found);
        return;
    }
    snprintf(row->evidence, sizeof row->evidence, "%s",
             row->command[0] != '\0' ? "nothing recorded or written shows it"
                                     : "no command of frugal answers it yet: for people to say");
}

const char *fr_audit_status_name(fr_audit_status s)
{
    static const char *const NAMES[] = { "open", "done", "not applicable" };
    return (size_t)s < FR_COUNT_OF(NAMES) ? NAMES[s] : NAMES[0];
}

void fr_audit_result_fini(fr_audit_result *r)
{
    free(r->at);
    *r = (fr_audit_result){ 0 };
}

static void judge_all(const facts *f, fr_audit_result *out)
{
    const fr_table *t = fr_table_find("practices");
    size_t c_id = fr_table_column(t, "id"), c_stage = fr_table_column(t, "stage");
    size_t c_practice = fr_table_column(t, "practice"), c_command = fr_table_column(t, "command");
    out->at = FR_NEW_N(fr_audit_row, fr_table_n_rows(t));
    for (size_t r = 0; r < fr_table_n_rows(t); r++) {
        fr_audit_row *row = &out->at[out->n++];
        double id = 0;
        fr_table_f64(t, r, c_id, &id);
        row->id = (int)id;
        row->stage = fr_table_text(t, r, c_stage);
        row->practice = fr_table_text(t, r, c_practice);
        const char *command = fr_table_text(t, r, c_command);
        if (*command != '\0')
            snprintf(row->command, sizeof row->command, "frugal %s", command);
        judge(f, row);
        out->n_done += row->status == FR_AUDIT_DONE;
        out->n_not_applicable += row->status == FR_AUDIT_NOT_APPLICABLE;
        out->n_open += row->status == FR_AUDIT_OPEN;
    }
}

int fr_audit(const fr_audit_options *o, fr_audit_result *out, fr_err *err)
{
    facts f = { .counts = json_object() };
    fr_audit_result_fini(out);
    int rc = read_folder(&f, o->folder != NULL ? o->folder : ".", err);
    if (rc == 0 && o->ledger != NULL)
        rc = read_ledger(&f, o->ledger, err);
    if (rc == 0)
        judge_all(&f, out);
    out->n_runs = f.n_runs;
    out->n_tasks = f.n_tasks;
    out->has_config = f.has_config;
    json_decref(f.counts);
    return rc;
}
