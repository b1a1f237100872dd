#include "carbon/carbon.h"

#include <math.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/host.h"
#include "tables/tables.h"

#define J_PER_KWH      3.6e6
#define S_PER_YEAR     (365.25 * 86400)
#define BYTES_PER_GB   1e9
#define THREADS_UNSAID 64 /* of a server whose processor has no row */

fr_carbon fr_carbon_of(fr_energy energy, const fr_place *place, double embodied_g)
{
    double site_kwh_per_j = place->pue / J_PER_KWH; /* PUE is applied here and nowhere else */
    fr_carbon c = {
        .operational_g = energy.value_j * site_kwh_per_j * place->intensity_g_per_kwh,
        .operational_low_g = energy.low_j * site_kwh_per_j * place->intensity_low,
        .operational_high_g = energy.high_j * site_kwh_per_j * place->intensity_high,
        .embodied_g = embodied_g,
    };
    c.total_g = c.operational_g + c.embodied_g;
    return c;
}

double fr_embodied_g(const fr_embodied *e, double reserved_s)
{
    return e->total_kg * 1000 * reserved_s / e->lifetime_s * e->share_ratio;
}

void fr_embodied_range_g(const fr_embodied *e, double reserved_s, double *low_g, double *high_g)
{
    *low_g = e->total_low_kg * 1000 * reserved_s / e->lifetime_high_s * e->share_ratio;
    *high_g = e->total_high_kg * 1000 * reserved_s / e->lifetime_low_s * e->share_ratio;
}

/* Threads of one processor of the host that a virtual machine of this kind stands on. */
static double threads_of_socket(const fr_host *host)
{
    const fr_table *t = fr_table_find("cpu_families");
    for (size_t r = 0; r < fr_table_n_rows(t); r++) {
        double family, low, high, threads;
        if (strcmp(fr_table_text(t, r, fr_table_column(t, "vendor")), host->vendor) == 0 &&
            fr_table_f64(t, r, fr_table_column(t, "family"), &family) && family == host->family &&
            fr_table_f64(t, r, fr_table_column(t, "model_low"), &low) && low <= host->model &&
            fr_table_f64(t, r, fr_table_column(t, "model_high"), &high) && host->model <= high &&
            fr_table_f64(t, r, fr_table_column(t, "threads_per_socket"), &threads))
            return threads;
    }
    return THREADS_UNSAID;
}

fr_embodied fr_embodied_of_host(const fr_host *host)
{
    fr_constant base = fr_constant_of(host->is_client ? "client_embodied_kg" : "host_embodied_kg");
    fr_constant years = fr_constant_of("host_lifetime_years");
    fr_embodied e = {
        .total_kg = base.mid,
        .total_low_kg = base.low,
        .total_high_kg = base.high,
        .lifetime_s = years.mid * S_PER_YEAR,
        .lifetime_low_s = years.high * S_PER_YEAR, /* the high figure comes of the short life */
        .lifetime_high_s = years.low * S_PER_YEAR,
        .share_ratio = host->quota_threads / host->n_threads,
        .source = base.source,
    };
    if (host->is_client)
        return e;
    if (host->is_virtual) {
        e.share_ratio *= fmin(1, host->n_threads / threads_of_socket(host));
    } else {
        fr_constant socket = fr_constant_of("host_embodied_socket_kg");
        e.total_kg += socket.mid * (host->n_sockets - 1);
        e.total_low_kg += socket.low * (host->n_sockets - 1);
        e.total_high_kg += socket.high * (host->n_sockets - 1);
    }
    /* A virtual machine sees its own memory alone: the whole host has that much more by share. */
    fr_constant ram = fr_constant_of("host_embodied_ram_kg_per_gb");
    double host_gb = host->quota_ram_bytes / BYTES_PER_GB / e.share_ratio;
    e.total_kg += ram.mid * host_gb;
    e.total_low_kg += ram.low * host_gb;
    e.total_high_kg += ram.high * host_gb;
    return e;
}

void fr_embodied_add_accelerators(fr_embodied *e, int n)
{
    fr_constant each = fr_constant_of("accelerator_embodied_kg");
    if (!(e->share_ratio > 0)) /* the host has that many more by our share of it, as with memory */
        return;
    e->total_kg += n * each.mid / e->share_ratio;
    e->total_low_kg += n * each.low / e->share_ratio;
    e->total_high_kg += n * each.high / e->share_ratio;
}

fr_embodied fr_embodied_of_this_host(void)
{
    fr_host host;
    fr_host_read(NULL, NULL, &host);
    return fr_embodied_of_host(&host);
}

int fr_sci(const fr_carbon *c, double units, double *g_per_unit, fr_err *err)
{
    if (!(units > 0) || isinf(units))
        return fr_fail(err, FR_E_USAGE, "Count at least one unit of work, as --unit answers=120.",
                       "carbon per unit needs a number of units above 0, not %g", units);
    *g_per_unit = c->total_g / units;
    return 0;
}
