/* frugal models: which model: what there is, what it needs, what it can do. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/models_commands.h"

static const fr_option OPTIONS[] = {
    { "language", 0, FR_OPTION_TEXT, "CODE", "list: models of this language first (de)" },
    { "domain", 0, FR_OPTION_TEXT, "WORD", "list: models of this domain first (code, math…)" },
    { "license", 0, FR_OPTION_TEXT, "ID", "list: of this licence (apache-2.0)" },
    { "task", 0, FR_OPTION_TEXT, "TAG", "list: for this task (text-generation)" },
    { "max-params", 0, FR_OPTION_TEXT, "N", "list: so many parameters at most (3B, 135M)" },
    { "context", 0, FR_OPTION_TEXT, "N",
      "tokens: list, needed at least; probe, longest text (2048)" },
    { "type", 0, FR_OPTION_TEXT, "FORMAT", "list: number format of weights (default Q4_K)" },
    { "name", 0, FR_OPTION_TEXT, "TEXT", "list: with this in the name" },
    { "unknown", 0, FR_OPTION_FLAG, NULL, "list: also what does not state what is asked for" },
    { "local", 0, FR_OPTION_FLAG, NULL, "list: files of this machine alone" },
    { "dir", 0, FR_OPTION_LIST, "DIR", "a folder of GGUF files more; several times" },
    { "catalog", 0, FR_OPTION_TEXT, "FILE", "your catalogue (default: models.json of your data)" },
    { "out", 'o', FR_OPTION_TEXT, "DIR",
      "evaluate: where its record goes (evaluated/TASK); pull: where files go" },
    { "hub", 0, FR_OPTION_TEXT, "URL", "pull: of hf: references (HF_ENDPOINT, huggingface.co)" },
    { "revision", 0, FR_OPTION_TEXT, "REV", "pull: branch, tag or commit (main)" },
    { "sha256", 0, FR_OPTION_TEXT, "HEX", "pull: the file must have this SHA-256" },
    { "again", 0, FR_OPTION_FLAG, NULL, "pull: fetch also what is there" },
    { "strategy", 0, FR_OPTION_TEXT, "WORD", "evaluate: ask by zero-shot, few-shot or rag" },
    { "all", 0, FR_OPTION_FLAG, NULL, "evaluate: do not stop at the first that is enough" },
    { "robust-rows", 0, FR_OPTION_I64, "N", "evaluate: ask N rows in other words (100; 0: none)" },
    { "lengths", 0, FR_OPTION_TEXT, "N,…", "curve: tokens before (64,256,1024,4096)" },
    { "svg", 0, FR_OPTION_TEXT, "FILE", "curve: draw it there" },
    { "only", 0, FR_OPTION_TEXT, "PROBE,…", "probe: these kinds of questions only" },
    { "items", 0, FR_OPTION_I64, "N", "probe: N questions of a kind (24)" },
    { "measure", 0, FR_OPTION_F64, "S", "a request's figure covers S seconds of work (2)" },
    { "threads", 't', FR_OPTION_I64, "N", "processor threads (default: all)" },
    { "seed", 0, FR_OPTION_I64, "N", "seed of every choice (default 1)" },
    FR_OPTIONS_PLACE,
    FR_OPTIONS_END,
};

static const char *const SUBCOMMANDS[] = { "list",  "show",    "import", "evaluate", "cascade",
                                           "probe", "context", "curve",  "pull",     NULL };
static int (*const FUNCTIONS[])(fr_cli *, fr_err *) = {
    fr_models_list,  fr_models_show,    fr_models_import, fr_models_evaluate, fr_models_cascade,
    fr_models_probe, fr_models_context, fr_models_curve,  fr_models_pull
};

char *fr_models_folder(void)
{
    char *data = fr_path_data();
    char *out = fr_path_join(data, "models");
    free(data);
    return out;
}

char *fr_models_catalog_path(fr_cli *cli)
{
    const char *named = fr_arg_text(cli, "catalog", NULL);
    if (named != NULL)
        return fr_dup(named);
    char *data = fr_path_data();
    char *out = fr_path_join(data, "models.json");
    free(data);
    return out;
}

int fr_models_catalog(fr_cli *cli, fr_catalog *out, fr_err *err)
{
    fr_catalog_put_table(out);
    char *path = fr_models_catalog_path(cli), *folder = fr_models_folder();
    int rc = fr_catalog_read(out, path, err);
    size_t bad = rc == 0 ? fr_catalog_put_folder(out, folder) : 0;
    for (size_t i = 0; rc == 0 && fr_arg_list(cli, "dir", i) != NULL; i++) {
        const char *dir = fr_arg_list(cli, "dir", i);
        if (!fr_dir_exists(dir))
            rc = fr_fail(err, FR_E_NOT_FOUND, NULL, "no folder '%s'", dir);
        else
            bad += fr_catalog_put_folder(out, dir);
    }
    if (bad != 0)
        fr_cli_tell(cli, "%zu file%s could not be read as GGUF; `frugal inspect FILE` says why",
                    bad, bad == 1 ? "" : "s");
    free(path);
    free(folder);
    return rc;
}

static void scaled(double v, const char *const units[], size_t n_units, char out[24])
{
    size_t unit = 0;
    if (isnan(v)) {
        snprintf(out, 24, "not stated");
        return;
    }
    for (; v >= 999.5 && unit + 1 < n_units; unit++)
        v /= 1000;
    snprintf(out, 24, "%.*f%s",
             v < 9.995 && unit != 0   ? 2
             : v < 99.95 && unit != 0 ? 1
                                      : 0,
             v, units[unit]);
}

void fr_text_count(double n, char out[24])
{
    static const char *const UNITS[] = { "", "K", "M", "B" };
    scaled(n, UNITS, FR_COUNT_OF(UNITS), out);
}

void fr_text_bytes(double bytes, char out[24])
{
    static const char *const UNITS[] = { " B", " kB", " MB", " GB", " TB" };
    scaled(bytes, UNITS, FR_COUNT_OF(UNITS), out);
}

bool fr_count_of(const char *text, double *out)
{
    static const char UNITS[] = "KMBT";
    fr_str s = fr_str_trim(fr_str_of(text));
    double factor = 1;
    const char *unit = s.n > 1 ? strchr(UNITS, toupper((unsigned char)s.at[s.n - 1])) : NULL;
    if (unit != NULL) {
        factor = pow(1000, (double)(unit - UNITS + 1));
        s.n--;
    }
    bool ok = fr_str_to_f64(s, out) && *out > 0 && isfinite(*out);
    *out *= factor;
    return ok;
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    size_t n = 0, at = 0;
    char **rest = fr_arg_rest(cli, &n);
    const char *word = n > 0 ? rest[0] : "list";
    while (SUBCOMMANDS[at] != NULL && strcmp(SUBCOMMANDS[at], word) != 0)
        at++;
    if (SUBCOMMANDS[at] != NULL)
        return fr_cli_fail(cli, FUNCTIONS[at](cli, &err), &err);
    FR_AUTO(fr_buf) hint = { 0 };
    const char *nearest = fr_nearest(word, SUBCOMMANDS);
    if (nearest != NULL)
        fr_buf_put_f(&hint, "Did you mean `frugal models %s`?", nearest);
    else
        for (size_t i = 0; SUBCOMMANDS[i] != NULL; i++)
            fr_buf_put_f(&hint, "%s%s", i == 0 ? "There are " : ", ", SUBCOMMANDS[i]);
    return fr_cli_fail(
        cli, fr_fail(&err, FR_E_USAGE, fr_buf_text(&hint), "unknown word '%s'", word), &err);
}

const fr_command FR_COMMAND_models = {
    .name = "models",
    .run = run,
    .options = OPTIONS,
    .arguments = "[list | show NAME|FILE | import FILE | evaluate MODEL… TASK.yaml | cascade SMALL "
                 "LARGE TASK.yaml | probe MODEL | context MODEL TASK.yaml|ROWS | "
                 "curve [MODEL…] | pull REF]",
    .summary = "choose a model: what there is, what it needs, what it can do",
    .examples =
        "frugal models list --language de --max-params 3B  # German first, then small first\n"
        "frugal models list --domain code --license apache-2.0 --context 8192\n"
        "frugal models list --local --dir /srv/models  # GGUF files of this machine\n"
        "frugal models show SmolLM2-135M  # or a GGUF file: header, card, memory\n"
        "frugal models import README.md  # a model card's front matter\n"
        "frugal models import leaderboard.csv --catalog models.json  # to be committed\n"
        "frugal models evaluate small.gguf large.gguf task.yaml  # smallest first, to the target\n"
        "frugal models cascade small.gguf large.gguf task.yaml  # a small one that asks a large "
        "one\n"
        "frugal models probe model.gguf --only json,arithmetic,context  # what it can do\n"
        "frugal models context model.gguf task.yaml  # the least context that it needs\n"
        "frugal models curve small.gguf large.gguf --svg curve.svg  # CPU seconds by size and "
        "length\n"
        "frugal models pull hf:OWNER/NAME/model-q4_k_m.gguf  # into the models folder\n"
        "frugal models pull https://example.org/model.gguf --sha256 HEX  # or it is not kept",
    .more =
        "The catalogue is the table that comes with frugal (each row with year and source), what\n"
        "you imported, and the GGUF files under $XDG_DATA_HOME/frugal/models and each --dir. What\n"
        "neither card nor file states is \"not stated\", never guessed. Language and domain come\n"
        "before size in the order; of equals the smallest is first. Memory is weights (exact for "
        "a\n"
        "file, else parameters in --type) and the exact keys and values of --context.\n\n"
        "evaluate asks each candidate the task's eval rows and tells accuracy (95% interval),\n"
        "calibration (expected calibration error, Brier), robustness (the same rows in other "
        "case,\n"
        "with typos, spaces, other words of the prompt) and efficiency in one table; it stops at\n"
        "the first whose interval reaches the target. Exit status 3: none does.\n\n"
        "cascade lets the small model answer and asks the large one where the small one is not\n"
        "sure: the threshold is the least with which rows of train and dev score as with the "
        "large\n"
        "one alone; quality, calls and cost of all three are measured on eval. Use it with\n"
        "`frugal adapt --answer cascades/TASK`.\n\n"
        "probe asks small questions of our own making, drawn by the seed: passage, languages, "
        "json\n"
        "(asked for, and held to a grammar), arithmetic by digits, refusal (what lies inside and\n"
        "outside of a subject), instruction, context (a fact at three depths of several "
        "lengths).\n\n"
        "curve measures what a token takes, read and written, by the model's size and the length "
        "of\n"
        "the text before it; list then predicts from it what a model would take here.\n\n"
        "pull fetches an address or hf:OWNER/NAME[/FILE][@REVISION] into\n"
        "$XDG_DATA_HOME/frugal/models. Without FILE: the one GGUF file, else the safetensors and\n"
        "tokenizer, to be converted. A lost connection is gone on with, also by a later command;\n"
        "the SHA-256 that --sha256 or the hub states is checked before the file gets its name.\n"
        "HF_TOKEN is sent to the hub alone; FRUGAL_OFFLINE=1 asks nobody.",
    .subcommands = SUBCOMMANDS,
};
