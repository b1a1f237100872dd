/*
 * What paths of control groups say, by the runtimes' own conventions:
 *
 *     …/docker/ID   …/docker-ID.scope                     docker (cgroupfs, systemd driver)
 *     …/libpod-ID.scope   …/libpod_parent/libpod-ID       podman
 *     …/cri-containerd-ID.scope   …/crio-ID.scope   …/nerdctl-ID.scope
 *     /kubepods/burstable/podUID/ID                       Kubernetes, cgroupfs driver
 *     …/kubepods-burstable-podUID_WITH_UNDERSCORES.slice/cri-containerd-ID.scope    systemd driver
 *     /slurm/uid_1000/job_12/step_0/task_0                Slurm, cgroup/v1
 *     /system.slice/slurmstepd.scope/job_12/step_0/user/task_0    Slurm, cgroup/v2
 *     /lxc/NAME   /lxc.payload.NAME   /machine.slice/systemd-nspawn@NAME.service
 *     …/NAME.service   …/NAME.scope   /user.slice/user-1000.slice/…
 *
 * ID is 64 hexadecimal digits (12 at least are asked for).
 */
#include "meter/group.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/compiler.h"

#define ID_DIGITS_LEAST 12

static const char *const KINDS[] = { "cgroup", "container", "pod", "slurm-job", "unit", "user" };

const char *fr_group_kind_name(fr_group_kind kind)
{
    return (unsigned)kind < FR_COUNT_OF(KINDS) ? KINDS[kind] : KINDS[0];
}

static bool is_hex_id(fr_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!isxdigit((unsigned char)s.at[i]))
            return false;
    }
    return s.n >= ID_DIGITS_LEAST;
}

static bool is_number(fr_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!isdigit((unsigned char)s.at[i]))
            return false;
    }
    return s.n > 0;
}

static bool cut_head(fr_str *s, const char *head)
{
    size_t n = strlen(head);
    if (!fr_str_starts(*s, fr_str_of(head)))
        return false;
    s->at += n;
    s->n -= n;
    return true;
}

static bool cut_tail(fr_str *s, const char *tail)
{
    if (!fr_str_ends(*s, fr_str_of(tail)))
        return false;
    s->n -= strlen(tail);
    return true;
}

static void keep(char *out, size_t cap, fr_str text)
{
    snprintf(out, cap, "%.*s", (int)FR_MIN(text.n, cap - 1), text.at);
}

static void name_it(fr_group_name *out, fr_group_kind kind, fr_str id, const char *runtime)
{
    out->kind = kind;
    keep(out->id, sizeof out->id, id);
    snprintf(out->runtime, sizeof out->runtime, "%s", runtime);
}

/* A scope or folder of a container. parent: the folder it is in. */
static bool is_container(fr_str part, fr_str parent, fr_group_name *out)
{
    static const struct {
        const char *head, *runtime;
    } SCOPES[] = {
        { "docker-", "docker" }, { "libpod-", "podman" },   { "cri-containerd-", "containerd" },
        { "crio-", "cri-o" },    { "nerdctl-", "nerdctl" }, { "containerd-", "containerd" },
    };
    fr_str id = part;
    cut_tail(&id, ".scope");
    for (size_t i = 0; i < FR_COUNT_OF(SCOPES); i++) {
        fr_str rest = id;
        if (cut_head(&rest, SCOPES[i].head) && is_hex_id(rest)) {
            name_it(out, FR_GROUP_CONTAINER, rest, SCOPES[i].runtime);
            return true;
        }
    }
    if (is_hex_id(part) && (fr_str_is(parent, "docker") || out->pod[0] != '\0')) {
        name_it(out, FR_GROUP_CONTAINER, part, fr_str_is(parent, "docker") ? "docker" : "");
        return true;
    }
    fr_str name = part;
    if (cut_head(&name, "lxc.payload.") || (fr_str_is(parent, "lxc") && part.n > 0)) {
        name_it(out, FR_GROUP_CONTAINER, name, "lxc");
        return true;
    }
    if (cut_head(&name, "systemd-nspawn@") && cut_tail(&name, ".service")) {
        name_it(out, FR_GROUP_CONTAINER, name, "nspawn");
        return true;
    }
    return is_hex_id(part) && part.n == 64 &&
           (name_it(out, FR_GROUP_CONTAINER, part, "containerd"), true);
}

