#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "meter/group.h"
#include "recorded_tree.h"

#define ID   "4f2ab5c0d1e24f2ab5c0d1e24f2ab5c0d1e24f2ab5c0d1e24f2ab5c0d1e2aabb"
#define ID2  "4f2a99c0d1e24f2ab5c0d1e24f2ab5c0d1e24f2ab5c0d1e24f2ab5c0d1e2aabb"
#define UID  "0b8f5e6a-97d1-4c40-9d7c-2f4f1c1f7a11"
#define UID_ "0b8f5e6a_97d1_4c40_9d7c_2f4f1c1f7a11"

#define close_to(value, wanted, within) assert_true(fabs((value) - (wanted)) <= (within))

/* As the runtimes' own sources and manuals form them. */
static void paths_say_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        fr_group_kind kind;
        const char *id, *pod;
    } CASES[] = {
        { "/", FR_GROUP_NONE, "", "" },
        { "/docker/" ID, FR_GROUP_CONTAINER, ID, "" },
        { "/system.slice/docker-" ID ".scope", FR_GROUP_CONTAINER, ID, "" },
        { "/system.slice/docker-" ID ".scope/init.scope", FR_GROUP_CONTAINER, ID, "" },
        { "/machine.slice/libpod-" ID ".scope/container", FR_GROUP_CONTAINER, ID, "" },
        { "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope",
          FR_GROUP_CONTAINER, ID, "" },
        { "/kubepods/burstable/pod" UID "/" ID, FR_GROUP_CONTAINER, ID, UID },
        { "/kubepods/pod" UID, FR_GROUP_POD, UID, UID },
        { "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_
          ".slice/cri-containerd-" ID ".scope",
          FR_GROUP_CONTAINER, ID, UID },
        { "/kubepods.slice/kubepods-pod" UID_ ".slice", FR_GROUP_POD, UID, UID },
        { "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_ ".slice/crio-" ID
          ".scope",
          FR_GROUP_CONTAINER, ID, UID },
        { "/slurm/uid_1000/job_42/step_0/task_1", FR_GROUP_SLURM_JOB, "42", "" },
        { "/system.slice/slurmstepd.scope/job_42/step_batch/user/task_0", FR_GROUP_SLURM_JOB, "42",
          "" },
        { "/system.slice/node7_slurmstepd.scope/job_42", FR_GROUP_SLURM_JOB, "42", "" },
        { "/lxc.payload.web/system.slice/nginx.service", FR_GROUP_CONTAINER, "web", "" },
        { "/lxc/web", FR_GROUP_CONTAINER, "web", "" },
        { "/machine.slice/systemd-nspawn@web.service/payload", FR_GROUP_CONTAINER, "web", "" },
        { "/default/" ID, FR_GROUP_CONTAINER, ID, "" },
        { "/system.slice/nginx.service", FR_GROUP_UNIT, "nginx.service", "" },
        { "/user.slice/user-1000.slice/session-3.scope", FR_GROUP_UNIT, "session-3.scope", "" },
        { "/user.slice/user-1000.slice", FR_GROUP_USER, "1000", "" },
        { "/system.slice:docker:" ID, FR_GROUP_CONTAINER, ID, "" },
        { "/system.slice/containerd.service/kubepods-burstable-pod" UID_
          ".slice:cri-containerd:" ID,
          FR_GROUP_CONTAINER, ID, UID },
        { "/system.slice/a:b.service", FR_GROUP_UNIT, "a:b.service", "" },
        { "/podcasts/podder", FR_GROUP_NONE, "", "" },
        { "/job_x", FR_GROUP_NONE, "", "" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        fr_group_name name;
        fr_group_describe(CASES[i].path, &name);
        if (name.kind != CASES[i].kind)
            fail_msg("%s is a %s", CASES[i].path, fr_group_kind_name(name.kind));
        assert_string_equal(name.id, CASES[i].id);
        assert_string_equal(name.pod, CASES[i].pod);
    }
}

