/*
 * The control group that a user means. The hierarchy is walked; names are looked up where the
 * runtimes write them down:
 *
 *     VAR/lib/docker/containers/ID/config.v2.json                    {"Name": "/web", …}
 *     VAR/lib/containers/storage/overlay-containers/containers.json  [{"id": …, "names": ["web"]}]
 *     VAR/log/containers/POD_NAMESPACE_CONTAINER-ID.log
 *     VAR/log/pods/NAMESPACE_POD_UID/
 */
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/mem.h"
#include "meter/group.h"

#define DEPTH_MOST       32
#define FOLDERS_MOST     200000
#define PREFIX_LEAST     3
#define POD_PREFIX_LEAST 8
#define JSON_MOST_BYTES  (4 << 20)
#define NAMES_MOST       64
#define NAMES_SAID       6
#define SHORT_ID         12 /* as docker shows it */

static const char *root_of(const fr_group_roots *roots)
{
    return roots->cgroupfs != NULL ? roots->cgroupfs : "/sys/fs/cgroup";
}

static const char *var_of(const fr_group_roots *roots)
{
    return roots->var != NULL ? roots->var : "/var";
}

/* ---- where CPU time is counted ---- */

static bool has_usage(const char *folder)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = 65536 };
    size_t at;
    char *path = fr_path_join(folder, "cpu.stat");
    bool ok = fr_file_read(path, 65536, &text, NULL) == 0 &&
              fr_str_find(fr_buf_str(&text), FR_STR("usage_usec"), &at);
    free(path);
    if (ok)
        return true;
    path = fr_path_join(folder, "cpuacct.usage");
    ok = fr_file_exists(path);
    free(path);
    return ok;
}

/* Version 2; version 1's accounting of CPU time; version 2 beside version 1. */
static const char *const HIERARCHIES[] = { "", "/cpuacct", "/cpu,cpuacct", "/unified", "/cpu" };

static bool folder_of(const fr_group_roots *roots, const char *path, char out[1280])
{
    for (size_t i = 0; i < FR_COUNT_OF(HIERARCHIES); i++) {
        int n = snprintf(out, 1280, "%s%s%s", root_of(roots), HIERARCHIES[i], path);
        if (n > 0 && n < 1280 && fr_dir_exists(out) && has_usage(out))
            return true;
    }
    return false;
}

/* ---- what a user says ---- */

typedef struct {
    const fr_group_roots *roots;
    fr_group_kind kind;
    const char *what;
    char id[96];    /* what it is by its id, when the name was found somewhere */
    size_t n_found; /* different ones */
    fr_group *found;
    char *names[NAMES_MOST + 1]; /* what there is of that kind; owned */
    size_t n_names;
    size_t n_folders;
} search;

static void there_is(search *s, const char *name)
{
    for (size_t i = 0; i < s->n_names; i++) {
        if (strcmp(s->names[i], name) == 0)
            return;
    }
    if (s->n_names < NAMES_MOST)
        s->names[s->n_names++] = fr_dup(name);
}

static bool is_prefix(const char *what, const char *of, size_t least)
{
    size_t n = strlen(what);
    return n >= least && strncmp(what, of, n) == 0;
}

static bool fits(const search *s, const fr_group_name *name)
{
    const char *what = s->id[0] != '\0' ? s->id : s->what;
    switch (s->kind) {
    case FR_GROUP_CONTAINER:
        return name->kind == FR_GROUP_CONTAINER && is_prefix(what, name->id, PREFIX_LEAST);
    case FR_GROUP_POD:
        return name->kind == FR_GROUP_POD && is_prefix(what, name->pod, POD_PREFIX_LEAST);
    default:
        return name->kind == s->kind && strcmp(what, name->id) == 0;
    }
}

