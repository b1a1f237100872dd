/*
 * A command line as it may be kept. A name gives a secret away (--api-key, HF_TOKEN=,
 * Authorization:), or the form of the value does (sk-…, AKIA…, a JSON web token, credentials in a
 * URL). When in doubt it is left out: a record without a value is still a record.
 */
#include "ledger/ledger.h"

#include <ctype.h>
#include <string.h>

#define GONE          "[redacted]"
#define ARG_MAX_BYTES 400

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static bool is_one_of(fr_str word, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(words[i]) == word.n && strncasecmp(words[i], word.at, word.n) == 0)
            return true;
    return false;
}

/* "--api-key", "HF_TOKEN", "dbPassword", "X-Api-Key": split into words, any of which may tell. */
static bool is_secret_name(fr_str name)
{
    static const char *const ANY[] = {
        "password",    "passwd",      "pwd",    "passphrase",    "secret",    "secrets",
        "credential",  "credentials", "apikey", "authorization", "auth",      "bearer",
        "cookie",      "signature",   "sig",    "privatekey",    "accesskey", "authtoken",
        "accesstoken", "secretkey",   "sas",    "userpwd",
    };
    static const char *const LAST[] = { "key", "token", "pat", "pass", "pw" };
    size_t i = 0;
    fr_str last = { 0 };
    while (i < name.n) {
        while (i < name.n && !isalnum((unsigned char)name.at[i]))
            i++;
        size_t from = i;
        while (i < name.n && isalnum((unsigned char)name.at[i]) &&
               !(i > from && isupper((unsigned char)name.at[i]) &&
                 islower((unsigned char)name.at[i - 1])))
            i++;
        if (i == from)
            break;
        last = (fr_str){ name.at + from, i - from };
        if (is_one_of(last, ANY, FR_COUNT_OF(ANY)))
            return true;
    }
    return is_one_of(last, LAST, FR_COUNT_OF(LAST));
}

static size_t run_of(const char *at, size_t n, const char *extra)
{
    size_t i = 0;
    while (i < n && (isalnum((unsigned char)at[i]) || (at[i] != '\0' && strchr(extra, at[i]))))
        i++;
    return i;
}