static void a_process_is_in_the_group_that_counts(void **state)
{
    (void)state;
    char path[1024];
    fr_group_of_text("0::/system.slice/a.service\n", path);
    assert_string_equal(path, "/system.slice/a.service");
    fr_group_of_text("9:name=systemd:/x\n4:memory:/m/1\n2:cpu,cpuacct:/docker/1\n0::/\n", path);
    assert_string_equal(path, "/docker/1");
    fr_group_of_text("4:memory:/m/1\n0::/\n", path);
    assert_string_equal(path, "/m/1");
    fr_group_of_text("", path);
    assert_string_equal(path, "/");
    fr_group_of_text("::::\n0:\nx\n\n0::/a:b\n", path); /* a path may hold colons */
    assert_string_equal(path, "/a:b");
}

typedef struct {
    recorded_tree tree;
    char cgroupfs[128], var[128];
    fr_group_roots roots;
} node;

static void group_uses(const node *n, const char *group, double cpu_s)
{
    char path[600];
    snprintf(path, sizeof path, "cg%s/cpu.stat", group);
    tree_write(&n->tree, path, "usage_usec %.0f\nuser_usec 1\nnr_throttled 2\nthrottled_usec 250\n",
               cpu_s * 1e6);
}

/* A node of Kubernetes that also runs docker and Slurm, cgroup version 2. */
static void node_init(node *n)
{
    *n = (node){ .tree = tree_new(1, 4) };
    snprintf(n->cgroupfs, sizeof n->cgroupfs, "%s/cg", n->tree.root);
    snprintf(n->var, sizeof n->var, "%s/var", n->tree.root);
    n->roots = (fr_group_roots){ n->tree.procfs, n->cgroupfs, n->var };
    group_uses(n, "", 100);
    group_uses(n, "/system.slice/docker-" ID ".scope", 1);
    group_uses(n, "/system.slice/docker-" ID2 ".scope", 1);
    group_uses(n, "/system.slice/nginx.service", 1);
    group_uses(n, "/system.slice/slurmstepd.scope/job_42", 1);
    group_uses(n, "/system.slice/slurmstepd.scope/job_42/step_0", 1);
    group_uses(n, "/kubepods.slice/kubepods-pod" UID_ ".slice", 1);
    tree_write(&n->tree, "var/lib/docker/containers/" ID "/config.v2.json",
               "{\"ID\":\"%s\",\"Name\":\"/web\"}", ID);
    tree_write(&n->tree, "var/lib/docker/containers/" ID2 "/config.v2.json", "{\"Name\":\"/wo");
    tree_write(&n->tree, "var/log/pods/prod_trainer-0_" UID "/x", "\n");
}

static int find(const node *n, fr_group_kind kind, const char *what, fr_group *out, fr_err *err)
{
    return fr_group_find(&n->roots, kind, what, out, err);
}

static void a_user_names_a_group_in_his_own_words(void **state)
{
    (void)state;
    node n;
    fr_group g;
    node_init(&n);
    static const struct {
        fr_group_kind kind;
        const char *what, *path;
    } CASES[] = {
        { FR_GROUP_CONTAINER, "web", "/system.slice/docker-" ID ".scope" },
        { FR_GROUP_CONTAINER, "4f2ab5", "/system.slice/docker-" ID ".scope" },
        { FR_GROUP_CONTAINER, ID2, "/system.slice/docker-" ID2 ".scope" },
        { FR_GROUP_POD, "trainer-0", "/kubepods.slice/kubepods-pod" UID_ ".slice" },
        { FR_GROUP_POD, "prod/trainer-0", "/kubepods.slice/kubepods-pod" UID_ ".slice" },
        { FR_GROUP_POD, UID, "/kubepods.slice/kubepods-pod" UID_ ".slice" },
        { FR_GROUP_SLURM_JOB, "42", "/system.slice/slurmstepd.scope/job_42" },
        { FR_GROUP_UNIT, "nginx.service", "/system.slice/nginx.service" },
        { FR_GROUP_NONE, "system.slice/nginx.service", "/system.slice/nginx.service" },
        { FR_GROUP_NONE, "/system.slice/nginx.service/", "/system.slice/nginx.service" },
        { FR_GROUP_NONE, "/", "/" },
    };
    for (size_t i = 0; i < FR_COUNT_OF(CASES); i++) {
        fr_err err = { 0 };
        if (find(&n, CASES[i].kind, CASES[i].what, &g, &err) != 0)
            fail_msg("%s: %s", CASES[i].what, err.what);
        assert_string_equal(g.path, CASES[i].path);
    }
    tree_free(&n.tree);
}