/* A folder of the hierarchy; path is below its root. */
static void consider(search *s, const char *path)
{
    fr_group_name name;
    fr_group_describe(path, &name);
    if (name.kind != s->kind || name.depth_bytes != strlen(path))
        return;
    char said[80];
    snprintf(said, sizeof said, "%.*s", name.kind == FR_GROUP_CONTAINER ? SHORT_ID : 79, name.id);
    there_is(s, said);
    if (!fits(s, &name))
        return;
    if (s->n_found > 0 && strcmp(s->found->name.id, name.id) == 0)
        return; /* the same by another way: a job's steps in several places */
    s->n_found++;
    if (s->n_found == 1) {
        snprintf(s->found->path, sizeof s->found->path, "%s", path);
        s->found->name = name;
    }
}

static void walk(search *s, const char *root, char *path, size_t n, int depth)
{
    char folder[2400];
    snprintf(folder, sizeof folder, "%s%.*s", root, (int)n, path);
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL && s->n_folders < FOLDERS_MOST;) {
        if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN))
            continue;
        size_t more = strlen(e->d_name) + 1;
        if (n + more >= 1024 || depth >= DEPTH_MOST)
            continue;
        snprintf(path + n, 1024 - n, "/%s", e->d_name);
        s->n_folders++;
        consider(s, path);
        walk(s, root, path, n + more, depth + 1);
        path[n] = '\0';
    }
    closedir(dir);
}

static void walk_hierarchies(search *s)
{
    for (size_t i = 0; i < FR_COUNT_OF(HIERARCHIES); i++) {
        char root[1280], path[1024] = "";
        snprintf(root, sizeof root, "%s%s", root_of(s->roots), HIERARCHIES[i]);
        if (!fr_dir_exists(root) || !has_usage(root))
            continue;
        walk(s, root, path, 0, 0);
        return;
    }
    char path[1024] = ""; /* version 2's root has no cpu.stat before Linux 5.8 */
    walk(s, root_of(s->roots), path, 0, 0);
}

/* ---- names that runtimes wrote down ---- */

static json_t *load(const char *path)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = JSON_MOST_BYTES };
    if (fr_file_read(path, JSON_MOST_BYTES, &text, NULL) != 0)
        return NULL;
    return json_loadb(text.at != NULL ? text.at : "", text.n, 0, NULL);
}

static void take_id(search *s, fr_str id)
{
    if (id.n > 0 && id.n < sizeof s->id)
        snprintf(s->id, sizeof s->id, "%.*s", FR_STR_F(id));
}

static void look_in_docker(search *s)
{
    char **ids, *folder = fr_dup_f("%s/lib/docker/containers", var_of(s->roots));
    size_t n = 0;
    if (fr_dir_list(folder, &ids, &n, NULL) == 0) {
        for (size_t i = 0; i < n; i++) {
            char *path = fr_dup_f("%s/%s/config.v2.json", folder, ids[i]);
            json_t *config = load(path);
            const char *name = json_string_value(json_object_get(config, "Name"));
            if (name != NULL) {
                name += name[0] == '/';
                there_is(s, name);
                if (strcmp(name, s->what) == 0)
                    take_id(s, fr_str_of(ids[i]));
            }
            json_decref(config);
            free(path);
        }
        fr_names_free(ids, n);
    }
    free(folder);
}

static void look_in_podman(search *s, const char *storage)
{
    char *path = fr_dup_f("%s/overlay-containers/containers.json", storage);
    json_t *all = load(path), *one, *name;
    size_t i, k;
    json_array_foreach(all, i, one)
    {
        json_array_foreach(json_object_get(one, "names"), k, name)
        {
            const char *text = json_string_value(name);
            if (text == NULL)
                continue;
            there_is(s, text);
            if (strcmp(text, s->what) == 0)
                take_id(s, fr_str_of(json_string_value(json_object_get(one, "id"))));
        }
    }
    json_decref(all);
    free(path);
}

/* The pieces of POD_NAMESPACE_REST: names of Kubernetes hold no underscore. */
static bool cut_in_three(const char *text, fr_str out[3])
{
    fr_str rest = fr_str_of(text);
    if (!fr_str_next(&rest, '_', &out[0]) || !fr_str_next(&rest, '_', &out[1]) || rest.at == NULL)
        return false;
    out[2] = rest;
    return true;
}

