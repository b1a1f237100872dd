/* An experiment of prompts as one page: two charts, a table, and how sure the choice is. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "report/report_priv.h"

typedef enum { AXIS_TOKENS, AXIS_JOULES } axis;

static double tokens_of(const json_t *arm)
{
    return fr_json_number_at(arm, "prompt_tokens_per_row") +
           fr_json_number_at(arm, "completion_tokens_per_row");
}

static double along(const json_t *arm, axis x)
{
    return x == AXIS_TOKENS ? tokens_of(arm) : fr_json_number_at(arm, "energy_j_per_row");
}

static bool is_plotted(const json_t *arm, axis x)
{
    return along(arm, x) > 0 && isfinite(fr_json_number_at(arm, "score"));
}

static bool is_chosen(const json_t *result, const json_t *arm)
{
    const char *chosen = fr_json_text_at(result, "chosen");
    return chosen[0] != '\0' && strcmp(chosen, fr_json_text_at(arm, "name")) == 0;
}

/* The axes that hold all points and intervals; false: there is nothing to plot. */
static bool fit(const json_t *arms, axis x, fr_axes *a)
{
    size_t i, n = 0;
    const json_t *arm;
    a->x_low = a->y_low = INFINITY;
    a->x_high = 0;
    a->y_high = -INFINITY;
    json_array_foreach(arms, i, arm)
    {
        if (!is_plotted(arm, x))
            continue;
        double low = fr_json_number_at(arm, "ci_low"), high = fr_json_number_at(arm, "ci_high");
        double score = fr_json_number_at(arm, "score");
        a->x_low = fmin(a->x_low, along(arm, x));
        a->x_high = fmax(a->x_high, along(arm, x));
        a->y_low = fmin(a->y_low, isfinite(low) ? low : score);
        a->y_high = fmax(a->y_high, isfinite(high) ? high : score);
        n++;
    }
    if (n == 0)
        return false;
    a->x_low *= 0.8;
    a->x_high *= 1.25;
    fr_log_range(&a->x_low, &a->x_high);
    if (a->y_low >= 0 && a->y_high <= 1) {
        a->y_low = 0;
        a->y_high = 1;
    } else if (a->y_high - a->y_low < 1e-9) {
        a->y_low -= 0.5;
        a->y_high += 0.5;
    }
    return true;
}

static void put_point(const json_t *arm, const fr_axes *a, axis x, bool chosen, fr_boxes *boxes,
                      fr_buf *out)
{
    double px = fr_axes_x(a, along(arm, x)), py = fr_axes_y(a, fr_json_number_at(arm, "score"));
    double low = fr_json_number_at(arm, "ci_low"), high = fr_json_number_at(arm, "ci_high");
    bool finalist = fr_json_number_at(arm, "left_in_round") == 0;
    fr_buf_put_s(out, "<g><title>");
    fr_put_escaped(out, fr_json_text_at(arm, "name"));
    fr_buf_put_f(out, ": %.3f on %.0f rows, %.1f tokens a row</title>",
                 fr_json_number_at(arm, "score"), fr_json_number_at(arm, "rows"), tokens_of(arm));
    if (isfinite(low) && isfinite(high) && finalist) {
        double y0 = fr_axes_y(a, high), y1 = fr_axes_y(a, low);
        fr_buf_put_f(out, "<path class=\"%s\" d=\"M%.1f %.1fV%.1f\"/>",
                     chosen ? "bar chosen" : "bar", px, y0, y1);
        fr_boxes_add(boxes, px - 2, y0, px + 2, y1);
    }
    fr_buf_put_f(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"/></g>\n",
                 chosen     ? "point chosen"
                 : finalist ? "point met"
                            : "point",
                 px, py, chosen ? "6" : "4");
    fr_boxes_add(boxes, px - 5, py - 5, px + 5, py + 5);
}

static void put_name(const json_t *arm, const fr_axes *a, axis x, bool chosen, fr_boxes *boxes,
                     fr_buf *out)
{
    char name[64];
    const char *whole = fr_json_text_at(arm, "name");
    size_t n = 0;
    while (n < 40 && whole[n] != '\0')
        n++;
    while (n > 0 && ((unsigned char)whole[n] & 0xc0) == 0x80)
        n--; /* no character is cut */
    snprintf(name, sizeof(name), "%.*s", (int)n, whole);
    fr_chart_label(out, boxes, a, fr_axes_x(a, along(arm, x)),
                   fr_axes_y(a, fr_json_number_at(arm, "score")), chosen ? "label chosen" : "label",
                   name);
}

