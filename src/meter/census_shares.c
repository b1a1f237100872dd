/*
 * What each is charged with: of each device the draw above its rest, by each one's own time over
 * everybody's. Sums are not closed by force: idle and interrupts have counts of their own.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "meter/census_priv.h"

#define USERS_MOST 4096

static bool tells_of_processes(const fr_device_reading *d)
{
    return d->kind == FR_DEVICE_GPU || d->kind == FR_DEVICE_ACCELERATOR;
}

/* Above rest. By a counter the range crosses (the least work is the least count over the most
 * rest); by a curve low, mid and high are three machines, each consistent in itself. */
static fr_energy work_of(const fr_device_reading *d)
{
    bool crosses = d->method != FR_METHOD_MODELLED;
    return (fr_energy){
        .value_j = d->machine_j - d->rest_j,
        .low_j = fmax(d->machine_low_j - (crosses ? d->rest_high_j : d->rest_low_j), 0),
        .high_j = d->machine_high_j - (crosses ? d->rest_low_j : d->rest_high_j),
        .method = d->method,
        .source = d->source,
    };
}

static fr_energy rest_of(const fr_device_reading *d)
{
    return (fr_energy){ d->rest_j, d->rest_low_j, d->rest_high_j, d->method, d->source };
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

/* ---- GPU ---- */

static const fr_device_user *known(const fr_census *c, const fr_device_user *like)
{
    for (size_t i = 0; i < c->n_users; i++) {
        if (c->users[i].pid == like->pid && strcmp(c->users[i].device, like->device) == 0)
            return &c->users[i];
    }
    return NULL;
}

/* What everybody worked on a device before: of any user that we had on it. */
static double device_before_s(const fr_census *c, const fr_device_user *like)
{
    for (size_t i = 0; i < c->n_users; i++) {
        if (strcmp(c->users[i].device, like->device) == 0)
            return c->users[i].device_busy_s;
    }
    return 0;
}

static const fr_device_reading *device_of(const fr_reading *r, const char *name)
{
    for (size_t i = 0; i < r->n_devices; i++) {
        if (strcmp(r->devices[i].name, name) == 0)
            return &r->devices[i];
    }
    return NULL;
}

/* Charges the users of GPUs; what nobody visible worked for stays in *unseen. */
static void share_gpus(fr_census *c, fr_meter *meter, const fr_reading *window, fr_energy *charged,
                       fr_energy *unseen)
{
    fr_device_user *users = FR_NEW_N(fr_device_user, USERS_MOST);
    double *left = FR_NEW_N(double, FR_METER_DEVICES);
    size_t n = meter != NULL ? fr_meter_device_users(meter, users, USERS_MOST) : 0;
    for (size_t i = 0; i < FR_METER_DEVICES; i++)
        left[i] = 1;
    for (size_t i = 0; i < n; i++) {
        const fr_device_user *before = known(c, &users[i]);
        const fr_device_reading *d = device_of(window, users[i].device);
        fr_person *p = fr_person_find(c->now, c->n_now, users[i].pid);
        double did_s = users[i].busy_s - (before != NULL ? before->busy_s : 0);
        if (d == NULL || p == NULL || !(did_s > 0))
            continue;
        double share = ratio(did_s, users[i].device_busy_s - device_before_s(c, &users[i]));
        fr_energy part = fr_energy_scale(work_of(d), share);
        left[d - window->devices] -= share;
        p->gpu_s += did_s;
        p->gpu_j += part.value_j;
        charged[p - c->now] = fr_energy_add(charged[p - c->now], part);
    }
    for (size_t i = 0; i < window->n_devices; i++) {
        if (tells_of_processes(&window->devices[i]))
            *unseen =
                fr_energy_add(*unseen, fr_energy_scale(work_of(&window->devices[i]), left[i]));
    }
    free(left);
    free(c->users);
    c->users = users;
    c->n_users = n;
}

/* ---- rows ---- */

static int by_joules(double a_j, double b_j, double a_s, double b_s, double a_bytes, double b_bytes)
{
    if (a_j != b_j)
        return a_j > b_j ? -1 : 1;
    if (a_s != b_s)
        return a_s > b_s ? -1 : 1;
    return a_bytes > b_bytes ? -1 : a_bytes < b_bytes;
}

static int most_first(const void *a, const void *b)
{
    const fr_census_process *x = a, *y = b;
    int order = by_joules(x->active.value_j, y->active.value_j, x->cpu_s + x->ended_s,
                          y->cpu_s + y->ended_s, x->ram_bytes, y->ram_bytes);
    return order != 0 ? order : x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int most_first_group(const void *a, const void *b)
{
    const fr_census_group *x = a, *y = b;
    int order = by_joules(x->active.value_j, y->active.value_j, x->cpu_s + x->ended_s,
                          y->cpu_s + y->ended_s, x->ram_bytes, y->ram_bytes);
    return order != 0 ? order : strcmp(x->path, y->path);
}

static void put_group_rows(fr_census *c, bool has_gpu)
{
    if (c->group_rows_cap < c->n_groups) {
        c->group_rows_cap = c->n_groups;
        c->group_rows = fr_array_resize(c->group_rows, c->group_rows_cap, sizeof c->group_rows[0]);
    }
    for (size_t i = 0; i < c->n_groups; i++)
        c->group_rows[i] = (fr_census_group){ .name = c->groups[i].name,
                                              .path = c->groups[i].path,
                                              .gpu_s = has_gpu ? 0 : NAN,
                                              .active = fr_energy_zero() };
}

static void add_to_group(fr_census_group *g, const fr_census_process *p)
{
    g->n_processes++;
    g->cpu_s += p->cpu_s;
    g->ended_s += p->ended_s;
    g->gpu_s += p->gpu_s;
    g->ram_bytes += p->ram_bytes;
    g->cpu_j += p->cpu_j;
    g->gpu_j += p->gpu_j;
    g->active = fr_energy_add(g->active, p->active);
}

/* Sorts the groups' rows, drops those without processes, and leads the processes to them. */
static size_t order_groups(fr_census *c)
{
    size_t n = 0, *moved = FR_NEW_N(size_t, c->n_groups);
    fr_sort(c->group_rows, c->n_groups, sizeof c->group_rows[0], most_first_group);
    for (size_t i = 0; i < c->n_groups; i++) {
        if (c->group_rows[i].n_processes == 0)
            continue;
        moved[fr_census_group_of(c, c->group_rows[i].path)] = n;
        c->group_rows[n++] = c->group_rows[i];
    }
    for (size_t i = 0; i < c->n_now; i++)
        c->rows[i].group = moved[c->rows[i].group];
    free(moved);
    return n;
}

static void make_room(fr_census *c)
{
    if (c->rows_cap >= c->n_now)
        return;
    c->rows_cap = c->n_now + c->n_now / 4;
    c->rows = fr_array_resize(c->rows, c->rows_cap, sizeof c->rows[0]);
}

void fr_census_share(fr_census *c, fr_meter *meter, const fr_reading *window, fr_census_view *out)
{
    fr_energy by_cpu = fr_energy_zero(), idle = fr_energy_zero(), unseen = fr_energy_zero();
    bool has_gpu = false;
    double seen_s = c->interrupts_s;
    for (size_t i = 0; i < window->n_devices; i++) {
        const fr_device_reading *d = &window->devices[i];
        idle = fr_energy_add(idle, rest_of(d));
        if (tells_of_processes(d))
            has_gpu = true;
        else
            by_cpu = fr_energy_add(by_cpu, work_of(d));
    }
    make_room(c);
    fr_energy *charged = FR_NEW_N(fr_energy, c->n_now);
    for (size_t i = 0; i < c->n_now; i++) {
        fr_person *p = &c->now[i];
        p->gpu_s = p->gpu_j = 0;
        charged[i] = fr_energy_scale(by_cpu, ratio(p->cpu_s + p->ended_s, c->busy_s));
        seen_s += p->cpu_s + p->ended_s;
    }
    if (has_gpu)
        share_gpus(c, meter, window, charged, &unseen);
    bool tells = has_gpu && c->n_users > 0;
    put_group_rows(c, tells);
    for (size_t i = 0; i < c->n_now; i++) {
        const fr_person *p = &c->now[i];
        c->rows[i] = (fr_census_process){
            .pid = p->pid,
            .parent = p->parent,
            .group = p->group,
            .cpu_s = p->cpu_s,
            .ended_s = p->ended_s,
            .gpu_s = tells ? p->gpu_s : NAN,
            .ram_bytes = p->ram_bytes,
            .cpu_j = charged[i].value_j - p->gpu_j,
            .gpu_j = p->gpu_j,
            .active = charged[i],
        };
        memcpy(c->rows[i].name, p->name, sizeof c->rows[i].name);
        add_to_group(&c->group_rows[p->group], &c->rows[i]);
    }
    free(charged);
    size_t n_groups = order_groups(c);
    fr_sort(c->rows, c->n_now, sizeof c->rows[0], most_first);
    double unseen_s = fmax(c->busy_s - seen_s, 0);
    *out = (fr_census_view){
        .duration_s = window->duration_s,
        .busy_s = c->busy_s,
        .processes = c->rows,
        .n_processes = c->n_now,
        .groups = c->group_rows,
        .n_groups = n_groups,
        .machine = fr_reading_machine(window),
        .idle = idle,
        .interrupts = fr_energy_scale(by_cpu, ratio(c->interrupts_s, c->busy_s)),
        /* Nobody was seen to work at all: then it is nobody's. */
        .unseen = fr_energy_add(unseen,
                                fr_energy_scale(by_cpu, c->busy_s > 0 ? unseen_s / c->busy_s : 1)),
        .n_over = c->n_over,
        .interrupts_s = c->interrupts_s,
        .unseen_s = unseen_s,
    };
}
