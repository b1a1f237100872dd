/*
 * merge_heap_body.h: a heap of `candidate`s, the one that is better() than all others on top. For
 * a file that has both, and an `encoding` with heap, heap_n and heap_cap.
 */
static void heap_put(encoding *e, candidate c)
{
    FR_GROW(e->heap, e->heap_n, e->heap_cap);
    size_t i = e->heap_n++;
    for (; i > 0 && better(c, e->heap[(i - 1) / 2]); i = (i - 1) / 2)
        e->heap[i] = e->heap[(i - 1) / 2];
    e->heap[i] = c;
}

static candidate heap_pop(encoding *e)
{
    candidate top = e->heap[0], last = e->heap[--e->heap_n];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= e->heap_n)
            break;
        if (child + 1 < e->heap_n && better(e->heap[child + 1], e->heap[child]))
            child++;
        if (!better(e->heap[child], last))
            break;
        e->heap[i] = e->heap[child];
        i = child;
    }
    if (e->heap_n > 0)
        e->heap[i] = last;
    return top;
}