static void put_chart(const json_t *result, axis x, fr_chart_size size, fr_buf *out)
{
    const json_t *arms = json_object_get(result, "arms"), *arm;
    fr_axes a = {
        .left = 44, .top = 26, .right = size.width - 20, .bottom = size.height - 40, .x_log = true
    };
    size_t i;
    if (!fit(arms, x, &a))
        return;
    const char *of = x == AXIS_TOKENS ? "tokens a row, log scale" : "energy a row, log scale";
    FR_AUTO(fr_buf) title = { 0 };
    fr_buf_put_f(&title, "%s of each variant against %s", fr_json_text_at(result, "metric"), of);
    fr_chart_open(out, size.narrow ? "chart narrow" : "chart wide", size.width, size.height,
                  fr_buf_text(&title));
    fr_chart_x_ticks(out, &a, 1, x == AXIS_TOKENS ? fr_word_short : fr_tick_j, size.narrow ? 4 : 6);
    fr_chart_y_ticks(out, &a, 1, fr_word_short, 5);
    fr_chart_text(out, "axis", 2, 13, "start", fr_json_text_at(result, "metric"));
    fr_chart_text(out, "axis", a.right, size.height - 6, "end", of);
    fr_boxes *boxes = FR_NEW(fr_boxes);
    double target = fr_json_number_at(result, "target");
    if (isfinite(target) && target >= a.y_low && target <= a.y_high) {
        double y = fr_axes_y(&a, target);
        fr_buf_put_f(out, "<path class=\"target\" d=\"M%.1f %.1fH%.1f\"/>", a.left, y, a.right);
        fr_chart_text(out, "target-text", a.right, y - 5, "end", "target");
        fr_boxes_add(boxes, a.right - 50, y - 17, a.right, y + 1);
    }
    json_array_foreach(arms, i, arm)
    {
        if (is_plotted(arm, x))
            put_point(arm, &a, x, is_chosen(result, arm), boxes, out);
    }
    size_t named = 0;
    json_array_foreach(arms, i, arm) /* the best stand first; a crowd of names helps nobody */
    {
        if (is_plotted(arm, x) && (named++ < 10 || is_chosen(result, arm)))
            put_name(arm, &a, x, is_chosen(result, arm), boxes, out);
    }
    free(boxes);
    fr_chart_close(out);
}

static void put_charts(const json_t *result, axis x, const char *heading, fr_buf *out)
{
    fr_axes a = { 0 };
    if (!fit(json_object_get(result, "arms"), x, &a))
        return;
    fr_buf_put_f(out, "<section>\n<h3>%s</h3>\n<figure>\n", heading);
    put_chart(result, x, (fr_chart_size){ 760, 380, false }, out);
    put_chart(result, x, (fr_chart_size){ 350, 320, true }, out);
    fr_buf_put_s(out, "</figure>\n</section>\n");
}

static void put_cell(fr_buf *out, double v, const char *fmt)
{
    if (isfinite(v)) {
        fr_buf_put_s(out, "<td>");
        char text[48];
        snprintf(text, sizeof(text), fmt, v);
        fr_buf_put_f(out, "%s</td>", text);
    } else {
        fr_buf_put_s(out, "<td>\xe2\x80\x93</td>");
    }
}

static void put_table(const json_t *result, fr_buf *out)
{
    const json_t *arm;
    size_t i;
    fr_buf_put_s(out, "<section>\n<h3>Variants</h3>\n<div class=\"scroll\"><table>\n<thead><tr>"
                      "<th>variant</th><th>score</th><th>rows</th><th>left in round</th>"
                      "<th>calls a row</th><th>tokens a row</th><th>CPU s a row</th>"
                      "<th>J a row</th></tr></thead>\n<tbody>\n");
    json_array_foreach(json_object_get(result, "arms"), i, arm)
    {
        const char *instruction = fr_json_text_at(arm, "instruction");
        fr_buf_put_f(out, "<tr%s><th scope=\"row\">",
                     is_chosen(result, arm) ? " class=\"chosen\"" : "");
        fr_put_escaped(out, fr_json_text_at(arm, "name"));
        if (instruction[0] != '\0') {
            fr_buf_put_s(out, "<small>");
            fr_put_escaped_n(out, instruction, 200);
            fr_buf_put_s(out, "</small>");
        }
        fr_buf_put_s(out, "</th>");
        put_cell(out, fr_json_number_at(arm, "score"), "%.3f");
        put_cell(out, fr_json_number_at(arm, "rows"), "%.0f");
        double left = fr_json_number_at(arm, "left_in_round");
        put_cell(out, left > 0 ? left : NAN, "%.0f");
        put_cell(out, fr_json_number_at(arm, "calls_per_row"), "%.1f");
        put_cell(out, tokens_of(arm), "%.1f");
        put_cell(out, fr_json_number_at(arm, "cpu_s_per_row"), "%.3g");
        put_cell(out, fr_json_number_at(arm, "energy_j_per_row"), "%.3g");
        fr_buf_put_s(out, "</tr>\n");
    }
    fr_buf_put_s(out, "</tbody></table></div>\n</section>\n");
}

