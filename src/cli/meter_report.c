#include "cli/meter_report.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "cli/ledger_words.h"

static const fr_device_kind KINDS[] = { FR_DEVICE_CPU,         FR_DEVICE_DRAM,    FR_DEVICE_GPU,
                                        FR_DEVICE_ACCELERATOR, FR_DEVICE_STORAGE, FR_DEVICE_NETWORK,
                                        FR_DEVICE_OTHER };

/* ---- JSON -------------------------------------------------------------------------------- */

static double part_of(fr_energy e, int which)
{
    return which < 0 ? e.low_j : which > 0 ? e.high_j : e.value_j;
}

/* which: -1 low, 0 best, 1 high. A kind is what was worked for the run; idle is its own line; what
 * has no sensor and no model is null, not 0. */
static json_t *json_energy(const fr_used *used, int which)
{
    json_t *o = json_object();
    json_object_set_new(o, "total", fr_json_f64(part_of(used->total, which)));
    for (size_t i = 0; i < FR_COUNT_OF(KINDS); i++)
        json_object_set_new(
            o, fr_device_kind_name(KINDS[i]),
            fr_json_f64(part_of(fr_reading_active(&used->reading, KINDS[i]), which)));
    json_object_set_new(o, "idle", fr_json_f64(part_of(used->idle, which)));
    return o;
}

static json_t *json_device(const fr_device_reading *d, double duration_s)
{
    json_t *o = json_object();
    double energy_j = d->active_j + d->idle_j;
    json_object_set_new(o, "name", json_string(d->name));
    json_object_set_new(o, "kind", json_string(fr_device_kind_name(d->kind)));
    json_object_set_new(o, "method", json_string(fr_method_name(d->method)));
    json_object_set_new(o, "energy_j", fr_json_f64(energy_j));
    json_object_set_new(o, "energy_low_j", fr_json_f64(d->total_low_j));
    json_object_set_new(o, "energy_high_j", fr_json_f64(d->total_high_j));
    json_object_set_new(o, "active_j", fr_json_f64(d->active_j));
    json_object_set_new(o, "idle_j", fr_json_f64(d->idle_j));
    json_object_set_new(o, "machine_j", fr_json_f64(d->machine_j));
    json_object_set_new(o, "others_j", fr_json_f64(d->machine_j - energy_j));
    json_object_set_new(o, "power_mean_w",
                        fr_json_f64(duration_s > 0 ? energy_j / duration_s : NAN));
    json_object_set_new(o, "utilization_ratio",
                        fr_json_f64(d->capacity_s > 0 ? d->busy_s / d->capacity_s : NAN));
    json_object_set_new(o, "source", json_string(d->source));
    return o;
}

/* Meters of the whole machine hold the devices and more: beside them, in no sum. */
static json_t *json_wholes(const fr_reading *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < r->n_wholes; i++) {
        const fr_whole_reading *w = &r->wholes[i];
        bool is_model = strncmp(w->source, "model ", 6) == 0;
        json_t *o = json_object();
        json_object_set_new(o, "name", json_string(w->name));
        json_object_set_new(o, "method", json_string(is_model ? "modelled" : "measured"));
        json_object_set_new(o, "energy_j", fr_json_f64(w->metered_s > 0 ? w->energy_j : NAN));
        json_object_set_new(o, "energy_low_j", fr_json_f64(w->metered_s > 0 ? w->low_j : NAN));
        json_object_set_new(o, "energy_high_j", fr_json_f64(w->metered_s > 0 ? w->high_j : NAN));
        json_object_set_new(o, "metered_s", fr_json_f64(w->metered_s));
        json_object_set_new(o, "source", json_string(w->source));
        json_array_append_new(list, o);
    }
    return list;
}

/* What the figure holds, and by silence what it does not. */
static json_t *json_boundary(const fr_meter_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < FR_COUNT_OF(KINDS); i++) {
        if (fr_reading_active(&r->used->reading, KINDS[i]).method != FR_METHOD_NONE)
            json_array_append_new(list, json_string(fr_device_kind_name(KINDS[i])));
    }
    json_array_append_new(list, json_string("idle"));
    if (r->place->pue > 1)
        json_array_append_new(list, json_string("pue (carbon only)"));
    json_array_append_new(list, json_string("embodied (carbon only)"));
    return list;
}

