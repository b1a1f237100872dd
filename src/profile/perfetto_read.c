/*
 * Perfetto's own trace format, as Neuron's profiler writes it (neuron-profile and neuron-explorer
 * view
 * --output-format perfetto) and others do: a protobuf message whose field 1 repeats
 *
 *     TracePacket  8 timestamp [ns]   10 sequence   13 flags (1: names begin anew)   58 clock
 *                  11 event           12 interned names      59 defaults   60 track
 *     event        9 type (1 begins, 2 ends)   11 track   10 number of its name, 23 its name
 *                  3 numbers of categories, 22 categories
 *                  6 legacy {1 number of its name, 2 phase, 3 duration [us]}: phase X is whole
 *     track        1 uuid   2 name   5 uuid of its parent
 *                  3 process {1 pid, 6 name}   4 thread {1 pid, 2 tid, 5 name}
 *     interned     1 categories, 2 names: {1 number, 2 text}
 *
 * Numbers from Perfetto's protos/perfetto/trace (v54). Fields that are not named here are passed
 * over; a length beyond its message is an error, with its offset.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "profile/trace_priv.h"

#define TRACKS_MOST   65536
#define INTERNED_MOST 1000000
#define OPEN_MOST     65536
#define PARENTS_MOST  8

/** A run of bytes of the file. */
typedef struct {
    const uint8_t *at, *end;
} message;

typedef struct {
    unsigned number;
    uint64_t value; /* of a number */
    message inside; /* of a string or message */
} field;

/** Rows by number: open addressing, as many again free. */
typedef struct {
    uint64_t *keys;
    uint32_t *rows; /* one more than the row; 0: free */
    size_t n, n_slots;
} numbered;

typedef struct {
    uint64_t uuid, parent, pid, tid;
    fr_str name; /* borrowed from the file */
    bool has_thread;
    size_t track; /* of fr_trace; SIZE_MAX before its first event */
} described;

typedef struct {
    uint64_t track, clock; /* what its packets do not say themselves */
    uint32_t generation;   /* of its names */
} sequence;

typedef struct {
    const char *path;
    const uint8_t *begin;
    fr_trace *trace;
    numbered track_of, sequence_of, name_of;
    described *tracks;
    size_t n_tracks, cap_tracks;
    sequence *sequences;
    size_t n_sequences, cap_sequences;
    fr_str *names;
    size_t n_names, cap_names;
    struct {
        size_t track;
        uint32_t event;
    } * open; /* begun, without their end so far */
    size_t n_open, cap_open;
    int64_t last_ns;
} perfetto;

/* ---- the wire ---- */

static int broken(const perfetto *p, const uint8_t *at, const char *what, fr_err *err)
{
    return fr_fail(err, FR_E_FORMAT, "The copy is probably cut short: write it again.",
                   "'%s' is broken at byte %zu: %s", p->path, (size_t)(at - p->begin), what);
}

static int too_many(const char *what, size_t n, fr_err *err)
{
    return fr_fail(err, FR_E_LIMIT, "Profile a shorter stretch: a few steps tell as much.",
                   "the trace has more than %zu %s", n, what);
}

static bool varint(message *m, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && m->at < m->end; shift += 7) {
        const uint8_t b = *m->at++;
        *out |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80)
            return true;
    }
    return false;
}

/* The next field; its number is 0 at the end. */
static int next(const perfetto *p, message *m, field *f, fr_err *err)
{
    uint64_t key, n = 0;
    const uint8_t *start = m->at;
    *f = (field){ 0 };
    if (m->at == m->end)
        return 0;
    if (!varint(m, &key) || key >> 3 == 0 || key >> 3 > UINT32_MAX)
        return broken(p, start, "no field begins there", err);
    f->number = (unsigned)(key >> 3);
    switch (key & 7) {
    case 0:
        return varint(m, &f->value) ? 0 : broken(p, start, "a number has no end", err);
    case 1:
        n = 8;
        break;
    case 5:
        n = 4;
        break;
    case 2:
        if (!varint(m, &n))
            return broken(p, start, "a length has no end", err);
        break;
    default:
        return broken(p, start, "a field is of no kind that is known", err);
    }
    if (n > (uint64_t)(m->end - m->at))
        return broken(p, start, "a field is longer than what holds it", err);
    if ((key & 7) == 1) /* fixed64: Perfetto writes some uuids so */
        for (unsigned i = 0; i < 8; i++)
            f->value |= (uint64_t)m->at[i] << 8 * i;
    f->inside = (message){ m->at, m->at + n };
    m->at += n;
    return 0;
}