/* "podUID", "kubepods-besteffort-podU_I_D.slice": the uid with its dashes. */
static bool is_pod(fr_str part, fr_group_name *out)
{
    fr_str uid = part;
    if (cut_tail(&uid, ".slice")) {
        size_t at;
        if (!fr_str_starts(uid, FR_STR("kubepods")) && !fr_str_starts(uid, FR_STR("kubelet")))
            return false;
        if (!fr_str_find(uid, FR_STR("-pod"), &at))
            return false;
        uid.at += at + 4;
        uid.n -= at + 4;
    } else if (!cut_head(&uid, "pod")) {
        return false;
    }
    if (uid.n < 32 || uid.n >= sizeof out->pod)
        return false; /* a uid, not somebody's folder "podcasts" */
    for (size_t i = 0; i < uid.n; i++) {
        if (!isxdigit((unsigned char)uid.at[i]) && uid.at[i] != '-' && uid.at[i] != '_')
            return false;
    }
    keep(out->pod, sizeof out->pod, uid);
    for (char *c = out->pod; *c != '\0'; c++)
        *c = *c == '_' ? '-' : *c;
    name_it(out, FR_GROUP_POD, fr_str_of(out->pod), "kubernetes");
    return true;
}

/* A runtime that takes the systemd driver's name for a folder: "system.slice:docker:ID", and of a
 * pod "kubepods-podU_I_D.slice:cri-containerd:ID". */
static bool is_triple(fr_str part, fr_group_name *out)
{
    fr_str slice, runtime, id = part;
    if (!fr_str_next(&id, ':', &slice) || id.at == NULL || !fr_str_next(&id, ':', &runtime) ||
        id.at == NULL || !is_hex_id(id))
        return false;
    char name[sizeof out->runtime];
    is_pod(slice, out);
    cut_head(&runtime, "cri-");
    keep(name, sizeof name, runtime);
    name_it(out, FR_GROUP_CONTAINER, id, name);
    return true;
}

static bool is_unit(fr_str part)
{
    return fr_str_ends(part, FR_STR(".service")) || fr_str_ends(part, FR_STR(".scope"));
}

/* Rank of what was found so far; a later part that tells no more leaves it. */
static bool take_part(fr_str part, fr_str parent, fr_group_name *out)
{
    if (out->kind == FR_GROUP_CONTAINER || out->kind == FR_GROUP_SLURM_JOB)
        return false; /* what runs inside has folders of its own */
    if (is_triple(part, out) || is_pod(part, out) || is_container(part, parent, out))
        return true;
    fr_str rest = part;
    if (cut_head(&rest, "job_") && is_number(rest)) {
        name_it(out, FR_GROUP_SLURM_JOB, rest, "slurm");
        return true;
    }
    if (out->kind == FR_GROUP_POD)
        return false;
    if (is_unit(part)) {
        name_it(out, FR_GROUP_UNIT, part, "systemd");
        return true;
    }
    rest = part;
    if (cut_head(&rest, "user-") && cut_tail(&rest, ".slice") && is_number(rest)) {
        name_it(out, FR_GROUP_USER, rest, "systemd");
        return true;
    }
    return false;
}

void fr_group_describe(const char *path, fr_group_name *out)
{
    *out = (fr_group_name){ 0 };
    fr_str rest = fr_str_of(path), part, parent = { "", 0 };
    while (fr_str_next(&rest, '/', &part)) {
        if (part.n > 0 && take_part(part, parent, out))
            out->depth_bytes = (size_t)(part.at + part.n - path);
        parent = part;
    }
}

void fr_group_of_text(const char *text, char path[1024])
{
    /* Lines "ID:CONTROLLERS:PATH"; 0 is the unified hierarchy, which leads where it is used. */
    static const char *const PREFERRED[] = {
        "", "cpu", "cpuacct", "name=systemd", "memory", "pids"
    };
    size_t best = FR_COUNT_OF(PREFERRED);
    fr_str rest = fr_str_of(text), line;
    snprintf(path, 1024, "/");
    while (fr_str_next(&rest, '\n', &line)) {
        fr_str id, controllers, controller;
        if (!fr_str_next(&line, ':', &id) || !fr_str_next(&line, ':', &controllers))
            continue;
        if (line.n < 2 || line.n >= 1024 || line.at[0] != '/')
            continue; /* "/" says nothing */
        while (fr_str_next(&controllers, ',', &controller)) {
            for (size_t i = 0; i < best; i++) {
                if (fr_str_is(controller, PREFERRED[i])) {
                    best = i;
                    snprintf(path, 1024, "%.*s", FR_STR_F(line));
                }
            }
        }
    }
}