static bool is_named(const char *what, fr_str group, fr_str name)
{
    size_t n = strlen(what);
    return fr_str_is(name, what) ||
           (n == group.n + 1 + name.n && strncmp(what, group.at, group.n) == 0 &&
            what[group.n] == '/' && strncmp(what + group.n + 1, name.at, name.n) == 0);
}

static void look_in_kubernetes(search *s)
{
    bool is_pod = s->kind == FR_GROUP_POD;
    char **files, *folder = fr_dup_f("%s/log/%s", var_of(s->roots), is_pod ? "pods" : "containers");
    size_t n = 0;
    if (fr_dir_list(folder, &files, &n, NULL) == 0) {
        for (size_t i = 0; i < n; i++) {
            fr_str part[3], name;
            if (!cut_in_three(files[i], part))
                continue;
            name = part[2];
            if (is_pod) { /* NAMESPACE_POD_UID */
                char *said = fr_str_dup(part[1]);
                there_is(s, said);
                free(said);
                if (is_named(s->what, part[0], part[1]))
                    take_id(s, part[2]);
                continue;
            }
            if (!fr_str_ends(name, FR_STR(".log")) || name.n < 4 + 65)
                continue;
            fr_str id = { name.at + name.n - 4 - 64, 64 };
            name.n -= 4 + 64 + 1;
            char *said = fr_str_dup(name);
            there_is(s, said);
            free(said);
            if (is_named(s->what, part[0], name))
                take_id(s, id);
        }
        fr_names_free(files, n);
    }
    free(folder);
}

static void look_names_up(search *s)
{
    if (s->kind == FR_GROUP_CONTAINER) {
        look_in_docker(s);
        char *storage = fr_dup_f("%s/lib/containers/storage", var_of(s->roots));
        look_in_podman(s, storage);
        free(storage);
        const char *home = getenv("HOME");
        if (home != NULL && s->roots->var == NULL) {
            storage = fr_dup_f("%s/.local/share/containers/storage", home);
            look_in_podman(s, storage);
            free(storage);
        }
    }
    if (s->kind == FR_GROUP_CONTAINER || s->kind == FR_GROUP_POD)
        look_in_kubernetes(s);
}

/* ---- the answer ---- */

static const char *noun(fr_group_kind kind)
{
    static const char *const NOUNS[] = { "control group", "container", "pod",
                                         "Slurm job",     "unit",      "user" };
    return NOUNS[kind];
}

static int not_found(search *s, fr_err *err)
{
    char list[256] = "";
    size_t n = 0;
    s->names[s->n_names] = NULL;
    const char *near = fr_nearest(s->what, (const char *const *)s->names);
    for (size_t i = 0; i < s->n_names && i < NAMES_SAID; i++)
        n += (size_t)snprintf(list + n, n < sizeof list ? sizeof list - n : 0, "%s%.40s",
                              i > 0 ? ", " : "", s->names[i]);
    if (near != NULL)
        return fr_fail(err, FR_E_NOT_FOUND, NULL, "no %s '%s'; did you mean '%s'?", noun(s->kind),
                       s->what, near);
    if (n > 0)
        return fr_fail(err, FR_E_NOT_FOUND, NULL, "no %s '%s'; there are: %s%s", noun(s->kind),
                       s->what, list, s->n_names > NAMES_SAID ? "…" : "");
    return fr_fail(
        err, FR_E_NOT_FOUND, "Is it running, and on this machine? `frugal top` shows who is there.",
        "no %s '%s': no control group below %s is one", noun(s->kind), s->what, root_of(s->roots));
}