static fr_str text_of(const field *f)
{
    return (fr_str){ (const char *)f->inside.at, (size_t)(f->inside.end - f->inside.at) };
}

/* ---- rows by number ---- */

static uint64_t mixed(uint64_t x)
{
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
    return x ^ x >> 29;
}

static uint32_t *slot_of(numbered *t, uint64_t key)
{
    if (2 * (t->n + 1) > t->n_slots) {
        numbered old = *t;
        t->n_slots = old.n_slots != 0 ? old.n_slots * 2 : 64;
        t->keys = FR_NEW_N(uint64_t, t->n_slots);
        t->rows = FR_NEW_N(uint32_t, t->n_slots);
        for (size_t i = 0; i < old.n_slots; i++) {
            size_t at = mixed(old.keys[i]) % t->n_slots;
            while (old.rows[i] != 0 && t->rows[at] != 0)
                at = (at + 1) % t->n_slots;
            if (old.rows[i] != 0) {
                t->keys[at] = old.keys[i];
                t->rows[at] = old.rows[i];
            }
        }
        free(old.keys);
        free(old.rows);
    }
    size_t at = mixed(key) % t->n_slots;
    while (t->rows[at] != 0 && t->keys[at] != key)
        at = (at + 1) % t->n_slots;
    t->keys[at] = key;
    return &t->rows[at];
}

static sequence *sequence_row(perfetto *p, uint64_t id)
{
    uint32_t *slot = slot_of(&p->sequence_of, id);
    if (*slot == 0) {
        FR_GROW(p->sequences, p->n_sequences, p->cap_sequences);
        p->sequences[p->n_sequences] = (sequence){ 0 };
        *slot = (uint32_t)++p->n_sequences;
        p->sequence_of.n++;
    }
    return &p->sequences[*slot - 1];
}

static described *track_row(perfetto *p, uint64_t uuid)
{
    uint32_t *slot = slot_of(&p->track_of, uuid);
    if (*slot == 0) {
        if (p->n_tracks == TRACKS_MOST)
            return NULL;
        FR_GROW(p->tracks, p->n_tracks, p->cap_tracks);
        p->tracks[p->n_tracks] = (described){ .uuid = uuid, .track = SIZE_MAX };
        *slot = (uint32_t)++p->n_tracks;
        p->track_of.n++;
    }
    return &p->tracks[*slot - 1];
}

/* One key of a sequence, its generation, and a number in it. */
static uint64_t name_key(const perfetto *p, const sequence *s, uint64_t iid, bool is_category)
{
    const uint64_t place = (uint64_t)(s - p->sequences) << 20 | s->generation;
    return mixed(mixed(place) ^ iid) * 2 + is_category;
}

static int put_name(perfetto *p, const sequence *s, message m, bool is_category, fr_err *err)
{
    uint64_t iid = 0;
    fr_str text = { 0 };
    for (field f;;) {
        FR_TRY(next(p, &m, &f, err));
        if (f.number == 0)
            break;
        if (f.number == 1)
            iid = f.value;
        if (f.number == 2)
            text = text_of(&f);
    }
    if (p->n_names == INTERNED_MOST)
        return too_many("names", INTERNED_MOST, err);
    uint32_t *slot = slot_of(&p->name_of, name_key(p, s, iid, is_category));
    p->name_of.n += *slot == 0;
    FR_GROW(p->names, p->n_names, p->cap_names);
    p->names[p->n_names] = text;
    *slot = (uint32_t)++p->n_names;
    return 0;
}

static fr_str get_name(perfetto *p, const sequence *s, uint64_t iid, bool is_category)
{
    const uint32_t row = *slot_of(&p->name_of, name_key(p, s, iid, is_category));
    return row != 0 ? p->names[row - 1] : (fr_str){ 0 };
}

