/* The user's own metric: a program that scores rows, JSON Lines in and out. */
#include <jansson.h>
#include <math.h>

#include "base/proc.h"
#include "quality/quality.h"

static json_t *text_of(fr_str s)
{
    json_t *text = json_stringn(s.at != NULL ? s.at : "", s.n);
    return text != NULL ? text : json_string(""); /* not UTF-8 */
}

static void put_row(fr_buf *in, const fr_str *input, fr_str prediction, fr_str reference)
{
    json_t *row = json_object();
    if (input != NULL)
        json_object_set_new(row, "input", text_of(*input));
    json_object_set_new(row, "prediction", text_of(prediction));
    json_object_set_new(row, "reference", text_of(reference));
    char *line = json_dumps(row, JSON_COMPACT);
    fr_buf_put_s(in, line != NULL ? line : "{}");
    fr_buf_put_c(in, '\n');
    free(line);
    json_decref(row);
}

static bool score_of(fr_str line, double *score)
{
    json_t *row = json_loadb(line.at, line.n, JSON_DECODE_ANY, NULL);
    json_t *number = json_is_object(row) ? json_object_get(row, "score") : row;
    bool fine = json_is_number(number) && isfinite(json_number_value(number));
    if (fine)
        *score = json_number_value(number);
    json_decref(row);
    return fine;
}

static int read_scores(const char *shell, fr_str out, size_t n, double *scores, fr_err *err)
{
    static const char HINT[] =
        "It must write one line for each line it reads: {\"score\": 0.5}, in the same order.";
    size_t got = 0, line_no = 0;
    fr_str line;
    while (fr_str_next(&out, '\n', &line)) {
        line_no++;
        line = fr_str_trim(line);
        if (line.n == 0)
            continue;
        double score = 0.0;
        if (!score_of(line, &score))
            return fr_fail(err, FR_E_CHILD, HINT, "line %zu of the metric '%s' has no score: %.*s",
                           line_no, shell, (int)FR_MIN(line.n, 80), line.at);
        if (got == n)
            return fr_fail(err, FR_E_CHILD, HINT, "the metric '%s' wrote more than %zu scores",
                           shell, n);
        scores[got++] = score;
    }
    if (got < n)
        return fr_fail(err, FR_E_CHILD, HINT, "the metric '%s' wrote %zu scores for %zu rows",
                       shell, got, n);
    return 0;
}

int fr_metric_command(const char *shell, const char *cwd, double timeout_s, const fr_str *inputs,
                      const fr_str *predictions, const fr_str *references, size_t n, double *scores,
                      const fr_progress *progress, fr_err *err)
{
    FR_AUTO(fr_buf) in = { 0 };
    for (size_t i = 0; i < n; i++)
        put_row(&in, inputs != NULL ? &inputs[i] : NULL, predictions[i], references[i]);
    FR_AUTO(fr_proc_result) done = { 0 };
    FR_TRY(fr_proc_run(&(fr_proc_options){ .shell = shell,
                                           .cwd = cwd,
                                           .input = fr_buf_str(&in),
                                           .timeout_s = timeout_s,
                                           .progress = progress },
                       &done, err));
    if (done.exit_code != 0)
        return fr_fail(err, FR_E_CHILD, "Run it by hand on one row to see why.",
                       "the metric '%s' ended with status %d: %.*s", shell, done.exit_code,
                       FR_STR_F(fr_str_trim(fr_buf_str(&done.err_tail))));
    return read_scores(shell, fr_buf_str(&done.out), n, scores, err);
}
