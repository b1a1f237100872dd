/* frugal tokenize: what a model's vocabulary makes of a text. */
#include <stdlib.h>
#include <string.h>

#include "cli/model_work.h"
#include "text/utf8.h"

static const fr_option OPTIONS[] = {
    { "model", 'm', FR_OPTION_TEXT, "FILE", "model file, or one with a vocabulary alone (GGUF)" },
    { "prompt", 'p', FR_OPTION_TEXT, "TEXT", "the text" },
    { "file", 'f', FR_OPTION_TEXT, "FILE", "read the text there (-: stdin, the default)" },
    { "no-special", 0, FR_OPTION_FLAG, NULL, "no BOS or EOS, and control tokens are text" },
    { "lines", 0, FR_OPTION_TEXT, "text|json",
      "each line is a text of its own, as it is or as a JSON string: a JSON array of ids for "
      "each" },
    FR_OPTIONS_END,
};

static void print_piece(fr_str piece)
{
    for (size_t i = 0; i < piece.n;) {
        uint32_t c = 0;
        size_t step = fr_utf8_next((fr_str){ piece.at + i, piece.n - i }, &c);
        bool invalid = c == 0xFFFD && step == 1;
        if (c == '\n')
            fputs("\\n", stdout);
        else if (c == '\t')
            fputs("\\t", stdout);
        else if (c < 0x20 || c == 0x7F || invalid)
            printf("\\x%02x", (unsigned)(unsigned char)piece.at[i]);
        else
            fwrite(piece.at + i, 1, step, stdout);
        i += step;
    }
}

static int put(fr_cli *cli, const fr_tokenizer *t, const fr_ids *ids, fr_err *err)
{
    json_t *o = json_object(), *numbers = json_array(), *tokens = json_array();
    for (size_t i = 0; i < ids->n; i++) {
        fr_str piece = fr_tokenizer_piece(t, ids->at[i]);
        if (fr_cli_json(cli)) {
            json_array_append_new(numbers, json_integer(ids->at[i]));
            json_array_append_new(tokens, fr_json_bytes(piece));
            continue;
        }
        printf("%8d  '", ids->at[i]);
        print_piece(piece);
        puts("'");
    }
    json_object_set_new(o, "ids", numbers);
    json_object_set_new(o, "tokens", tokens);
    if (!fr_cli_json(cli)) {
        json_decref(o);
        fr_cli_tell(cli, "%zu tokens", ids->n);
        return 0;
    }
    return fr_cli_put_json(cli, o) == 0 ? 0
                                        : fr_fail(err, FR_E_IO, NULL, "cannot write the output");
}

/* The text of a line; json: as a JSON string, which *owner owns. */
static int read_line(fr_str line, size_t number, bool json, json_t **owner, fr_str *text,
                     fr_err *err)
{
    *owner = NULL;
    *text = line;
    if (!json)
        return 0;
    json_error_t where;
    *owner = json_loadb(line.at, line.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
    if (!json_is_string(*owner)) {
        json_decref(*owner);
        return fr_fail(err, FR_E_FORMAT, "With --lines json every line is a string in quotes.",
                       "line %zu is no JSON string", number);
    }
    *text = (fr_str){ json_string_value(*owner), json_string_length(*owner) };
    return 0;
}

static int put_lines(const fr_tokenizer *t, fr_str rest, bool json, int flags, fr_err *err)
{
    FR_AUTO(fr_ids) ids = { 0 };
    fr_str line, text;
    if (fr_str_ends(rest, FR_STR("\n")))
        rest.n--; /* it ends the last line */
    for (size_t number = 1; fr_str_next(&rest, '\n', &line); number++) {
        json_t *owner;
        FR_TRY(read_line(line, number, json, &owner, &text, err));
        fr_ids_clear(&ids);
        int rc = fr_tokenizer_encode(t, text, flags, &ids, err);
        json_decref(owner);
        if (rc != 0)
            return rc;
        putchar('[');
        for (size_t i = 0; i < ids.n; i++)
            printf("%s%d", i > 0 ? "," : "", ids.at[i]);
        puts("]");
    }
    return fflush(stdout) == 0 && !ferror(stdout)
               ? 0
               : fr_fail_errno(err, NULL, "cannot write the output");
}

static int tokenize(fr_cli *cli, fr_err *err)
{
    const char *model = NULL, *lines = fr_arg_text(cli, "lines", NULL);
    FR_AUTO(fr_buf) text = { 0 };
    FR_AUTO(fr_ids) ids = { 0 };
    FR_AUTOPTR(fr_tokenizer) t = NULL;
    FR_TRY(fr_arg_need_text(cli, "model", &model, err));
    if (lines != NULL && strcmp(lines, "text") != 0 && strcmp(lines, "json") != 0)
        return fr_fail(err, FR_E_USAGE, NULL, "--lines takes text or json, not '%s'", lines);
    FR_TRY(fr_text_given(cli, &text, err));
    FR_TRY(fr_model_vocab_open(model, &t, err));
    int flags =
        fr_arg_flag(cli, "no-special") ? FR_ENCODE_PLAIN : FR_ENCODE_BOS | FR_ENCODE_SPECIAL;
    if (lines != NULL)
        return put_lines(t, fr_buf_str(&text), lines[0] == 'j', flags, err);
    FR_TRY(fr_tokenizer_encode(t, fr_buf_str(&text), flags, &ids, err));
    return put(cli, t, &ids, err);
}

static int run(fr_cli *cli)
{
    fr_err err = { 0 };
    return fr_cli_fail(cli, tokenize(cli, &err), &err);
}

const fr_command FR_COMMAND_tokenize = {
    .name = "tokenize",
    .run = run,
    .options = OPTIONS,
    .arguments = "",
    .summary = "show what a model's vocabulary makes of a text",
    .examples =
        "frugal tokenize -m model.gguf -p \"Hello world\"  # one token a line\n"
        "frugal tokenize -m model.gguf --no-special --json < page.txt  # ids for a program\n"
        "frugal tokenize -m tokenizer.json --lines text < pages.txt  # ids of each line",
    .more = "In --json, bytes of a token that are no whole character are shown as U+FFFD.",
};