/* And what it does not hold, said. */
static json_t *json_left_out(const fr_meter_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; i < FR_COUNT_OF(KINDS); i++) {
        if (fr_reading_active(&r->used->reading, KINDS[i]).method == FR_METHOD_NONE)
            json_array_append_new(
                list, json_sprintf("%s: no sensor or model here", fr_device_kind_name(KINDS[i])));
    }
    if (!(r->place->pue > 1))
        json_array_append_new(list, json_string("cooling and power distribution: PUE is 1"));
    json_array_append_new(list, json_string("networks beyond the machine"));
    json_array_append_new(list, json_string("devices of those who use the result"));
    return list;
}

static fr_account_view account_of(const fr_meter_report *r)
{
    return (fr_account_view){ .place = r->place,
                              .factors = r->factors,
                              .embodied = r->embodied,
                              .reserved_s = r->used->duration_s,
                              .lines = r->used->account,
                              .embodied_g = r->used->carbon.embodied_g };
}

static json_t *json_sci_ai(const fr_sci_ai *s)
{
    return json_pack("{s:s,s:o,s:s,s:o,s:s}", "persona", fr_sci_ai_name(s->persona), "value_g",
                     fr_json_f64(s->g_per_unit), "unit", s->unit, "per_g", fr_json_f64(s->g_per),
                     "per", s->per);
}

static json_t *json_grid(const fr_place *place)
{
    json_t *o = json_object();
    json_object_set_new(o, "zone", place->zone != NULL ? json_string(place->zone) : json_null());
    json_object_set_new(o, "region",
                        place->region != NULL
                            ? json_sprintf("%s:%s", place->provider, place->region)
                            : json_null());
    json_object_set_new(o, "intensity_g_per_kwh", fr_json_f64(place->intensity_g_per_kwh));
    json_object_set_new(o, "intensity_low_g_per_kwh", fr_json_f64(place->intensity_low));
    json_object_set_new(o, "intensity_high_g_per_kwh", fr_json_f64(place->intensity_high));
    json_object_set_new(o, "basis", json_string(place->basis));
    json_object_set_new(o, "year", place->year != 0 ? json_integer(place->year) : json_null());
    json_object_set_new(o, "source", json_string(place->source));
    json_object_set_new(o, "assumed", json_boolean(place->assumed));
    return o;
}

static json_t *json_carbon(const fr_carbon *c)
{
    json_t *o = json_object();
    json_object_set_new(o, "operational", fr_json_f64(c->operational_g));
    json_object_set_new(o, "operational_low", fr_json_f64(c->operational_low_g));
    json_object_set_new(o, "operational_high", fr_json_f64(c->operational_high_g));
    json_object_set_new(o, "embodied", fr_json_f64(c->embodied_g));
    json_object_set_new(o, "total", fr_json_f64(c->total_g));
    return o;
}

