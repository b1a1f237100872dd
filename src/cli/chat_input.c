#include "cli/chat_input.h"

#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define MESSAGE_BYTES ((size_t)4 << 20)

/* histedit.h, as far as it is used (libedit 3.0 and later; these numbers never changed). */
enum { EL_PROMPT = 0, EL_EDITOR = 2, EL_SIGNAL = 3, EL_HIST = 10, H_SETSIZE = 1, H_ENTER = 10 };
typedef struct editline editline;
typedef struct history history;
typedef struct {
    int number;
    const char *text;
} history_event;

struct fr_chat_input {
    bool terminal;
    char *line; /* owned; getline's */
    size_t cap;
    /* libedit; NULL: not loaded */
    void *library;
    editline *edit;
    history *past;
    const char *(*gets)(editline *, int *);
    int (*set)(editline *, int, ...);
    void (*end)(editline *);
    int (*history_do)(history *, history_event *, int, ...);
    void (*history_end)(history *);
};

static char *first_prompt(editline *e)
{
    static char text[] = "> ";
    (void)e;
    return text;
}

static char *further_prompt(editline *e)
{
    static char text[] = ". ";
    (void)e;
    return text;
}

/* Characters of more than a byte are edited as one only in a locale that knows them. */
static void begin_locale(void)
{
    if (setlocale(LC_CTYPE, "") == NULL || MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static void load_editor(fr_chat_input *in)
{
    static const char *const NAMES[] = { "libedit.so.2", "libedit.so.0", "libedit.so" };
    for (size_t i = 0; i < FR_COUNT_OF(NAMES) && in->library == NULL; i++)
        in->library = dlopen(NAMES[i], RTLD_NOW | RTLD_LOCAL);
    if (in->library == NULL)
        return;
    editline *(*init)(const char *, FILE *, FILE *, FILE *) = NULL;
    history *(*history_init)(void) = NULL;
    *(void **)&init = dlsym(in->library, "el_init");
    *(void **)&in->set = dlsym(in->library, "el_set");
    *(void **)&in->gets = dlsym(in->library, "el_gets");
    *(void **)&in->end = dlsym(in->library, "el_end");
    *(void **)&history_init = dlsym(in->library, "history_init");
    *(void **)&in->history_do = dlsym(in->library, "history");
    *(void **)&in->history_end = dlsym(in->library, "history_end");
    if (init == NULL || in->set == NULL || in->gets == NULL || in->end == NULL ||
        history_init == NULL || in->history_do == NULL || in->history_end == NULL)
        return;
    begin_locale();
    in->edit = init("frugal", stdin, stdout, stderr);
    in->past = history_init();
    if (in->edit == NULL || in->past == NULL)
        return;
    history_event e;
    in->history_do(in->past, &e, H_SETSIZE, 500);
    in->set(in->edit, EL_EDITOR, "emacs");
    in->set(in->edit, EL_SIGNAL, 0); /* Ctrl-C is ours */
    in->set(in->edit, EL_HIST, in->history_do, in->past);
}

fr_chat_input *fr_chat_input_open(void)
{
    fr_chat_input *in = FR_NEW(fr_chat_input);
    in->terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    if (in->terminal)
        load_editor(in);
    return in;
}

void fr_chat_input_close(fr_chat_input *in)
{
    if (in == NULL)
        return;
    if (in->edit != NULL)
        in->end(in->edit);
    if (in->past != NULL)
        in->history_end(in->past);
    if (in->library != NULL)
        dlclose(in->library);
    free(in->line);
    free(in);
}

bool fr_chat_input_is_terminal(const fr_chat_input *in)
{
    return in->terminal;
}

/* One line, without its end, appended to out. */
static fr_chat_input_kind take_line(fr_chat_input *in, bool further, fr_buf *out)
{
    const char *text;
    ssize_t n;
    errno = 0;
    if (in->edit != NULL && in->past != NULL) {
        int count = 0;
        in->set(in->edit, EL_PROMPT, further ? further_prompt : first_prompt);
        text = in->gets(in->edit, &count);
        n = text != NULL ? count : -1;
    } else {
        if (in->terminal) {
            fputs(further ? ". " : "> ", stdout);
            fflush(stdout);
        }
        n = getline(&in->line, &in->cap, stdin);
        text = in->line;
        if (n < 0 && errno == EINTR)
            clearerr(stdin);
    }
    if (n <= 0)
        return n < 0 && errno == EINTR ? FR_CHAT_INPUT_INTERRUPTED : FR_CHAT_INPUT_END;
    if (in->past != NULL && n > 1) {
        history_event e;
        in->history_do(in->past, &e, H_ENTER, text);
    }
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    fr_buf_put(out, text, (size_t)n);
    return FR_CHAT_INPUT_MESSAGE;
}

/* What is between the quotes, up to the line that ends with them (or the end of all). */
static fr_chat_input_kind take_quoted(fr_chat_input *in, fr_buf *out)
{
    FR_AUTO(fr_buf) line = { .limit_bytes = MESSAGE_BYTES };
    fr_chat_input_kind kind = FR_CHAT_INPUT_MESSAGE;
    while (!fr_str_ends(fr_buf_str(out), FR_STR("\"\"\""))) {
        fr_buf_clear(&line);
        kind = take_line(in, true, &line);
        if (kind != FR_CHAT_INPUT_MESSAGE)
            return kind == FR_CHAT_INPUT_END ? FR_CHAT_INPUT_MESSAGE : kind;
        if (out->n > 0)
            fr_buf_put_c(out, '\n');
        fr_buf_put_str(out, fr_buf_str(&line));
    }
    out->n -= 3;
    if (out->n > 0 && out->at[out->n - 1] == '\n')
        out->n--;
    out->at[out->n] = '\0';
    return FR_CHAT_INPUT_MESSAGE;
}

fr_chat_input_kind fr_chat_input_next(fr_chat_input *in, fr_buf *out)
{
    FR_AUTO(fr_buf) line = { .limit_bytes = MESSAGE_BYTES };
    fr_buf_clear(out);
    fr_chat_input_kind kind = take_line(in, false, &line);
    if (kind != FR_CHAT_INPUT_MESSAGE)
        return kind;
    fr_str text = fr_buf_str(&line);
    if (fr_str_starts(text, FR_STR("\"\"\""))) {
        fr_buf_put(out, text.at + 3, text.n - 3);
        return take_quoted(in, out);
    }
    while (fr_str_ends(fr_buf_str(&line), FR_STR("\\")) && !line.full) {
        line.at[line.n - 1] = '\n';
        kind = take_line(in, true, &line);
        if (kind == FR_CHAT_INPUT_INTERRUPTED)
            return kind;
        if (kind == FR_CHAT_INPUT_END)
            break;
    }
    fr_buf_put_str(out, fr_buf_str(&line));
    return FR_CHAT_INPUT_MESSAGE;
}