/* ---- tracks ---- */

static int read_owner(const perfetto *p, message m, bool is_thread, described *t, fr_err *err)
{
    for (field f;;) {
        FR_TRY(next(p, &m, &f, err));
        if (f.number == 0)
            return 0;
        if (f.number == 1)
            t->pid = f.value;
        else if (f.number == 2 && is_thread)
            t->tid = f.value;
        else if (f.number == (is_thread ? 5u : 6u) && t->name.n == 0)
            t->name = text_of(&f);
    }
}

static int read_track(perfetto *p, message m, fr_err *err)
{
    described t = { .track = SIZE_MAX };
    for (field f;;) {
        FR_TRY(next(p, &m, &f, err));
        if (f.number == 0)
            break;
        if (f.number == 1)
            t.uuid = f.value;
        else if (f.number == 5)
            t.parent = f.value;
        else if (f.number == 2 || f.number == 10)
            t.name = text_of(&f);
        else if (f.number == 3 || f.number == 4)
            FR_TRY(read_owner(p, f.inside, f.number == 4, &t, err));
        t.has_thread |= f.number == 4;
    }
    described *row = track_row(p, t.uuid);
    if (row == NULL)
        return too_many("tracks", TRACKS_MOST, err);
    if (row->track == SIZE_MAX) /* what describes it again changes nothing */
        *row = t;
    return 0;
}

static bool says(fr_str name, const char *word)
{
    const size_t n = strlen(word);
    for (size_t i = 0; i + n <= name.n; i++)
        if (strncasecmp(name.at + i, word, n) == 0)
            return true;
    return false;
}

/* Work of an accelerator: its track, or one that it stands below, says so. */
static bool is_device(fr_str name)
{
    static const char *const WORDS[] = { "neuron_hw", "neuroncore", "/NC:", "gpu", "cuda", "tpu" };
    for (size_t i = 0; i < FR_COUNT_OF(WORDS); i++)
        if (says(name, WORDS[i]))
            return true;
    return false;
}

/* The track of fr_trace, made at its first event: by then its parents are described. */
static int place_track(perfetto *p, described *t, fr_err *err)
{
    char pid[24], tid[24], label[sizeof p->trace->tracks[0].label];
    const described *at = t, *parent;
    bool device = is_device(t->name);
    uint64_t owner = t->pid;
    fr_str top = t->name;
    for (size_t depth = 0; at->parent != 0 && depth < PARENTS_MOST; depth++, at = parent) {
        const uint32_t row = *slot_of(&p->track_of, at->parent);
        if (row == 0)
            break;
        parent = &p->tracks[row - 1];
        device |= is_device(parent->name);
        owner = owner != 0 ? owner : parent->pid;
        top = parent->name.n != 0 ? parent->name : top;
    }
    snprintf(pid, sizeof pid, "%llu", (unsigned long long)owner);
    snprintf(tid, sizeof tid, "%llx", (unsigned long long)(t->has_thread ? t->tid : t->uuid));
    if (top.at != t->name.at && t->name.n != 0)
        snprintf(label, sizeof label, "%.*s %.*s", (int)FR_MIN(top.n, 30u), top.at,
                 (int)FR_MIN(t->name.n, 30u), t->name.at);
    else
        snprintf(label, sizeof label, "%.*s", (int)FR_MIN(top.n, sizeof label - 1), top.at);
    t->track = fr_trace_track_of(p->trace, pid, tid, device);
    if (t->track == SIZE_MAX)
        return too_many("tracks", FR_TRACE_NAMES_MOST, err);
    memcpy(p->trace->tracks[t->track].label, label, sizeof label);
    return 0;
}

/* ---- events ---- */

typedef struct {
    uint64_t kind, track, name_iid, category_iid, phase, length_us;
    fr_str name, category;
} event;

static int read_legacy(const perfetto *p, message m, event *e, fr_err *err)
{
    for (field f;;) {
        FR_TRY(next(p, &m, &f, err));
        if (f.number == 0)
            return 0;
        if (f.number == 1)
            e->name_iid = f.value;
        else if (f.number == 2)
            e->phase = f.value;
        else if (f.number == 3)
            e->length_us = f.value;
    }
}

