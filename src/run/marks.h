/**
 * run/marks.h: phases told from outside: a program that is metered says where its phases begin and
 * end, what work it did in them and how well, over a socket that it finds in FRUGAL_SOCKET.
 *
 *     FR_TRY(fr_marks_open(run, &marks, err));
 *     setenv("FRUGAL_SOCKET", fr_marks_path(marks), 1)  for the child alone
 *     … the child runs …
 *     fr_marks_close(marks, &told);                     before fr_run_end()
 *     for (size_t i = 0; i < told.n_phases; i++) …
 *     fr_mark_summary_fini(&told);
 *
 * The socket (SOCK_SEQPACKET, mode 0600, in a folder of mode 0700 that this user's meters share) is
 * gone after close; what a killed meter left behind is removed by the next one. A message is lines
 * of text, at most 4 KiB:
 *
 *     begin NAME         a phase inside the innermost open one
 *     next NAME          ends the innermost open one first
 *     end NAME           ends the innermost open one of that name, and those inside it
 *     end                ends the innermost
 *     work N NAME        so much work was done in the innermost open one; adds up
 *     quality N NAME     the last one counts
 *     dropped N          the sender could not send so many
 *     sync               answered by "ok N\n", N marks taken so far, when all before it was done
 *
 * Senders are never waited for and never believed: a line that is none of these, an end without a
 * begin, more phases than FR_MARKS_PER_S (sustained) or FR_MARKS_MOST in all are counted, and told
 * at the end. What is over the limit keeps its place in the nesting; its energy is that of the
 * phase around it. While nobody sends, nothing wakes up.
 */
#ifndef FR_RUN_MARKS_H
#define FR_RUN_MARKS_H

#include "base/buf.h"
#include "run/run.h"

#define FR_MARK_NAME   96 /* bytes, with the NUL; longer names are cut */
#define FR_MARKS_PER_S 200
#define FR_MARKS_MOST  20000
#define FR_MARK_COUNTS 16 /* different kinds of work and quality of a phase */

typedef enum {
    FR_MARK_NONE, /* not a mark */
    FR_MARK_BEGIN,
    FR_MARK_NEXT,
    FR_MARK_END,
    FR_MARK_WORK,
    FR_MARK_QUALITY,
    FR_MARK_DROPPED,
    FR_MARK_SYNC
} fr_mark_verb;

typedef struct {
    fr_mark_verb verb;
    char name[FR_MARK_NAME]; /* printable UTF-8; "" for none */
    double value;            /* finite */
} fr_mark_line;
/** One line without its end. Whatever it holds, `out` is filled and can be printed. */
void fr_mark_parse(fr_str line, fr_mark_line *out);

/** Work or quality. */
typedef struct {
    char name[FR_MARK_NAME];
    double value;
} fr_mark_count;

/** All phases of one path ("epoch/step") together. */
typedef struct {
    char *path; /* owned by the summary */
    size_t depth, n;
    double duration_s, cpu_s, gpu_s;
    fr_energy active, idle, total; /* with the phases inside, as work */
    fr_mark_count work[FR_MARK_COUNTS], quality[FR_MARK_COUNTS];
    size_t n_work, n_quality;
} fr_mark_phase;

typedef struct {
    fr_mark_phase *phases; /* in the order in which they first ended, outer ones first */
    size_t n_phases;
    uint64_t taken;      /* marks that were followed */
    uint64_t dropped;    /* by senders, or over a limit */
    uint64_t unbalanced; /* ends without a begin; begins without an end */
    uint64_t malformed;
} fr_mark_summary;
void fr_mark_summary_fini(fr_mark_summary *s);

typedef struct fr_marks fr_marks;
int fr_marks_open(fr_run *run, fr_marks **out, fr_err *err);
/**
 * The same without a thread until somebody connects. That is told by `signal` to this process,
 * which has it blocked and waits for it; whoever gets it calls fr_marks_serve().
 */
int fr_marks_open_quiet(fr_run *run, int signal, fr_marks **out, fr_err *err);
/** Starts the thread, when it does not run yet. */
void fr_marks_serve(fr_marks *m);
const char *fr_marks_path(const fr_marks *m);
/** Takes what was sent, ends what is open, removes the socket. out may be NULL. */
void fr_marks_close(fr_marks *m, fr_mark_summary *out);

#endif