json_t *fr_meter_report_json(const fr_meter_report *r)
{
    const fr_used *used = r->used;
    json_t *o = json_object(), *devices = json_array();
    for (size_t i = 0; i < used->reading.n_devices; i++)
        json_array_append_new(devices, json_device(&used->reading.devices[i], used->duration_s));
    json_object_set_new(o, "run", r->run != NULL ? json_string(r->run) : json_null());
    json_object_set_new(o, "parent", r->parent != NULL ? json_string(r->parent) : json_null());
    /* Not its arguments: they may hold what nobody should read in a report. */
    json_t *name = json_string(r->argv[0]); /* NULL when it is not UTF-8 */
    json_object_set_new(o, "command", name != NULL ? name : json_string("?"));
    json_object_set_new(o, "exit_code", r->is_attached ? json_null() : json_integer(r->exit_code));
    json_object_set_new(o, "duration_s", fr_json_f64(used->duration_s));
    json_object_set_new(o, "cpu_s", fr_json_f64(used->cpu_s));
    json_object_set_new(o, "gpu_s", fr_json_f64(used->gpu_s));
    json_object_set_new(o, "energy_j", json_energy(used, 0));
    json_object_set_new(o, "energy_low_j", json_energy(used, -1));
    json_object_set_new(o, "energy_high_j", json_energy(used, 1));
    json_object_set_new(o, "machine_j", fr_json_f64(fr_reading_machine(&used->reading).value_j));
    json_object_set_new(o, "method", json_string(fr_method_name(used->total.method)));
    json_object_set_new(o, "boundary", json_boundary(r));
    json_object_set_new(o, "left_out", json_left_out(r));
    json_object_set_new(o, "devices", devices);
    json_object_set_new(o, "whole_machine", json_wholes(&used->reading));
    json_object_set_new(o, "carbon_g", json_carbon(&used->carbon));
    json_object_set_new(o, "grid", json_grid(r->place));
    json_object_set_new(o, "pue", fr_json_f64(r->place->pue));
    json_object_set_new(o, "sci",
                        json_pack("{s:o, s:s, s:f}", "value_g", fr_json_f64(r->sci_g), "unit",
                                  r->unit, "units", r->n_units));
    fr_account_view account = account_of(r);
    json_t *lines = fr_account_json(&account);
    json_object_set_new(lines, "hourly", fr_hours_json(r->notes, r->n_notes, FR_SIGNAL_AVERAGE));
    json_object_set_new(lines, "marginal", fr_hours_json(r->notes, r->n_notes, FR_SIGNAL_MARGINAL));
    json_object_set_new(o, "account", lines);
    if (r->sci_ai != NULL)
        json_object_set_new(o, "sci_ai", json_sci_ai(r->sci_ai));
    if (r->phases != NULL)
        json_object_update_new(o, fr_meter_phases_json(r->phases));
    json_object_set_new(o, "meter_overhead_j",
                        fr_json_f64(fr_reading_overhead(&used->reading).value_j));
    json_object_set_new(o, "meter_cpu_s", fr_json_f64(used->reading.meter_cpu_s));
    json_object_set_new(o, "samples", json_integer((json_int_t)used->reading.samples));
    json_object_set_new(o, "missed", json_integer((json_int_t)used->reading.missed));
    json_object_set_new(o, "note", json_string(used->reading.note));
    return o;
}

/* ---- for people -------------------------------------------------------------------------- */

static void put_energy(fr_buf *out, const char *name, fr_energy e, const char *remark)
{
    char text[48], low[32], high[32], range[80] = "";
    if (e.method == FR_METHOD_NONE)
        return;
    fr_text_energy(e, text);
    fr_text_j(e.low_j, low);
    fr_text_j(e.high_j, high);
    if (e.high_j > e.low_j)
        snprintf(range, sizeof range, "%s to %s", low, high);
    fr_buf_put_f(out, "  %-9s %10s   %-22s %s\n", name, text, range, remark);
}

static void put_devices(const fr_used *used, fr_buf *out)
{
    for (size_t i = 0; i < FR_COUNT_OF(KINDS); i++) {
        char remark[64] = "at work";
        fr_energy e = fr_reading_active(&used->reading, KINDS[i]);
        if (KINDS[i] == FR_DEVICE_CPU)
            snprintf(remark, sizeof remark, "at work: %.3g CPU-seconds", used->cpu_s);
        else if (KINDS[i] == FR_DEVICE_GPU && !isnan(used->gpu_s))
            snprintf(remark, sizeof remark, "at work: %.3g GPU-seconds", used->gpu_s);
        put_energy(out, fr_device_kind_name(KINDS[i]), e, remark);
    }
    put_energy(out, "idle", used->idle, "drawn at rest meanwhile, whoever works");
}

