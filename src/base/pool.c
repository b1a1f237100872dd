#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/mem.h"

/* Threads sleep on a condition between runs; a run is one broadcast and one wait, and nobody
 * spins: at rest the pool costs nothing. */
struct fr_pool {
    int threads; /* with the caller */
    pthread_t *workers;
    int n_workers;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t begin, done;
    unsigned long round; /* which run it is; workers wait for it to change */
    int running;         /* workers still in the round */
    int closing;
    fr_pool_fn fn;
    void *args;
    size_t n;
};

typedef struct {
    fr_pool *pool;
    int thread;
} worker_args;

static void run_share(fr_pool_fn fn, void *args, size_t n, int thread, int threads)
{
    size_t first = n * (size_t)thread / (size_t)threads;
    size_t end = n * ((size_t)thread + 1) / (size_t)threads;
    if (first < end)
        fn(args, first, end, thread);
}

static void *worker(void *at)
{
    worker_args who = *(worker_args *)at;
    free(at);
    fr_pool *pool = who.pool;
    unsigned long seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->round == seen && !pool->closing)
            pthread_cond_wait(&pool->begin, &pool->lock);
        if (pool->closing)
            break;
        seen = pool->round;
        fr_pool_fn fn = pool->fn;
        void *args = pool->args;
        size_t n = pool->n;
        pthread_mutex_unlock(&pool->lock);
        run_share(fn, args, n, who.thread, pool->threads);
        pthread_mutex_lock(&pool->lock);
        if (--pool->running == 0)
            pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static int processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return CPU_COUNT(&set);
    return 1;
}

int fr_pool_new(int threads, fr_pool **out, fr_err *err)
{
    if (threads < 0 || threads > 1024)
        return fr_fail(err, FR_E_USAGE, "Give 1 to 1024, or 0 for all processors.",
                       "%d is not a number of threads", threads);
    fr_pool *pool = FR_NEW(fr_pool);
    pool->threads = threads != 0 ? threads : processors();
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->begin, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->workers = FR_NEW_N(pthread_t, (size_t)pool->threads);
    for (int i = 1; i < pool->threads; i++) {
        worker_args *args = FR_NEW(worker_args);
        *args = (worker_args){ pool, i };
        if (pthread_create(&pool->workers[pool->n_workers], NULL, worker, args) != 0) {
            free(args);
            fr_pool_free(pool);
            return fr_fail(err, FR_E_NO_MEMORY, "Ask for fewer with --threads.",
                           "cannot start %d threads", threads);
        }
        pool->n_workers++;
    }
    *out = pool;
    return 0;
}

void fr_pool_free(fr_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = 1;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->n_workers; i++)
        pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->begin);
    pthread_mutex_destroy(&pool->lock);
    free(pool->workers);
    free(pool);
}

int fr_pool_threads(const fr_pool *pool)
{
    return pool != NULL ? pool->threads : 1;
}

void fr_pool_run(fr_pool *pool, size_t n, fr_pool_fn fn, void *args)
{
    if (n == 0)
        return;
    if (pool == NULL || pool->threads == 1 || n == 1) {
        fn(args, 0, n, 0);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->fn = fn;
    pool->args = args;
    pool->n = n;
    pool->running = pool->n_workers;
    pool->round++;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    run_share(fn, args, n, 0, pool->threads);
    pthread_mutex_lock(&pool->lock);
    while (pool->running != 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}
