/*
 * What a take of the census costs, beside how many processes there are: N sleeping children, CPU
 * time of the takes. usage: census_bench [N…] (default 100 1000 5000 10000)
 *
 *     cc -O2 -Iinclude -Isrc bench/census.c build/libfrugal_core.a $(pkg-config --libs …) -lm -ldl
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "meter/census.h"

#define TAKES 20

int main(int argc, char **argv)
{
    static const char *const SIZES[] = { "100", "1000", "5000", "10000" };
    size_t n_sizes = argc > 1 ? (size_t)argc - 1 : 4, n_children = 0;
    pid_t *children = calloc(100000, sizeof *children);
    fr_meter *meter = NULL;
    fr_census *census = NULL;
    fr_reading a, b, window;
    fr_census_view view;
    fr_meter_options options = { .no_thread = true, .pid = getppid() /* not our thousands */ };
    if (fr_meter_open(&options, &meter, NULL) != 0 || fr_census_open(NULL, &census, NULL) != 0)
        return 1;
    for (size_t i = 0; i < n_sizes; i++) {
        size_t wanted = (size_t)atol(argc > 1 ? argv[i + 1] : SIZES[i]);
        for (; n_children < wanted; n_children++) {
            children[n_children] = fork();
            if (children[n_children] == 0)
                for (;;)
                    pause();
            if (children[n_children] < 0)
                break;
        }
        double first_s = 0, cpu_s = 0;
        for (int take = 0; take <= TAKES; take++) {
            fr_meter_read(meter, &a, NULL);
            usleep(20000);
            fr_meter_read(meter, &b, NULL);
            fr_reading_between(&a, &b, &window);
            if (fr_census_take(census, meter, &window, &view, NULL) != 0)
                return 1;
            if (take == 0)
                first_s = view.census_cpu_s;
            else
                cpu_s += view.census_cpu_s / TAKES;
        }
        printf("%6zu processes: %.3f ms CPU a take (the first, that meets the new ones, %.1f ms)\n",
               view.n_processes, cpu_s * 1e3, first_s * 1e3);
        fflush(stdout);
    }
    for (size_t i = 0; i < n_children; i++)
        kill(children[i], SIGKILL);
    while (wait(NULL) > 0)
        continue;
    fr_census_close(census);
    fr_meter_close(meter);
    return 0;
}