static void who_is_not_there_is_told_with_who_is(void **state)
{
    (void)state;
    node n;
    fr_group g;
    fr_err err = { 0 };
    node_init(&n);
    assert_int_equal(find(&n, FR_GROUP_CONTAINER, "wab", &g, &err), FR_E_NOT_FOUND);
    assert_non_null(strstr(err.what, "did you mean 'web'"));
    assert_int_equal(find(&n, FR_GROUP_CONTAINER, "4f2a", &g, &err), FR_E_USAGE);
    assert_non_null(strstr(err.what, "2 containers begin with"));
    assert_int_equal(find(&n, FR_GROUP_SLURM_JOB, "777777", &g, &err), FR_E_NOT_FOUND);
    assert_non_null(strstr(err.what, "there are: 42"));
    assert_int_equal(find(&n, FR_GROUP_POD, "dev/trainer-0", &g, &err), FR_E_NOT_FOUND);
    assert_int_equal(find(&n, FR_GROUP_NONE, "system.slice/ngin.service", &g, &err),
                     FR_E_NOT_FOUND);
    assert_non_null(strstr(err.what, "did you mean 'nginx.service'"));
    assert_int_equal(find(&n, FR_GROUP_NONE, "../../etc", &g, &err), FR_E_NOT_FOUND);
    tree_remove(&n.tree, "cg");
    assert_int_equal(find(&n, FR_GROUP_UNIT, "nginx.service", &g, &err), FR_E_NOT_FOUND);
    tree_free(&n.tree);
}

static void version_1_counts_nanoseconds(void **state)
{
    (void)state;
    node n;
    fr_group g;
    fr_group_usage usage;
    node_init(&n);
    tree_remove(&n.tree, "cg");
    tree_write(&n.tree, "cg/cpuacct/cpuacct.usage", "9000000000\n");
    tree_write(&n.tree, "cg/cpuacct/slurm/uid_1/job_7/cpuacct.usage", "2500000000\n");
    tree_write(&n.tree, "cg/cpuacct/slurm/uid_1/job_7/cgroup.procs", "1\n2\n");
    tree_write(&n.tree, "cg/cpuacct/slurm/uid_1/job_7/step_0/cgroup.procs", "3\n");
    assert_int_equal(find(&n, FR_GROUP_SLURM_JOB, "7", &g, NULL), 0);
    assert_int_equal(fr_group_read(g.folder, &usage, NULL), 0);
    close_to(usage.cpu_s, 2.5, 1e-9);
    assert_int_equal(usage.n_processes, 3);
    assert_true(isnan(usage.memory_bytes) && isnan(usage.io_read_bytes));
    tree_free(&n.tree);
}

static void a_group_tells_memory_disk_and_limits(void **state)
{
    (void)state;
    node n;
    fr_group g;
    fr_group_usage usage;
    node_init(&n);
    const char *at = "cg/system.slice/nginx.service";
    char path[128];
    snprintf(path, sizeof path, "%s/io.stat", at);
    tree_write(
        &n.tree, path,
        "8:0 rbytes=1000 wbytes=20 rios=1 wios=1 dbytes=7 dios=0\n253:1 rbytes=5 wbytes=1\n");
    snprintf(path, sizeof path, "%s/memory.current", at);
    tree_write(&n.tree, path, "4096\n");
    snprintf(path, sizeof path, "%s/memory.max", at);
    tree_write(&n.tree, path, "max\n");
    snprintf(path, sizeof path, "%s/cpu.max", at);
    tree_write(&n.tree, path, "150000 100000\n");
    assert_int_equal(find(&n, FR_GROUP_UNIT, "nginx.service", &g, NULL), 0);
    assert_int_equal(fr_group_read(g.folder, &usage, NULL), 0);
    close_to(usage.io_read_bytes, 1005, 0);
    close_to(usage.io_written_bytes, 21, 0);
    close_to(usage.memory_bytes, 4096, 0);
    assert_true(isnan(usage.quota_ram_bytes));
    close_to(usage.quota_threads, 1.5, 1e-12);
    close_to(usage.throttled_s, 250e-6, 1e-12);
    tree_free(&n.tree);
}

