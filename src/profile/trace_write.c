/* A Chrome trace (chrome://tracing, Perfetto, speedscope): operations with joules, power beside. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "profile/profile.h"

static void put_text(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < ' ')
            fprintf(out, "\\u%04x", *c);
        else
            putc(*c, out);
    }
    putc('"', out);
}

static void put_us(FILE *out, int64_t ns)
{
    fprintf(out, "%s%" PRId64 ".%03d", ns < 0 ? "-" : "", (ns < 0 ? -ns : ns) / 1000,
            (int)((ns < 0 ? -ns : ns) % 1000));
}

static void put_event(FILE *out, const fr_trace *t, const fr_trace_event *e)
{
    fprintf(out, ",\n{\"ph\":\"X\",\"name\":");
    put_text(out, t->names[e->name].text);
    fprintf(out, ",\"cat\":");
    put_text(out, t->names[e->name].category);
    fprintf(out, ",\"pid\":1,\"tid\":%u,\"ts\":", e->track + 1);
    put_us(out, e->start_ns);
    fprintf(out, ",\"dur\":");
    put_us(out, e->end_ns - e->start_ns);
    fprintf(out, ",\"args\":{\"joules\":%.6g", e->joules);
    if (e->self_s > 0)
        fprintf(out, ",\"watts\":%.4g,\"self_us\":%.3f", e->joules / e->self_s, e->self_s * 1e6);
    if (e->flops > 0)
        fprintf(out, ",\"flops\":%.9g", (double)e->flops);
    if (e->bytes > 0)
        fprintf(out, ",\"bytes\":%.9g", (double)e->bytes);
    fprintf(out, "}}");
}

static void put_tracks(FILE *out, const fr_trace *t)
{
    for (size_t i = 0; i < t->n_tracks; i++) {
        char label[160];
        const fr_track *track = &t->tracks[i];
        snprintf(label, sizeof label, "%s%s%s %s", track->label,
                 track->label[0] != '\0' ? ", " : "", track->pid, track->tid);
        fprintf(
            out,
            ",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":%zu,\"args\":{\"name\":",
            i + 1);
        put_text(out, label);
        fprintf(out, "}}");
    }
}

/* shift: from the power's time to the trace's. */
static void put_power(FILE *out, const fr_power *p, int64_t shift_ns)
{
    for (size_t i = 0; i < p->n; i++) {
        const fr_power_window *w = &p->windows[i];
        fprintf(out, ",\n{\"ph\":\"C\",\"name\":\"power\",\"pid\":1,\"ts\":");
        put_us(out, w->start_ns - shift_ns);
        fprintf(out, ",\"args\":{\"watts\":%.5g}}",
                w->joules / ((double)(w->end_ns - w->start_ns) * 1e-9));
    }
}

int fr_trace_write(const fr_trace *t, const fr_power *power, int64_t shift_ns, const char *path,
                   fr_err *err)
{
    FR_AUTO(fr_file_out) out = { 0 };
    FR_TRY(fr_file_out_open(&out, path, err));
    FILE *to = out.stream;
    fprintf(to,
            "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"made by\":\"frugal " FR_VERSION
            "\"},\"traceEvents\":[\n{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"args\":{"
            "\"name\":\"operations, with joules\"}}");
    put_tracks(to, t);
    for (size_t i = 0; i < t->n_events; i++)
        put_event(to, t, &t->events[i]);
    if (power != NULL)
        put_power(to, power, shift_ns);
    fprintf(to, "\n]}\n");
    return fr_file_out_commit(&out, err);
}
