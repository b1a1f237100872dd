#include "cli/op_table.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

/* All events of one name. */
typedef struct {
    size_t name, n;
    double self_s, joules, flops, bytes;
} op;

static int most_first(const void *a, const void *b)
{
    const op *x = a, *y = b;
    if (x->joules != y->joules)
        return x->joules > y->joules ? -1 : 1;
    if (x->self_s != y->self_s)
        return x->self_s > y->self_s ? -1 : 1;
    return x->name < y->name ? -1 : x->name > y->name;
}

static op *sum_up(const fr_trace *t, size_t *n_out)
{
    size_t n = 0;
    op *ops = FR_NEW_N(op, t->n_names);
    for (size_t i = 0; i < t->n_names; i++)
        ops[i].name = i;
    for (size_t i = 0; i < t->n_events; i++) {
        op *o = &ops[t->events[i].name];
        o->n++;
        o->self_s += t->events[i].self_s;
        o->joules += t->events[i].joules;
        o->flops += (double)t->events[i].flops;
        o->bytes += (double)t->events[i].bytes;
    }
    for (size_t i = 0; i < t->n_names; i++) {
        if (ops[i].n > 0)
            ops[n++] = ops[i];
    }
    fr_sort(ops, n, sizeof ops[0], most_first);
    *n_out = n;
    return ops;
}

json_t *fr_op_table_json(const fr_op_table *t)
{
    const fr_overlay_sums *s = t->sums;
    size_t n;
    op *ops = sum_up(t->trace, &n);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const fr_trace_name *name = &t->trace->names[ops[i].name];
        json_t *text = json_string(name->text), *o = json_object();
        json_object_set_new(o, "name", text != NULL ? text : json_string("?"));
        json_object_set_new(o, "category", json_string(name->category));
        json_object_set_new(o, "times", json_integer((json_int_t)ops[i].n));
        json_object_set_new(o, "self_s", fr_json_f64(ops[i].self_s));
        json_object_set_new(o, "energy_j", fr_json_f64(ops[i].joules));
        json_object_set_new(o, "share_ratio",
                            fr_json_f64(s->total_j > 0 ? ops[i].joules / s->total_j : NAN));
        if (ops[i].flops > 0)
            json_object_set_new(o, "flops", fr_json_f64(ops[i].flops));
        if (ops[i].bytes > 0)
            json_object_set_new(o, "bytes", fr_json_f64(ops[i].bytes));
        json_array_append_new(list, o);
    }
    free(ops);
    return json_pack(
        "{s:s, s:s, s:s, s:{s:o, s:o, s:o, s:o}, s:{s:o, s:o, s:o, s:o}, s:I, s:I, s:o}", "form",
        t->trace->form, "source", t->power->source, "method", fr_method_name(t->power->method),
        "energy_j", "total", fr_json_f64(s->total_j), "operations", fr_json_f64(s->events_j),
        "gaps", fr_json_f64(s->gap_j), "outside", fr_json_f64(s->outside_j), "time_s", "trace",
        fr_json_f64(s->span_s), "operations", fr_json_f64(s->events_s), "gaps",
        fr_json_f64(s->gap_s), "uncovered", fr_json_f64(s->uncovered_s), "events",
        (json_int_t)t->trace->n_events, "skipped", (json_int_t)t->trace->n_skipped, "operations",
        list);
}

static void put_row(fr_buf *out, double joules, double total_j, double seconds, size_t times,
                    const char *name)
{
    char text[32], took[FR_TIME_TEXT], count[32] = "";
    fr_text_j(joules, text);
    fr_duration_text(seconds, took);
    if (seconds < 1e-3)
        snprintf(took, sizeof took, "%.3g us", seconds * 1e6);
    if (times > 0)
        snprintf(count, sizeof count, "%zu", times);
    fr_buf_put_f(out, "%10s %5.1f%% %14s %8s  %.200s\n", text,
                 total_j > 0 ? 100 * joules / total_j : 0, took, count, name);
}

void fr_op_table_text(const fr_op_table *t, size_t top, fr_buf *out)
{
    const fr_overlay_sums *s = t->sums;
    size_t n;
    op *ops = sum_up(t->trace, &n);
    double rest_j = 0, rest_s = 0;
    fr_buf_put_f(out, "%10s %6s %14s %8s  %s\n", "energy", "share", "self time", "times",
                 "operation");
    for (size_t i = 0; i < n; i++) {
        if (top == 0 || i < top) {
            put_row(out, ops[i].joules, s->total_j, ops[i].self_s, ops[i].n,
                    t->trace->names[ops[i].name].text);
        } else {
            rest_j += ops[i].joules;
            rest_s += ops[i].self_s;
        }
    }
    if (top != 0 && n > top) {
        char name[64];
        snprintf(name, sizeof name, "(%zu more operations)", n - top);
        put_row(out, rest_j, s->total_j, rest_s, 0, name);
    }
    put_row(out, s->gap_j, s->total_j, s->gap_s, 0, "(nothing ran)");
    put_row(out, s->total_j, s->total_j, s->span_s, 0, "all of the trace");
    char outside[32];
    fr_text_j(s->outside_j, outside);
    fr_buf_put_f(out, "energy by %s (%s); %s before and after the trace is nobody's\n",
                 t->power->source, fr_method_name(t->power->method), outside);
    if (s->uncovered_s > 0.01 * s->span_s)
        fr_buf_put_f(out, "%.3g s of the trace have no energy: the power does not cover them\n",
                     s->uncovered_s);
    free(ops);
}