static int read_event(const perfetto *p, message m, event *e, fr_err *err)
{
    for (field f;;) {
        FR_TRY(next(p, &m, &f, err));
        if (f.number == 0)
            return 0;
        if (f.number == 9)
            e->kind = f.value;
        else if (f.number == 11)
            e->track = f.value;
        else if (f.number == 10)
            e->name_iid = f.value;
        else if (f.number == 23)
            e->name = text_of(&f);
        else if (f.number == 22)
            e->category = text_of(&f);
        else if (f.number == 3) { /* packed, or one at a time */
            message list = f.inside;
            if (list.at == NULL || !varint(&list, &e->category_iid))
                e->category_iid = f.value;
        } else if (f.number == 6)
            FR_TRY(read_legacy(p, f.inside, e, err));
    }
}

static int add_event(perfetto *p, const event *e, const described *t, int64_t start_ns,
                     int64_t end_ns, fr_err *err)
{
    char category[24];
    snprintf(category, sizeof category, "%.*s", (int)FR_MIN(e->category.n, sizeof category - 1),
             e->category.n != 0 ? e->category.at : "");
    const fr_str name = e->name.n != 0 ? e->name : FR_STR("(no name)");
    const size_t at = fr_trace_name_of(p->trace, name, category);
    if (at == SIZE_MAX)
        return too_many("names", FR_TRACE_NAMES_MOST, err);
    const fr_trace_event row = {
        .start_ns = start_ns, .end_ns = end_ns, .name = (uint32_t)at, .track = (uint32_t)t->track
    };
    if (!fr_trace_add(p->trace, &row))
        return too_many("events", FR_TRACE_EVENTS_MOST, err);
    return 0;
}

static int take_event(perfetto *p, sequence *s, message m, int64_t now_ns, fr_err *err)
{
    event e = { .track = s->track };
    FR_TRY(read_event(p, m, &e, err));
    const bool begins = e.kind == 1 || e.phase == 'B', ends = e.kind == 2 || e.phase == 'E',
               whole = e.kind == 0 && e.phase == 'X';
    if (!begins && !ends && !whole) {
        p->trace->n_skipped++;
        return 0;
    }
    described *t = track_row(p, e.track);
    if (t == NULL)
        return too_many("tracks", TRACKS_MOST, err);
    if (t->track == SIZE_MAX)
        FR_TRY(place_track(p, t, err));
    p->last_ns = FR_MAX(p->last_ns, now_ns);
    if (ends) {
        for (size_t i = p->n_open; i-- > 0;) {
            if (p->open[i].track != t->track)
                continue;
            fr_trace_event *begun = &p->trace->events[p->open[i].event];
            begun->end_ns = FR_MAX(now_ns, begun->start_ns);
            memmove(&p->open[i], &p->open[i + 1], (--p->n_open - i) * sizeof p->open[0]);
            return 0;
        }
        p->trace->n_skipped++;
        return 0;
    }
    if (e.name.n == 0)
        e.name = get_name(p, s, e.name_iid, false);
    if (e.category.n == 0)
        e.category = get_name(p, s, e.category_iid, true);
    int64_t end_ns = now_ns;
    if (whole && (e.length_us > INT64_MAX / 4000 ||
                  __builtin_add_overflow(now_ns, (int64_t)e.length_us * 1000, &end_ns)))
        return broken(p, m.at, "an event has no end that is a time", err);
    FR_TRY(add_event(p, &e, t, now_ns, end_ns, err));
    p->last_ns = FR_MAX(p->last_ns, end_ns);
    if (whole)
        return 0;
    if (p->n_open == OPEN_MOST)
        return too_many("events that begin and do not end", OPEN_MOST, err);
    FR_GROW(p->open, p->n_open, p->cap_open);
    p->open[p->n_open].track = t->track;
    p->open[p->n_open++].event = (uint32_t)(p->trace->n_events - 1);
    return 0;
}

