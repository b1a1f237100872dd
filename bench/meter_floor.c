/*
 * The least that a sample can cost here: a program that wakes up as often as the meter does and
 * only reads what a sample of power needs. CPU time by the kernel's account of the thread.
 *
 *     cc -O2 -o meter_floor bench/meter_floor.c && ./meter_floor [HZ] [SAMPLES]    (default 10 200)
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long cpu_ns(void)
{
    char text[128] = "";
    int fd = open("/proc/self/schedstat", O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
        exit(1);
    close(fd);
    return atoll(text);
}

static void measure(const char *what, double hz, int n, int stat_fd, int with_clock)
{
    static char text[32768];
    clockid_t clock;
    struct timespec due, now;
    clock_getcpuclockid(getppid(), &clock);
    clock_gettime(CLOCK_MONOTONIC, &due);
    long long before_ns = cpu_ns();
    for (int i = 0; i < n; i++) {
        long long next_ns = due.tv_nsec + (long long)(1e9 / hz);
        due.tv_sec += next_ns / 1000000000;
        due.tv_nsec = next_ns % 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        if (stat_fd >= 0 && pread(stat_fd, text, sizeof text, 0) <= 0)
            exit(1);
        if (with_clock)
            clock_gettime(clock, &now);
    }
    double each_us = (double)(cpu_ns() - before_ns) * 1e-3 / n;
    printf("%-40s %6.1f us each, %.4f%% of one core at %g a second\n", what, each_us,
           each_us * hz * 1e-4, hz);
}

int main(int argc, char **argv)
{
    double hz = argc > 1 ? atof(argv[1]) : 10;
    int n = argc > 2 ? atoi(argv[2]) : 200, fd = open("/proc/stat", O_RDONLY);
    measure("waking up", hz, n, -1, 0);
    measure("and a process's CPU clock", hz, n, -1, 1);
    measure("and /proc/stat", hz, n, fd, 1);
    return 0;
}
