/* frugal ledger compare: two runs or sets of repeats; a difference, or a tie. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/ledger_words.h"
#include "report/compare.h"

static int parse_limit(const char *text, double *out, fr_err *err)
{
    fr_str s = fr_str_trim(fr_str_of(text));
    bool percent = fr_str_ends(s, FR_STR("%"));
    if (percent)
        s.n--;
    if (!fr_str_to_f64(s, out) || !(*out >= 0 && *out <= 1000))
        return fr_fail(err, FR_E_USAGE, "As --max-regression 5%.",
                       "--max-regression '%s' is not a percentage", text);
    *out /= 100;
    return 0;
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / (double)n : NAN;
}

static json_t *side_json(const fr_sample *s)
{
    return json_pack("{s:s,s:I,s:I,s:s,s:o,s:o,s:o,s:o}", "what", s->label, "runs",
                     (json_int_t)s->n, "left_out", (json_int_t)s->n_left_out, "method",
                     fr_method_name(s->method), "energy_j", fr_json_f64(mean_of(s->energy_j, s->n)),
                     "work_s", fr_json_f64(mean_of(s->work_s, s->n)), "carbon_g",
                     fr_json_f64(mean_of(s->carbon_g, s->n)), "duration_s",
                     fr_json_f64(mean_of(s->duration_s, s->n)));
}

static json_t *interval_json(fr_interval i)
{
    return json_pack("{s:o,s:o,s:o}", "value_ratio", fr_json_f64(i.value), "low_ratio",
                     fr_json_f64(i.low), "high_ratio", fr_json_f64(i.high));
}

static json_t *whole_json(const fr_sample *a, const fr_sample *b, const fr_comparison *c,
                          double limit, bool over)
{
    return json_pack("{s:o,s:o,s:s,s:s,s:b,s:o,s:{s:o,s:o,s:o,s:o},s:o,s:b}", "a", side_json(a),
                     "b", side_json(b), "grade", fr_grade_name(c->grade), "judged", c->judged,
                     "tie", c->tie, "why", c->why != NULL ? json_string(c->why) : json_null(),
                     "change", "energy", interval_json(c->energy), "work", interval_json(c->work),
                     "carbon", interval_json(c->carbon), "duration", interval_json(c->duration),
                     "max_regression_ratio", fr_json_f64(limit), "regressed", over);
}

static void put_line(const char *name, double a, double b, const char *unit, fr_interval i)
{
    char range[48] = "";
    if (!isnan(i.low))
        snprintf(range, sizeof range, "%+.1f%% to %+.1f%%", 100 * i.low, 100 * i.high);
    printf("  %-15s %10.4g %-2s %10.4g %-2s %+8.1f%%  %s\n", name, a, unit, b, unit, 100 * i.value,
           range);
}

static void put_text(const fr_sample *a, const fr_sample *b, const fr_comparison *c,
                     const char *unit)
{
    printf("%s (%zu run%s) against %s (%zu run%s)%s%s\n", b->label, b->n, b->n == 1 ? "" : "s",
           a->label, a->n, a->n == 1 ? "" : "s", unit != NULL ? ", per " : "",
           unit != NULL ? unit : "");
    if (a->n_left_out + b->n_left_out > 0)
        printf("  %zu left out: not ended well, or without such a figure\n",
               a->n_left_out + b->n_left_out);
    printf("  %-15s %13s %13s %9s  %s\n", "", "A", "B", "change", "95% interval over the repeats");
#define LINE(name, of, u, i) put_line(name, mean_of(a->of, a->n), mean_of(b->of, b->n), u, i)
    LINE("processor time", work_s, "s", c->work);
    LINE("energy", energy_j, "J", c->energy);
    LINE("carbon", carbon_g, "g", c->carbon);
    LINE("duration", duration_s, "s", c->duration);
    printf("grade %s: %s\n", fr_grade_name(c->grade),
           c->grade == FR_GRADE_A ? "counters on both sides"
                                  : "a side is modelled: processor time is judged, not energy");
    if (c->tie)
        printf("a tie: %s\n", c->why);
    else
        printf("%s takes %.1f%% %s %s\n", b->label, 100 * fabs(c->by.value),
               c->by.value < 0 ? "less" : "more", c->judged);
}

int fr_ledger_word_compare(fr_cli *cli, fr_ledger *l, fr_err *err)
{
    const char *what[2], *limit_text = fr_arg_text(cli, "max-regression", NULL);
    const char *unit = fr_arg_text(cli, "unit", NULL);
    double limit = NAN;
    FR_AUTO(fr_sample) a = { 0 };
    FR_AUTO(fr_sample) b = { 0 };
    FR_TRY(fr_arg_need(cli, 1, "what to compare with (a run, a name, or ids with commas)", &what[0],
                       err));
    FR_TRY(fr_arg_need(cli, 2, "what to compare", &what[1], err));
    if (limit_text != NULL)
        FR_TRY(parse_limit(limit_text, &limit, err));
    if (l == NULL)
        return fr_ledger_none(err);
    FR_TRY(fr_sample_of(l, what[0], unit, &a, err));
    FR_TRY(fr_sample_of(l, what[1], unit, &b, err));
    fr_comparison c = fr_compare(&a, &b);
    bool over = !isnan(limit) && !c.tie && c.by.value > limit;
    if (fr_cli_json(cli))
        FR_TRY(fr_cli_put_json(cli, whole_json(&a, &b, &c, limit, over)));
    else
        put_text(&a, &b, &c, unit);
    if (over)
        return fr_fail(err, FR_E_LIMIT, "Look at what changed, or state a larger --max-regression.",
                       "%s takes %.1f%% more %s than %s, over the limit of %.3g%%", b.label,
                       100 * c.by.value, c.judged, a.label, 100 * limit);
    return 0;
}