static int find_named(search *s, fr_err *err)
{
    look_names_up(s);
    walk_hierarchies(s);
    if (s->n_found == 0)
        return not_found(s, err);
    if (s->n_found > 1)
        return fr_fail(err, FR_E_USAGE, "Say more of it.", "%zu %ss begin with '%s'", s->n_found,
                       noun(s->kind), s->what);
    if (folder_of(s->roots, s->found->path, s->found->folder))
        return 0;
    return fr_fail(err, FR_E_NOT_FOUND, NULL, "nobody counts the CPU time of %s '%s' (%s)",
                   noun(s->kind), s->what, s->found->path);
}

/* Who is beside it? The folder above it knows. */
static void name_nearest(const fr_group_roots *roots, const char *path, char out[300])
{
    char *above = fr_path_dir(path);
    for (size_t i = 0; i < FR_COUNT_OF(HIERARCHIES) && out[0] == '\0'; i++) {
        char *folder = fr_dup_f("%s%s%s", root_of(roots), HIERARCHIES[i], above), **names;
        size_t n = 0;
        if (fr_dir_list(folder, &names, &n, NULL) == 0) {
            const char **valid = FR_NEW_N(const char *, n + 1);
            for (size_t k = 0; k < n; k++)
                valid[k] = names[k];
            const char *best = fr_nearest(strrchr(path, '/') + 1, valid);
            if (best != NULL)
                snprintf(out, 300, "; did you mean '%.200s'?", best);
            free(valid);
            fr_names_free(names, n);
        }
        free(folder);
    }
    free(above);
}

static int find_path(const fr_group_roots *roots, const char *what, fr_group *out, fr_err *err)
{
    const char *root = root_of(roots);
    size_t n = strlen(root);
    char path[1024];
    if (strncmp(what, root, n) == 0 && (what[n] == '/' || what[n] == '\0'))
        what += n;
    for (size_t i = 1; i < FR_COUNT_OF(HIERARCHIES); i++) {
        size_t k = strlen(HIERARCHIES[i]);
        if (strncmp(what, HIERARCHIES[i], k) == 0 && what[k] == '/')
            what += k;
    }
    while (what[0] == '/')
        what++;
    snprintf(path, sizeof path, "/%s", what);
    for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
        path[end - 1] = '\0';
    snprintf(out->path, sizeof out->path, "%s", path);
    fr_group_describe(path, &out->name);
    if (folder_of(roots, strcmp(path, "/") == 0 ? "" : path, out->folder))
        return 0;
    char *folder = fr_path_join(root, path + 1);
    bool exists = fr_dir_exists(folder);
    free(folder);
    char near[300] = "";
    if (!exists)
        name_nearest(roots, path, near);
    return fr_fail(err, FR_E_NOT_FOUND,
                   exists ? "Enable the cpu controller for it (cgroup.subtree_control)."
                          : "Name a folder below it, as system.slice/nginx.service.",
                   exists ? "nobody counts the CPU time of control group '%s' below %s%s"
                          : "no control group '%s' below %s%s",
                   path, root, near);
}

int fr_group_find(const fr_group_roots *roots, fr_group_kind kind, const char *what, fr_group *out,
                  fr_err *err)
{
    static const fr_group_roots HERE = { 0 };
    *out = (fr_group){ 0 };
    roots = roots != NULL ? roots : &HERE;
    if (kind == FR_GROUP_NONE)
        return find_path(roots, what, out, err);
    search s = { .roots = roots, .kind = kind, .what = what, .found = out };
    int rc = find_named(&s, err);
    for (size_t i = 0; i < s.n_names; i++)
        free(s.names[i]);
    return rc;
}

int fr_group_of_pid(const fr_group_roots *roots, int pid, char path[1024], fr_err *err)
{
    FR_AUTO(fr_buf) text = { .limit_bytes = 65536 };
    char *file = fr_dup_f("%s/%d/cgroup",
                          roots != NULL && roots->procfs != NULL ? roots->procfs : "/proc", pid);
    int rc = fr_file_read(file, 65536, &text, err);
    free(file);
    if (rc == 0)
        fr_group_of_text(fr_buf_text(&text), path);
    return rc;
}