static fr_meter *group_meter(node *n, const char *folder)
{
    fr_meter *m = NULL;
    fr_meter_options options = { .sysfs = n->tree.sysfs,
                                 .procfs = n->tree.procfs,
                                 .nvml = "",
                                 .group = folder,
                                 .no_thread = true,
                                 .now_ns = tree_clock,
                                 .user = &n->tree };
    assert_int_equal(fr_meter_open(&options, &m, NULL), 0);
    return m;
}

/* Two groups do all the work: with the rest they are the machine, without one they are not. */
static void groups_add_up_to_the_machine_and_not_without_one(void **state)
{
    (void)state;
    node n;
    fr_group a, b;
    node_init(&n);
    tree_zone(&n.tree, "intel-rapl:0", "package-0", 0);
    assert_int_equal(find(&n, FR_GROUP_UNIT, "nginx.service", &a, NULL), 0);
    assert_int_equal(find(&n, FR_GROUP_SLURM_JOB, "42", &b, NULL), 0);
    fr_meter *ma = group_meter(&n, a.folder), *mb = group_meter(&n, b.folder);
    fr_reading ra, rb;
    for (int i = 1; i <= 10; i++) {
        char uj[32];
        snprintf(uj, sizeof uj, "%d", i * 100000000);
        tree_energy(&n.tree, "intel-rapl:0", uj);
        group_uses(&n, "/system.slice/nginx.service", 1 + i * 1.5);
        group_uses(&n, "/system.slice/slurmstepd.scope/job_42", 1 + i * 0.5);
        tree_pass(&n.tree, 1, 2);
        ra = tree_read(ma);
        rb = tree_read(mb);
    }
    const fr_device_reading *da = device(&ra, "package-0"), *db = device(&rb, "package-0");
    double all_j = da->active_j + db->active_j + da->idle_j;
    close_to(all_j, 1000, 1);
    assert_true(fabs(all_j - db->active_j - 1000) > 1);
    close_to(da->active_j, 3 * db->active_j, 1e-6);
    /* It ends: what it took stays, and nothing is added. */
    tree_remove(&n.tree, "cg/system.slice/nginx.service");
    tree_pass(&n.tree, 1, 2);
    rb = tree_read(ma);
    close_to(device(&rb, "package-0")->active_j, da->active_j, 1e-6);
    fr_meter_close(ma);
    fr_meter_close(mb);
    tree_free(&n.tree);
}

static void a_group_carries_the_rest_of_what_it_reserves(void **state)
{
    (void)state;
    node n;
    fr_group g;
    node_init(&n);
    tree_write(&n.tree, "cg/system.slice/nginx.service/cpu.max", "100000 100000\n");
    assert_int_equal(find(&n, FR_GROUP_UNIT, "nginx.service", &g, NULL), 0);
    fr_meter *m = group_meter(&n, g.folder);
    tree_pass(&n.tree, 10, 0);
    fr_reading r = tree_read(m);
    close_to(device(&r, "cpu")->idle_j, device(&r, "cpu")->rest_j / 4, 1e-9);
    fr_meter_close(m);
    tree_free(&n.tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_say_what_they_are),
        cmocka_unit_test(a_process_is_in_the_group_that_counts),
        cmocka_unit_test(a_user_names_a_group_in_his_own_words),
        cmocka_unit_test(who_is_not_there_is_told_with_who_is),
        cmocka_unit_test(version_1_counts_nanoseconds),
        cmocka_unit_test(a_group_tells_memory_disk_and_limits),
        cmocka_unit_test(groups_add_up_to_the_machine_and_not_without_one),
        cmocka_unit_test(a_group_carries_the_rest_of_what_it_reserves),
    };
    return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
