/* Phases that a metered program told of, as JSON and as a table. */
#include <math.h>
#include <string.h>

#include "cli/meter_report.h"

#define ROWS_SHOWN 24

static json_t *counts_json(const fr_mark_count *list, size_t n)
{
    json_t *o = json_object();
    for (size_t i = 0; i < n; i++)
        json_object_set_new(o, list[i].name, fr_json_f64(list[i].value));
    return o;
}

static json_t *phase_json(const fr_mark_phase *p)
{
    json_t *o = json_object();
    json_object_set_new(o, "path", json_string(p->path));
    json_object_set_new(o, "times", json_integer((json_int_t)p->n));
    json_object_set_new(o, "duration_s", fr_json_f64(p->duration_s));
    json_object_set_new(o, "cpu_s", fr_json_f64(p->cpu_s));
    json_object_set_new(o, "gpu_s", fr_json_f64(p->gpu_s));
    json_object_set_new(o, "energy_j",
                        json_pack("{s:o, s:o, s:o}", "total", fr_json_f64(p->total.value_j),
                                  "active", fr_json_f64(p->active.value_j), "idle",
                                  fr_json_f64(p->idle.value_j)));
    json_object_set_new(o, "energy_low_j", fr_json_f64(p->total.low_j));
    json_object_set_new(o, "energy_high_j", fr_json_f64(p->total.high_j));
    json_object_set_new(o, "method", json_string(fr_method_name(p->total.method)));
    json_object_set_new(o, "work", counts_json(p->work, p->n_work));
    json_object_set_new(o, "quality", counts_json(p->quality, p->n_quality));
    json_t *per = json_object();
    for (size_t i = 0; i < p->n_work; i++) {
        if (p->work[i].value > 0)
            json_object_set_new(per, p->work[i].name,
                                fr_json_f64(p->total.value_j / p->work[i].value));
    }
    json_object_set_new(o, "energy_j_per", per);
    return o;
}

json_t *fr_meter_phases_json(const fr_mark_summary *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->n_phases; i++) {
        if (s->phases[i].n > 0)
            json_array_append_new(list, phase_json(&s->phases[i]));
    }
    return json_pack("{s:o, s:{s:I, s:I, s:I, s:I}}", "phases", list, "marks", "taken",
                     (json_int_t)s->taken, "dropped", (json_int_t)s->dropped, "unbalanced",
                     (json_int_t)s->unbalanced, "malformed", (json_int_t)s->malformed);
}

static void put_phase(const fr_mark_phase *p, fr_buf *out)
{
    char text[48], joules[32];
    const char *name = strrchr(p->path, '/') != NULL ? strrchr(p->path, '/') + 1 : p->path;
    fr_text_energy(p->total, text);
    fr_buf_put_f(out, "  phase     %10s   %*s%s: %.3g s", text, (int)(2 * p->depth), "", name,
                 p->duration_s);
    if (p->n > 1)
        fr_buf_put_f(out, " in %zu times", p->n);
    for (size_t i = 0; i < p->n_work; i++) {
        fr_buf_put_f(out, ", %.6g %s", p->work[i].value, p->work[i].name);
        if (p->work[i].value > 0) {
            fr_text_j(p->total.value_j / p->work[i].value, joules);
            fr_buf_put_f(out, " (%s each)", joules);
        }
    }
    for (size_t i = 0; i < p->n_quality; i++)
        fr_buf_put_f(out, ", %s %.4g", p->quality[i].name, p->quality[i].value);
    fr_buf_put_s(out, "\n");
}

static void put_lost(uint64_t n, const char *what, fr_buf *out)
{
    if (n > 0)
        fr_buf_put_f(out, "  marks     %10llu   %s\n", (unsigned long long)n, what);
}

void fr_meter_phases_text(const fr_mark_summary *s, const fr_used *whole, fr_buf *out)
{
    size_t shown = 0, n = 0;
    fr_energy outer = fr_energy_zero();
    for (size_t i = 0; i < s->n_phases; i++) {
        if (s->phases[i].n == 0)
            continue;
        if (s->phases[i].depth == 0)
            outer = fr_energy_add(outer, s->phases[i].total);
        if (n++ < ROWS_SHOWN) {
            put_phase(&s->phases[i], out);
            shown++;
        }
    }
    if (n > shown)
        fr_buf_put_f(out, "  phase     %10s   %zu more: --json has all\n", "", n - shown);
    if (n > 0) {
        char text[48];
        fr_energy rest = whole->total;
        rest.value_j -= outer.value_j;
        fr_text_energy(rest, text);
        fr_buf_put_f(out, "  phase     %10s   (in no phase)\n", text);
    }
    put_lost(s->dropped, "dropped: more at once than can be kept", out);
    put_lost(s->unbalanced, "without their begin or their end", out);
    put_lost(s->malformed, "not understood", out);
}
