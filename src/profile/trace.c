#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "profile/profile.h"

void fr_trace_fini(fr_trace *t)
{
    for (size_t i = 0; i < t->n_names; i++)
        free(t->names[i].text);
    free(t->events);
    free(t->tracks);
    free(t->names);
    free(t->slots);
    *t = (fr_trace){ 0 };
}

static size_t hash_of(fr_str text)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < text.n; i++)
        h = (h ^ (unsigned char)text.at[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static void rehash(fr_trace *t)
{
    t->n_slots = t->n_slots != 0 ? t->n_slots * 2 : 256;
    free(t->slots);
    t->slots = FR_NEW_N(size_t, t->n_slots);
    for (size_t i = 0; i < t->n_names; i++) {
        size_t at = hash_of(fr_str_of(t->names[i].text));
        while (t->slots[at % t->n_slots] != 0)
            at++;
        t->slots[at % t->n_slots] = i + 1;
    }
}

size_t fr_trace_name_of(fr_trace *t, fr_str text, const char *category)
{
    if (memchr(text.at, '\0', text.n) != NULL)
        text.n = strlen(text.at);
    if (2 * (t->n_names + 1) > t->n_slots)
        rehash(t);
    size_t at = hash_of(text);
    for (size_t i; (i = t->slots[at % t->n_slots]) != 0; at++) {
        if (fr_str_is(text, t->names[i - 1].text) &&
            strcmp(t->names[i - 1].category, category) == 0)
            return i - 1;
    }
    if (t->n_names == FR_TRACE_NAMES_MOST)
        return SIZE_MAX;
    FR_GROW(t->names, t->n_names, t->names_cap);
    t->names[t->n_names] = (fr_trace_name){ .text = fr_str_dup(text) };
    snprintf(t->names[t->n_names].category, sizeof t->names[0].category, "%s", category);
    t->slots[at % t->n_slots] = ++t->n_names;
    return t->n_names - 1;
}

/* The latest first: events of a track stand together. */
size_t fr_trace_track_of(fr_trace *t, const char *pid, const char *tid, bool is_gpu)
{
    for (size_t i = t->n_tracks; i-- > 0;) {
        fr_track *track = &t->tracks[i];
        if (track->is_gpu == is_gpu && strncmp(track->tid, tid, sizeof track->tid - 1) == 0 &&
            strncmp(track->pid, pid, sizeof track->pid - 1) == 0)
            return i;
    }
    if (t->n_tracks == FR_TRACE_NAMES_MOST)
        return SIZE_MAX;
    FR_GROW(t->tracks, t->n_tracks, t->tracks_cap);
    fr_track *track = &t->tracks[t->n_tracks];
    *track = (fr_track){ .is_gpu = is_gpu };
    snprintf(track->pid, sizeof track->pid, "%s", pid);
    snprintf(track->tid, sizeof track->tid, "%s", tid);
    return t->n_tracks++;
}

bool fr_trace_add(fr_trace *t, const fr_trace_event *event)
{
    if (t->n_events == FR_TRACE_EVENTS_MOST)
        return false;
    FR_GROW(t->events, t->n_events, t->events_cap);
    t->events[t->n_events++] = *event;
    return true;
}