static void put_words(const json_t *result, fr_buf *out)
{
    const json_t *sure = json_object_get(result, "confirmed"), *lead;
    size_t i;
    fr_buf_put_s(out, "<h2 class=\"say\"><em>");
    fr_put_escaped(out, fr_json_text_at(result, "chosen"));
    fr_buf_put_f(out, "</em> %s.</h2>\n<p class=\"lead-in\">",
                 strcmp(fr_json_text_at(result, "chosen_by"), "target") == 0
                     ? "reaches the target with the fewest tokens"
                     : "scores best");
    if (isfinite(fr_json_number_at(sure, "score")))
        fr_buf_put_f(out, "On %.0f eval rows, read once: %.3f (95%% interval %.3f to %.3f). ",
                     fr_json_number_at(sure, "rows"), fr_json_number_at(sure, "score"),
                     fr_json_number_at(sure, "ci_low"), fr_json_number_at(sure, "ci_high"));
    json_array_foreach(json_object_get(result, "leads"), i, lead)
    {
        bool tie = json_is_true(json_object_get(lead, "tie"));
        fr_buf_put_f(out, "%s ", tie ? "A tie with" : "Ahead of");
        fr_put_escaped(out, fr_json_text_at(lead, "over"));
        fr_buf_put_f(out, " (%+.3f on %.0f rows of both, p %.2g). ",
                     fr_json_number_at(lead, "difference"), fr_json_number_at(lead, "rows"),
                     fr_json_number_at(lead, "p"));
    }
    fr_buf_put_f(out, "%.0f scores were made instead of %.0f for all on all rows.</p>\n",
                 fr_json_number_at(result, "scored"),
                 fr_json_number_at(result, "scored") / fr_json_number_at(result, "scored_ratio"));
    if (strcmp(fr_json_text_at(result, "method"), "measured") != 0)
        fr_buf_put_f(out,
                     "<p class=\"lead-in\">Joules here are %s, not counted: the experiment took "
                     "%.3g s of processor time in this run.</p>\n",
                     fr_json_text_at(result, "method"), fr_json_number_at(result, "cpu_s"));
}

void fr_report_trials_html(const json_t *result, fr_buf *out)
{
    char now[FR_TIME_TEXT];
    fr_time_text(fr_now_unix_ns(), now);
    fr_buf_put_s(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"generator\" content=\"frugal " FR_VERSION "\">\n"
                      "<link rel=\"icon\" href=\"data:,\">\n<title>frugal: ");
    fr_put_escaped(out, fr_json_text_at(result, "experiment"));
    fr_buf_put_s(out, "</title>\n<style>\n");
    fr_buf_put_s(out, FR_PAGE_STYLE);
    fr_buf_put_f(out,
                 "</style>\n</head>\n<body>\n<header class=\"top\"><b>frugal</b><span>experiment, "
                 "%.10s</span></header>\n<main>\n<article>\n",
                 now);
    put_words(result, out);
    put_charts(result, AXIS_TOKENS, "Quality against tokens", out);
    put_charts(result, AXIS_JOULES, "Quality against energy", out);
    put_table(result, out);
    fr_buf_put_s(out, "</article>\n</main>\n</body>\n</html>\n");
}

/* ---- for a terminal ------------------------------------------------------------------------- */

static void put_number(fr_buf *out, double v, const char *fmt, int width)
{
    char text[32];
    snprintf(text, sizeof(text), isfinite(v) ? fmt : "-", v);
    fr_buf_put_f(out, " %*s", width, text);
}

void fr_report_trials_table(const json_t *result, int columns, fr_buf *out)
{
    const json_t *arm;
    size_t i;
    int name_w = 16, most = FR_MAX(columns - 50, 16);
    json_array_foreach(json_object_get(result, "arms"), i, arm)
    {
        int n = (int)fr_characters(fr_json_text_at(arm, "name"));
        name_w = FR_MIN(FR_MAX(name_w, n), most);
    }
    bool modelled = strcmp(fr_json_text_at(result, "method"), "measured") != 0;
    fr_buf_put_f(out, "  %-*s %6s %5s %5s %7s %9s %9s\n", name_w, "variant", "score", "rows",
                 "calls", "tokens", "CPU s/row", modelled ? "~J/row" : "J/row");
    json_array_foreach(json_object_get(result, "arms"), i, arm)
    {
        const char *name = fr_json_text_at(arm, "name");
        int n = (int)fr_characters(name), bytes = 0;
        for (int shown = 0; name[bytes] != '\0'; bytes++) {
            shown += ((unsigned char)name[bytes] & 0xc0) != 0x80;
            if (shown > name_w)
                break;
        }
        fr_buf_put_f(out, "%c %.*s%*s", is_chosen(result, arm) ? '*' : ' ', bytes, name,
                     FR_MAX(name_w - n, 0), "");
        put_number(out, fr_json_number_at(arm, "score"), "%.3f", 6);
        put_number(out, fr_json_number_at(arm, "rows"), "%.0f", 5);
        put_number(out, fr_json_number_at(arm, "calls_per_row"), "%.1f", 5);
        put_number(out, tokens_of(arm), "%.1f", 7);
        put_number(out, fr_json_number_at(arm, "cpu_s_per_row"), "%.2g", 9);
        put_number(out, fr_json_number_at(arm, "energy_j_per_row"), "%.2g", 9);
        fr_buf_put_c(out, '\n');
    }
}
