/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/top_screen.h"

static fr_reading window;
static fr_census_process processes[40];
static fr_census_group groups[2];
static fr_census_view view;
static fr_place place;

/* A node of so many GPUs, and processes whose names are as long as they can be. */
static fr_top_state node(size_t n_gpus)
{
    window = (fr_reading){ .duration_s = 2, .n_devices = n_gpus + 1 };
    for (size_t i = 0; i <= n_gpus; i++) {
        fr_device_reading *d = &window.devices[i];
        bool gpu = i < n_gpus;
        *d = (fr_device_reading){ .kind = gpu ? FR_DEVICE_GPU : FR_DEVICE_CPU,
                                  .method = gpu ? FR_METHOD_MEASURED : FR_METHOD_MODELLED,
                                  .source = gpu ? "nvml energy counter" : "model cpu-curve 1",
                                  .machine_j = gpu ? 1400.0 - (double)i : 100,
                                  .machine_low_j = gpu ? 1300 : 50,
                                  .machine_high_j = gpu ? 1500 : 200,
                                  .busy_s = 1,
                                  .capacity_s = 2 };
        snprintf(d->name, sizeof d->name, gpu ? "gpu-%zu NVIDIA H100 80GB HBM3" : "cpu", i);
    }
    groups[0] = (fr_census_group){ .name = { .kind = FR_GROUP_CONTAINER, .runtime = "docker" },
                                   .path = "/docker/4f2a" };
    memset(groups[0].name.id, 'a', 64);
    groups[1] = (fr_census_group){ .name = { .kind = FR_GROUP_UNIT, .id = "nginx.service" },
                                   .path = "/system.slice/nginx.service" };
    for (size_t i = 0; i < FR_COUNT_OF(processes); i++) {
        processes[i] = (fr_census_process){ .pid = 4000000 + (int)i,
                                            .group = i % 2,
                                            .cpu_s = 2,
                                            .gpu_s = NAN,
                                            .ram_bytes = 7e10,
                                            .active = { 20, 10, 30, FR_METHOD_MIXED, "x" } };
        memset(processes[i].name, 'n', sizeof processes[i].name - 1);
    }
    view = (fr_census_view){ .duration_s = 2,
                             .processes = processes,
                             .n_processes = FR_COUNT_OF(processes),
                             .groups = groups,
                             .n_groups = 2,
                             .idle = { 100, 90, 110, FR_METHOD_MODELLED, "x" } };
    place = (fr_place){
        .zone = "FR", .intensity_g_per_kwh = 31, .basis = "consumption", .year = 2025, .pue = 1.2
    };
    return (fr_top_state){ .window = &window,
                           .total = &window,
                           .census = &view,
                           .place = &place,
                           .grams = 12,
                           .interval_s = 2,
                           .host = "a-host-with-a-rather-long-name.example",
                           .unix_ns = 1795348800000000000 };
}

static size_t lines_of(const fr_buf *text, size_t columns)
{
    fr_str rest = fr_buf_str(text), line;
    size_t n = 0;
    while (rest.n > 0 && fr_str_next(&rest, '\n', &line)) {
        size_t shown = 0;
        for (size_t i = 0; i < line.n; i++)
            shown += (line.at[i] & 0xC0) != 0x80;
        if (shown > columns)
            fail_msg("%zu columns: %.*s", shown, FR_STR_F(line));
        n++;
    }
    return n;
}

static void every_size_is_filled_and_none_exceeded(void **state)
{
    (void)state;
    static const size_t GPUS[] = { 0, 1, 8, 40 };
    for (size_t g = 0; g < FR_COUNT_OF(GPUS); g++) {
        fr_top_state s = node(GPUS[g]);
        for (int columns = 1; columns <= 200; columns += 7) {
            for (int rows = 1; rows <= 60; rows += 5) {
                for (int form = 0; form < 4; form++) {
                    FR_AUTO(fr_buf) text = { 0 };
                    fr_top_look look = { .columns = columns,
                                         .rows = rows,
                                         .utf8 = form % 2,
                                         .groups = form / 2,
                                         .keys = true };
                    fr_top_draw(&s, &look, &text);
                    assert_true(lines_of(&text, (size_t)columns) <= (size_t)rows);
                }
            }
        }
    }
}

static void eight_gpus_leave_room_for_who_uses_them(void **state)
{
    (void)state;
    fr_top_state s = node(8);
    FR_AUTO(fr_buf) text = { 0 };
    fr_top_draw(&s, &(fr_top_look){ .columns = 80, .rows = 24, .keys = true }, &text);
    assert_int_equal(lines_of(&text, 80), 24);
    const char *all = fr_buf_text(&text);
    assert_non_null(strstr(all, "gpu-0 NVIDIA H100 80")); /* most watts first */
    assert_non_null(strstr(all, "     700  "));           /* measured: no ~ before it */
    assert_non_null(strstr(all, "4000000"));
    assert_non_null(strstr(all, "docker aaaaaaaaaaaa"));
    assert_non_null(strstr(all, "nginx.service"));
    assert_non_null(strstr(all, "idle ~50.0 W"));
}

static void colour_is_asked_for_or_there_is_none(void **state)
{
    (void)state;
    fr_top_state s = node(1);
    FR_AUTO(fr_buf) plain = { 0 };
    FR_AUTO(fr_buf) coloured = { 0 };
    fr_top_draw(&s, &(fr_top_look){ .columns = 80, .rows = 24 }, &plain);
    fr_top_draw(&s, &(fr_top_look){ .columns = 80, .rows = 24, .colour = true }, &coloured);
    assert_null(strstr(fr_buf_text(&plain), "\033"));
    assert_non_null(strstr(fr_buf_text(&coloured), "\033[1m"));
    for (size_t i = 0; i < plain.n; i++)
        assert_true((unsigned char)plain.at[i] < 0x80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_filled_and_none_exceeded),
        cmocka_unit_test(eight_gpus_leave_room_for_who_uses_them),
        cmocka_unit_test(colour_is_asked_for_or_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