/* Length of a token of a known form that begins here; 0: none. */
static size_t known_token(const char *at, size_t n)
{
    static const struct {
        const char *head;
        size_t least; /* characters after the head */
        const char *extra;
    } FORMS[] = {
        { "sk-", 12, "-_" },
        { "pk-", 12, "-_" },
        { "rk_", 16, "_" },
        { "sk_", 12, "_" },
        { "AKIA", 12, "" },
        { "ASIA", 12, "" },
        { "ghp_", 20, "" },
        { "gho_", 20, "" },
        { "ghs_", 20, "" },
        { "ghu_", 20, "" },
        { "ghr_", 20, "" },
        { "github_pat_", 20, "_" },
        { "glpat-", 12, "-_" },
        { "hf_", 16, "" },
        { "xoxb-", 8, "-" },
        { "xoxp-", 8, "-" },
        { "xoxa-", 8, "-" },
        { "AIza", 30, "-_" },
        { "eyJ", 20, "-_." },
        { "gsk_", 20, "" },
        { "r8_", 20, "" },
        { "npm_", 20, "" },
        { "ya29.", 20, "-_." },
        { "dop_v1_", 20, "" },
        { "-----BEGIN", 0, " -+/=\n" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(FORMS); i++) {
        size_t head = strlen(FORMS[i].head);
        if (n < head || memcmp(at, FORMS[i].head, head) != 0)
            continue;
        size_t tail = run_of(at + head, n - head, FORMS[i].extra);
        if (tail >= FORMS[i].least)
            return head + tail;
    }
    return 0;
}

/* "scheme://user:password@host": how many bytes after "://" up to the '@'; 0: no credentials. */
static size_t url_credentials(const char *at, size_t n)
{
    size_t i = 0;
    size_t last = 0;
    while (i < n && !isspace((unsigned char)at[i]) && strchr("/?#'\"", at[i]) == NULL) {
        if (at[i] == '@')
            last = i;
        i++;
    }
    return last;
}

/* How far a value goes: a quoted one to its quote; else to white space (or all of it). */
static size_t value_end(const char *at, size_t n, bool spaces)
{
    if (n > 0 && (at[0] == '"' || at[0] == '\'')) {
        const char *close = memchr(at + 1, at[0], n - 1);
        return close != NULL ? (size_t)(close - at) + 1 : n;
    }
    size_t i = 0;
    while (i < n && at[i] != '"' && at[i] != '\'' && at[i] != '&' &&
           (spaces || !isspace((unsigned char)at[i])))
        i++;
    return i;
}

/* Skips "Bearer " and its like, so that the whole of "Authorization: Bearer X" goes. */
static size_t scheme_word(const char *at, size_t n)
{
    static const char *const WORDS[] = { "Bearer ", "Basic ", "Token ", "Digest " };
    for (size_t i = 0; i < FR_COUNT_OF(WORDS); i++) {
        size_t length = strlen(WORDS[i]);
        if (n >= length && strncasecmp(at, WORDS[i], length) == 0)
            return length;
    }
    return 0;
}

/* After a secret's name: "=value", ": value", and in a shell line "--name value". */
static size_t secret_value(const char *at, size_t n, bool option, bool shell, size_t *from)
{
    size_t i = 0;
    if (i < n && (at[i] == '"' || at[i] == '\'')) /* "key": "value" */
        i++;
    if (i < n && (at[i] == '=' || at[i] == ':')) {
        bool header = at[i++] == ':';
        while (i < n && header && at[i] == ' ')
            i++;
        *from = i;
        size_t scheme = scheme_word(at + i, n - i);
        return i + scheme + value_end(at + i + scheme, n - i - scheme, header ? false : !shell);
    }
    if (option && shell && n > 1 && at[0] == ' ' && at[1] != '-') {
        *from = 1;
        return 1 + value_end(at + 1, n - 1, false);
    }
    return 0;
}

/* shell: this text is itself a command line ("sh -c TEXT"). */
static void put_scrubbed(const char *at, size_t n, bool shell, fr_buf *out)
{
    for (size_t i = 0; i < n;) {
        bool starts = i == 0 || !name_char(at[i - 1]);
        size_t token = starts ? known_token(at + i, n - i) : 0;
        size_t scheme = starts ? scheme_word(at + i, n - i) : 0;
        if (token > 0) {
            fr_buf_put_s(out, GONE);
            i += token;
        } else if (scheme > 0 && scheme < n - i) {
            fr_buf_put(out, at + i, scheme);
            fr_buf_put_s(out, GONE);
            i += scheme + value_end(at + i + scheme, n - i - scheme, false);
        } else if (n - i > 3 && memcmp(at + i, "://", 3) == 0) {
            size_t credentials = url_credentials(at + i + 3, n - i - 3);
            fr_buf_put_s(out, credentials > 0 ? "://" GONE : "://");
            i += 3 + credentials;
        } else if (starts && name_char(at[i])) {
            size_t name = 0;
            while (i + name < n && name_char(at[i + name]))
                name++;
            size_t from = 0;
            size_t value =
                is_secret_name((fr_str){ at + i, name })
                    ? secret_value(at + i + name, n - i - name, at[i] == '-', shell, &from)
                    : 0;
            fr_buf_put(out, at + i, name);
            if (value > 0) {
                fr_buf_put(out, at + i + name, from);
                fr_buf_put_s(out, GONE);
            }
            i += name + value;
        } else {
            fr_buf_put_c(out, (unsigned char)at[i] < ' ' ? ' ' : at[i]);
            i++;
        }
    }
}

/* One argument, in quotes where a shell would need them. */
static void put_arg(const char *arg, bool shell, fr_buf *out)
{
    FR_AUTO(fr_buf) text = { 0 };
    put_scrubbed(arg, strlen(arg), shell, &text);
    bool plain = text.n > 0;
    for (size_t i = 0; i < text.n; i++)
        if (!isalnum((unsigned char)text.at[i]) && strchr("_-./=:,+@%[]", text.at[i]) == NULL &&
            (unsigned char)text.at[i] < 0x80)
            plain = false;
    size_t keep = text.n;
    if (keep > ARG_MAX_BYTES) { /* at a character's border */
        keep = ARG_MAX_BYTES;
        while (keep > 0 && ((unsigned char)text.at[keep] & 0xc0) == 0x80)
            keep--;
    }
    if (!plain)
        fr_buf_put_c(out, '\'');
    fr_buf_put(out, fr_buf_text(&text), keep);
    if (keep < text.n)
        fr_buf_put_f(out, "… (%zu bytes)", strlen(arg));
    if (!plain)
        fr_buf_put_c(out, '\'');
}

static bool is_prompt_option(const char *arg)
{
    static const char *const NAMES[] = { "-p", "--prompt", "--text", "--system" };
    for (size_t i = 0; i < FR_COUNT_OF(NAMES); i++)
        if (strcmp(arg, NAMES[i]) == 0)
            return true;
    return false;
}

static bool looks_like_number(const char *arg)
{
    double value;
    return fr_str_to_f64(fr_str_of(arg), &value);
}

void fr_ledger_redact(const char *const *argv, fr_buf *out)
{
    for (size_t i = 0; argv != NULL && argv[i] != NULL; i++) {
        const char *arg = argv[i];
        const char *before = i > 0 ? argv[i - 1] : "";
        if (i > 0)
            fr_buf_put_c(out, ' ');
        bool option = before[0] == '-' && strchr(before, '=') == NULL;
        bool after_c = before[0] == '-' && before[1] != '-' && strchr(before, 'c') != NULL;
        const char *colon = strchr(arg, ':');
        if (option && is_secret_name(fr_str_of(before)) && strncmp(arg, "--", 2) != 0)
            fr_buf_put_s(out, GONE);
        else if (is_prompt_option(before) && arg[0] != '\0' && !looks_like_number(arg))
            fr_buf_put_f(out, "[text, %zu bytes]", strlen(arg));
        else if ((strcmp(before, "-u") == 0 || strcmp(before, "--user") == 0) && colon != NULL) {
            put_scrubbed(arg, (size_t)(colon - arg), false, out);
            fr_buf_put_s(out, ":" GONE);
        } else if (strncmp(arg, "--prompt=", 9) == 0)
            fr_buf_put_f(out, "--prompt=[text, %zu bytes]", strlen(arg) - 9);
        else
            put_arg(arg, after_c, out);
    }
}