static int read_defaults(const perfetto *p, message m, sequence *s, fr_err *err)
{
    for (field f;;) {
        FR_TRY(next(p, &m, &f, err));
        if (f.number == 0)
            return 0;
        if (f.number == 58)
            s->clock = f.value;
        if (f.number != 11)
            continue;
        message inside = f.inside;
        for (field g;;) {
            FR_TRY(next(p, &inside, &g, err));
            if (g.number == 0)
                break;
            if (g.number == 11)
                s->track = g.value;
        }
    }
}

static int read_names(perfetto *p, const sequence *s, message m, fr_err *err)
{
    for (field f;;) {
        FR_TRY(next(p, &m, &f, err));
        if (f.number == 0)
            return 0;
        if (f.number == 1 || f.number == 2)
            FR_TRY(put_name(p, s, f.inside, f.number == 1, err));
    }
}

/* The fields of a packet stand in any order, and what they say goes before its event. */
static int read_packet(perfetto *p, message m, fr_err *err)
{
    const message all = m;
    uint64_t time_ns = 0, clock = 0, id = 0, flags = 0;
    message happened = { 0 };
    bool has_event = false;
    for (field f;;) {
        FR_TRY(next(p, &m, &f, err));
        if (f.number == 0)
            break;
        if (f.number == 8)
            time_ns = f.value;
        else if (f.number == 58)
            clock = f.value;
        else if (f.number == 10)
            id = f.value;
        else if (f.number == 13)
            flags = f.value;
        else if (f.number == 11) {
            happened = f.inside;
            has_event = happened.at != NULL;
        } else if (f.number == 60)
            FR_TRY(read_track(p, f.inside, err));
    }
    sequence *s = sequence_row(p, id);
    if (flags & 1) {
        s->generation = (s->generation + 1) & 0xfffff;
        s->track = s->clock = 0;
    }
    m = all;
    for (field f;;) {
        FR_TRY(next(p, &m, &f, err));
        if (f.number == 0)
            break;
        if (f.number == 12)
            FR_TRY(read_names(p, s, f.inside, err));
        else if (f.number == 59)
            FR_TRY(read_defaults(p, f.inside, s, err));
    }
    if (!has_event)
        return 0;
    clock = clock != 0 ? clock : s->clock;
    if (clock >= 64)
        return fr_fail(
            err, FR_E_UNSUPPORTED, "Export it with plain timestamps (one of the system's clocks).",
            "'%s' counts time by a clock of its own (%llu)", p->path, (unsigned long long)clock);
    if (time_ns > INT64_MAX / 2)
        return broken(p, all.at, "an event is at no time", err);
    return take_event(p, s, happened, (int64_t)time_ns, err);
}

static void fini(perfetto *p)
{
    numbered *const tables[] = { &p->track_of, &p->sequence_of, &p->name_of };
    for (size_t i = 0; i < FR_COUNT_OF(tables); i++) {
        free(tables[i]->keys);
        free(tables[i]->rows);
    }
    free(p->tracks);
    free(p->sequences);
    free(p->names);
    free(p->open);
}

int fr_trace_read_perfetto(const char *path, fr_trace *out, fr_err *err)
{
    FR_AUTO(fr_map) map = { 0 };
    FR_TRY(fr_map_open(path, &map, err));
    perfetto p = { .path = path, .begin = map.at, .trace = out, .last_ns = INT64_MIN };
    message file = { p.begin, p.begin + map.size_bytes };
    out->form = "Perfetto";
    int rc = 0;
    for (field f; rc == 0;) {
        rc = next(&p, &file, &f, err);
        if (rc != 0 || f.number == 0)
            break;
        if (f.number == 1 && f.inside.at != NULL)
            rc = read_packet(&p, f.inside, err);
    }
    for (size_t i = 0; i < p.n_open; i++) { /* begun, and the profiler stopped first */
        fr_trace_event *e = &out->events[p.open[i].event];
        e->end_ns = FR_MAX(p.last_ns, e->start_ns);
    }
    out->is_unix = p.last_ns >= FR_TRACE_UNIX_LEAST_NS;
    fini(&p);
    return rc;
}
