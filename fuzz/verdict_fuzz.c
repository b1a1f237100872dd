/* Any JSON shown as a verdict gives a page whose only markup is ours, without NaN, and a table. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/report.h"

static void expect_absent(const char *text, const char *what)
{
    if (strstr(text, what) != NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const json_t *verdict = json_loadb((const char *)bytes, n, 0, NULL);
    FR_AUTO(fr_buf) page = { .limit_bytes = (size_t)32 << 20 };
    FR_AUTO(fr_buf) text = { .limit_bytes = (size_t)32 << 20 };
    if (verdict == NULL)
        return 0;
    fr_report_html(&verdict, 1, NULL, &page, NULL);
    fr_report_table(verdict, 80, false, &text);
    fr_report_plot(verdict, 80, 16, &text);
    expect_absent(fr_buf_text(&page), "<script");
    expect_absent(fr_buf_text(&page), "\"nan");
    expect_absent(fr_buf_text(&page), "\"inf");
    expect_absent(fr_buf_text(&text), "\033");
    json_decref((json_t *)verdict);
    return 0;
}