static void put_carbon(const fr_meter_report *r, fr_buf *out)
{
    const fr_carbon *c = &r->used->carbon;
    const fr_place *p = r->place;
    char total[32], operational[32], embodied[32];
    fr_text_g(c->total_g, total);
    fr_text_g(c->operational_g, operational);
    fr_text_g(c->embodied_g, embodied);
    fr_buf_put_f(out, "  carbon    %10s   %s operation, %s making of the machine\n", total,
                 operational, embodied);
    fr_buf_put_f(out, "  grid      %10.4g   g/kWh, ", p->intensity_g_per_kwh);
    if (p->region != NULL)
        fr_buf_put_f(out, "%s:%s, ", p->provider, p->region);
    if (p->year != 0)
        fr_buf_put_f(out, "%s %d, %s", p->zone, p->year, p->basis);
    else
        fr_buf_put_s(out, "stated");
    if (p->assumed)
        fr_buf_put_s(out, ": assumed (say --region, --zone or --intensity)");
    fr_buf_put_f(out, "; PUE %g\n", p->pue);
    if (strcmp(r->unit, "run") != 0) {
        char sci[32];
        fr_text_g(r->sci_g, sci);
        fr_buf_put_f(out, "  SCI       %10s   per %s (%g of them)\n", sci, r->unit, r->n_units);
    }
    if (r->sci_ai != NULL) {
        char sci[32];
        fr_text_g(r->sci_ai->g_per, sci);
        fr_buf_put_f(out, "  SCI, AI   %10s   per %s, %s\n", sci, r->sci_ai->per,
                     fr_sci_ai_name(r->sci_ai->persona));
    }
    fr_account_view account = account_of(r);
    fr_account_text(&account, out);
    fr_hours_text(r->notes, r->n_notes, out);
}

/* Meters of the whole machine; the model's line only where somebody asked for one by having one. */
static void put_wholes(const fr_used *used, fr_buf *out)
{
    const fr_reading *reading = &used->reading;
    for (size_t i = 0; i < reading->n_wholes && reading->n_wholes > 1; i++) {
        char text[32];
        const fr_whole_reading *w = &reading->wholes[i];
        fr_text_j(w->energy_j, text);
        if (!(w->metered_s > 0)) {
            fr_buf_put_f(out, "  apart              -   %s: told nothing (%s)\n", w->name,
                         w->source);
            continue;
        }
        fr_buf_put_f(out, "  apart     %10s   %s: the whole machine, in no sum (%s, %.3g s)\n",
                     text, w->name, w->source, w->metered_s);
    }
}

void fr_meter_report_text(const fr_meter_report *r, fr_buf *out)
{
    const fr_used *used = r->used;
    char took[32], overhead[48];
    snprintf(took, sizeof took, "%.3g s", used->duration_s);
    fr_buf_put_f(out, "\nfrugal: %s, %s", r->argv[0], took);
    if (!r->is_attached)
        fr_buf_put_f(out, ", exit %d", r->exit_code);
    fr_buf_put_s(out, "\n");
    put_energy(out, "energy", used->total,
               used->total.method == FR_METHOD_MEASURED
                   ? "measured: grade A against another measured run"
               : used->total.method == FR_METHOD_MODELLED
                   ? "modelled: compare CPU-seconds, not joules (grade B)"
                   : "partly measured, partly modelled (grade B)");
    put_devices(used, out);
    if (r->phases != NULL)
        fr_meter_phases_text(r->phases, used, out);
    put_carbon(r, out);
    fr_text_energy(fr_reading_overhead(&used->reading), overhead);
    fr_buf_put_f(out, "  meter     %10s   its own, %.2g%% of one core\n", overhead,
                 used->duration_s > 0 ? 100 * used->reading.meter_cpu_s / used->duration_s : 0);
    for (size_t i = 0; i < used->reading.n_devices; i++)
        fr_buf_put_f(out, "%s%s", i == 0 ? "  by        " : "; ", used->reading.devices[i].source);
    fr_buf_put_s(out, "\n");
    put_wholes(used, out);
    if (used->reading.note[0] != '\0')
        fr_buf_put_f(out, "  note      %s (`frugal doctor` tells what to do)\n",
                     used->reading.note);
    if (r->parent != NULL)
        fr_buf_put_f(out, "  inside    run %s: in totals it counts once\n", r->parent);
}
