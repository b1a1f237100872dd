/*
 * "at-the-wall 1": what the devices' lines do not hold of a machine: board and fans, and the loss
 * of its power supply. Told apart, beside a real meter where there is one, never added:
 *
 *     E = (devices + board W x time) / efficiency
 *
 * A virtual machine has no board of its own to count; its host's supply loses all the same.
 */
#include "meter/meter_priv.h"
#include "tables/tables.h"

void fr_whole_model(const fr_host *host, const fr_device_reading *devices, size_t n,
                    double duration_s, fr_whole_reading *out)
{
    fr_constant board = fr_constant_of(host->is_client ? "board_client_w" : "board_server_w");
    fr_constant efficiency = fr_constant_of("psu_efficiency_ratio");
    fr_range sum = { board.low * duration_s, board.mid * duration_s, board.high * duration_s };
    if (host->is_virtual)
        sum = (fr_range){ 0, 0, 0 };
    for (size_t i = 0; i < n; i++) {
        if (devices[i].kind != FR_DEVICE_NETWORK) /* that is outside of the machine */
            sum = fr_range_add(sum, (fr_range){ devices[i].machine_low_j, devices[i].machine_j,
                                                devices[i].machine_high_j });
    }
    *out = (fr_whole_reading){ .name = "at the wall",
                               .source = host->is_virtual
                                             ? "model at-the-wall 1 (our share of the host)"
                                             : "model at-the-wall 1",
                               .energy_j = sum.mid / efficiency.mid,
                               .low_j = sum.low / efficiency.high,
                               .high_j = sum.high / efficiency.low,
                               .metered_s = duration_s };
}
