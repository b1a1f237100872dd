/*
 * Which sequence's work an energy is. A window's active energy is shared by FLOPs, but only as far
 * as the steps themselves account for it: the CPU time of the steps over all CPU time of the tree.
 * What the program did besides (HTTP, tokenizing, parsing) is nobody's sequence and stays out, so
 * shares need not add up to the total, and are never scaled until they do.
 *
 * An event does not carry CPU time. Between the ends of two events the process took c seconds of
 * CPU; the step cannot have taken more than its own duration on every processor. The smaller of
 * the two is counted: exact when the pool works through the step and waits between.
 */
#include "run/share.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"

void fr_work_init(fr_work_book *book)
{
    *book = (fr_work_book){ 0 };
    pthread_mutex_init(&book->lock, NULL);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    book->processors = n > 0 ? (int)n : 1;
}

void fr_work_fini(fr_work_book *book)
{
    free(book->slots);
    pthread_mutex_destroy(&book->lock);
}

/* The slot of a sequence, a free one for it, or NULL when all are taken by others. */
static fr_work_slot *slot_of(fr_work_book *book, uint64_t sequence, bool make)
{
    size_t at = (size_t)fr_hash64(&sequence, sizeof(sequence), 0);
    for (size_t i = 0; i < FR_WORK_SEQUENCES; i++) {
        fr_work_slot *slot = &book->slots[(at + i) % FR_WORK_SEQUENCES];
        if (slot->taken && slot->share.sequence == sequence)
            return slot;
        if (!slot->taken) {
            if (!make)
                return NULL;
            *slot = (fr_work_slot){ .taken = true, .share = { .sequence = sequence } };
            slot->share.active = fr_energy_zero();
            return slot;
        }
    }
    return NULL;
}

static void on_event(void *user, const fr_work_event *event)
{
    fr_work_book *book = user;
    bool cpu = event->device == NULL || strncmp(event->device, "cpu", 3) == 0;
    double cpu_s = fr_cpu_self_s();
    pthread_mutex_lock(&book->lock);
    book->flops += event->flops;
    book->tokens += event->tokens;
    double step_s = (double)(event->end_ns - event->start_ns) * 1e-9;
    if (cpu) {
        book->cpu_flops += event->flops;
        book->step_cpu_s += FR_MIN(cpu_s - book->cpu_before_s, step_s * book->processors);
    } else {
        book->gpu_flops += event->flops;
    }
    book->cpu_before_s = cpu_s;
    for (size_t i = 0; i < event->n_parts; i++) {
        const fr_work_part *part = &event->parts[i];
        fr_work_slot *slot = slot_of(book, part->sequence, true);
        if (slot == NULL)
            continue;
        slot->share.prompt_tokens += part->prompt_tokens;
        slot->share.generated_tokens += part->generated_tokens;
        slot->share.flops += part->flops;
        *(cpu ? &slot->cpu_flops : &slot->gpu_flops) += part->flops;
    }
    pthread_mutex_unlock(&book->lock);
}

fr_work_sink fr_work_sink_of(fr_work_book *book)
{
    pthread_mutex_lock(&book->lock);
    if (book->slots == NULL) {
        book->slots = FR_NEW_N(fr_work_slot, FR_WORK_SEQUENCES);
        book->cpu_before_s = fr_cpu_self_s();
    }
    pthread_mutex_unlock(&book->lock);
    return (fr_work_sink){ on_event, book };
}

bool fr_work_is_told(fr_work_book *book)
{
    pthread_mutex_lock(&book->lock);
    bool is_told = book->slots != NULL;
    pthread_mutex_unlock(&book->lock);
    return is_told;
}

void fr_work_take(fr_work_book *book, double *flops, uint64_t *tokens)
{
    pthread_mutex_lock(&book->lock);
    *flops = book->flops;
    *tokens = book->tokens;
    book->flops = 0;
    book->tokens = 0;
    pthread_mutex_unlock(&book->lock);
}

static fr_energy active_of(const fr_reading *window, bool gpu)
{
    fr_energy sum = fr_energy_zero();
    for (int kind = FR_DEVICE_CPU; kind <= FR_DEVICE_OTHER; kind++) {
        bool is_gpu = kind == FR_DEVICE_GPU || kind == FR_DEVICE_ACCELERATOR;
        fr_energy e = fr_reading_active(window, (fr_device_kind)kind);
        if (is_gpu == gpu && isfinite(e.value_j))
            sum = fr_energy_add(sum, e);
    }
    return sum;
}

void fr_work_settle(fr_work_book *book, const fr_reading *window)
{
    pthread_mutex_lock(&book->lock);
    if (book->slots != NULL && (book->cpu_flops > 0 || book->gpu_flops > 0)) {
        double ours_ratio = window->cpu_s > 0 ? FR_MIN(1.0, book->step_cpu_s / window->cpu_s) : 0.0;
        fr_energy cpu = fr_energy_scale(active_of(window, false), ours_ratio);
        fr_energy gpu = active_of(window, true);
        for (size_t i = 0; i < FR_WORK_SEQUENCES; i++) {
            fr_work_slot *slot = &book->slots[i];
            if (slot->cpu_flops > 0)
                slot->share.active = fr_energy_add(
                    slot->share.active, fr_energy_scale(cpu, slot->cpu_flops / book->cpu_flops));
            if (slot->gpu_flops > 0)
                slot->share.active = fr_energy_add(
                    slot->share.active, fr_energy_scale(gpu, slot->gpu_flops / book->gpu_flops));
            slot->cpu_flops = 0;
            slot->gpu_flops = 0;
        }
        book->cpu_flops = 0;
        book->gpu_flops = 0;
    }
    book->step_cpu_s = 0;
    pthread_mutex_unlock(&book->lock);
}

/* Open addressing: those that stand behind the hole are put in again. */
static void forget(fr_work_book *book, fr_work_slot *slot)
{
    size_t hole = (size_t)(slot - book->slots);
    slot->taken = false;
    for (size_t i = 1; i < FR_WORK_SEQUENCES; i++) {
        fr_work_slot *next = &book->slots[(hole + i) % FR_WORK_SEQUENCES];
        if (!next->taken)
            return;
        fr_work_slot moved = *next;
        next->taken = false;
        *slot_of(book, moved.share.sequence, true) = moved;
    }
}

int fr_work_share_take(fr_work_book *book, uint64_t sequence, fr_share *out, fr_err *err)
{
    pthread_mutex_lock(&book->lock);
    fr_work_slot *slot = book->slots != NULL ? slot_of(book, sequence, false) : NULL;
    if (slot != NULL) {
        *out = slot->share;
        forget(book, slot);
    }
    pthread_mutex_unlock(&book->lock);
    if (slot == NULL)
        return fr_fail(err, FR_E_NOT_FOUND, NULL, "no work of sequence %llu was told",
                       (unsigned long long)sequence);
    return 0;
}
