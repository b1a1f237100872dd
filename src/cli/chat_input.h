/* Lines and messages that a person types, or a script sends. Editing and history are libedit's,
 * which is loaded when stdin is a terminal and it is there; without it the terminal's own editing
 * stands. */
#ifndef FR_CLI_CHAT_INPUT_H
#define FR_CLI_CHAT_INPUT_H

#include <stdbool.h>
#include "base/buf.h"

typedef struct fr_chat_input fr_chat_input;
fr_chat_input *fr_chat_input_open(void);
void fr_chat_input_close(fr_chat_input *in);
bool fr_chat_input_is_terminal(const fr_chat_input *in);

typedef enum {
    FR_CHAT_INPUT_END,
    FR_CHAT_INPUT_MESSAGE,
    FR_CHAT_INPUT_INTERRUPTED
} fr_chat_input_kind;

/* The next message: a line; lines that end with a backslash, with the line behind them; or what
 * stands between lines that begin and end with three quotes. Without the last line end. Replaces
 * out. */
fr_chat_input_kind fr_chat_input_next(fr_chat_input *in, fr_buf *out);

#endif
