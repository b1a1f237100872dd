/* Whatever a trace file holds, it is read or refused; what is read has events in rising order of
 * their own ends and names in range, and joules laid over it are conserved. */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "profile/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[64];
    int fd = memfd_create("trace", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, n) != (ssize_t)n)
        return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    FR_AUTO(fr_trace) t = { 0 };
    FR_AUTO(fr_power) p = { 0 };
    fr_overlay_sums s;
    if (fr_trace_read(path, FR_TRACE_ANY, &t, NULL) == 0) {
        for (size_t i = 0; i < t.n_events; i++) {
            const fr_trace_event *e = &t.events[i];
            assert(e->end_ns >= e->start_ns && e->name < t.n_names && e->track < t.n_tracks);
        }
        fr_power_add(&p, 0, 500000, 3);
        fr_power_add(&p, 600000, 1000000000, 5);
        if (fr_overlay(&t, &p, 0, &s, NULL) == 0)
            assert(fabs(s.events_j + s.gap_j - s.total_j) <= 1e-6 * (1 + s.total_j));
    }
    close(fd);
    return 0;
}
