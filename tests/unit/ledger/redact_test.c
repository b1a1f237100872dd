#include "ledger/ledger_place.h"

#include <string.h>

static char *redacted(const char *const *argv)
{
    fr_buf out = { 0 };
    fr_ledger_redact(argv, &out);
    return fr_buf_take(&out);
}

/* Each line is one command as words; none of its secrets (they all hold "S3CRET") may stay. */
static void no_secret_of_a_command_line_is_recorded(void **state)
{
    (void)state;
    static const char *const LINES[][8] = {
        { "run", "--api-key", "S3CRET" },
        { "run", "--api-key=S3CRET x" },
        { "run", "--apiKey=S3CRET" },
        { "run", "-H", "Authorization: Bearer S3CRET-long" },
        { "run", "-H", "X-Api-Key: S3CRET" },
        { "run", "--header=Authorization: Basic S3CRET" },
        { "env", "OPENAI_API_KEY=S3CRET", "python", "x.py" },
        { "env", "HF_TOKEN=S3CRET", "run" },
        { "env", "AWS_SECRET_ACCESS_KEY=S3CRET", "run" },
        { "run", "--db-password", "S3CRET" },
        { "run", "--dbPassword", "S3CRET" },
        { "run", "postgresql://user:S3CRET@host/db" },
        { "run", "--url=https://S3CRET@host/x" },
        { "run", "https://host/x?key=S3CRET&page=2" },
        { "run", "https://host/x?X-Amz-Signature=S3CRET" },
        { "run", "sk-proj-S3CRET-abcdefgh1234" },
        { "run", "the key is sk-S3CRETabcdefgh1234, do not tell" },
        { "run", "ghp_S3CRETabcdefghijklmnopqrstuvwxyz01" },
        { "run", "hf_S3CRETabcdefghijklmnop" },
        { "run", "AKIAS3CRET7EXAMPLEX" },
        { "run", "eyJS3CRETabcdefghijklmnop.eyJzdWIiOiIxMjM0In0.abc" },
        { "sh", "-c", "TOKEN=S3CRET python run.py --password S3CRET --steps 5" },
        { "sh", "-c", "curl -H 'Authorization: Bearer S3CRET' https://host" },
        { "run", "{\"api_key\": \"S3CRET\", \"steps\": 5}" },
        { "curl", "-u", "me:S3CRET", "https://host" },
        { "frugal", "generate", "-p", "S3CRET question about me" },
        { "frugal", "generate", "--prompt=S3CRET question" },
        { "run", "--password", "-S3CRET" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(LINES); i++) {
        char *text = redacted(LINES[i]);
        if (strstr(text, "S3CRET") != NULL)
            fail_msg("line %zu still says: %s", i, text);
        free(text);
    }
}

static void what_is_no_secret_stays_readable(void **state)
{
    (void)state;
    static const struct {
        const char *argv[8];
        const char *expected;
    } LINES[] = {
        { { "frugal", "meter", "--", "./job", "--max-tokens", "20" },
          "frugal meter -- ./job --max-tokens 20" },
        { { "train.py", "--tokenizer", "bpe", "--keywords=a,b", "--top-k=5" },
          "train.py --tokenizer bpe --keywords=a,b --top-k=5" },
        { { "frugal", "bench", "-p", "512", "-n", "128" }, "frugal bench -p 512 -n 128" },
        { { "run", "https://host:8080/v1?page=2" }, "run 'https://host:8080/v1?page=2'" },
        { { "sh", "-c", "TOKEN=abc run --steps 5" }, "sh -c 'TOKEN=[redacted] run --steps 5'" },
        { { "a b", "", "c\nd" }, "'a b' '' 'c d'" },
        { { "psql", "postgresql://me:pw@host/db" }, "psql postgresql://[redacted]@host/db" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(LINES); i++) {
        char *text = redacted(LINES[i].argv);
        assert_string_equal(text, LINES[i].expected);
        free(text);
    }
}

static void a_very_long_argument_is_cut_at_a_character(void **state)
{
    (void)state;
    char arg[3001] = "";
    for (int i = 0; i < 1000; i++)
        strcat(arg, "\xe2\x82\xac"); /* three bytes each */
    const char *argv[] = { "run", arg, NULL };
    char *text = redacted(argv);
    assert_true(strlen(text) < 500);
    assert_non_null(strstr(text, "\xe2\x82\xac\xe2\x80\xa6 (3000 bytes)"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_secret_of_a_command_line_is_recorded),
        cmocka_unit_test(what_is_no_secret_stays_readable),
        cmocka_unit_test(a_very_long_argument_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
