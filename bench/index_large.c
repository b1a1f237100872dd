/* bench/index_large.c: what an index over much text takes: CPU, memory, size, the first query.
 *
 *     index_large [MEGABYTES [ANALYZER]]     default 100 en; writes below $TMPDIR
 *
 * The text is made: 400,000 words of 2 to 14 letters drawn by Zipf's law, sentences of 6 to 25,
 * documents of some 5,000 characters. The first query runs in a process of its own, with the file
 * in the page cache.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rag/rag.h"

enum { VOCABULARY = 400000 };
static char words[VOCABULARY][16];
static uint64_t state = 88172645463325252u;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* Zipf with exponent near 1: rank ~ exp(u ln V). */
static const char *word(void)
{
    double u = (double)(draw() >> 11) / 9007199254740992.0;
    size_t rank = (size_t)exp(u * log(VOCABULARY)) - 1;
    return words[rank < VOCABULARY ? rank : VOCABULARY - 1];
}

static void make_words(void)
{
    static const char SYLLABLES[][4] = { "ba", "re", "ti", "on", "ing", "ed", "ka",  "lu",
                                         "st", "mo", "ne", "er", "al",  "vi", "sho", "th" };
    static const char SMALL[][8] = { "the", "of", "and", "to",   "in", "a",  "is", "was",
                                     "for", "on", "by",  "with", "as", "it", "at", "from" };
    for (size_t i = 0; i < VOCABULARY; i++) {
        if (i < 16) {
            strcpy(words[i], SMALL[i]);
            continue;
        }
        size_t n = i < 300 ? 2 : 3, v = i * 2654435761u;
        for (size_t s = 0; s < n + (i > 5000) || strlen(words[i]) < 4; s++, v /= 16)
            strcat(words[i], SYLLABLES[(v + s * i) % 16]);
        if (i > 20000)
            words[i][strlen(words[i]) - 1] = (char)('a' + i % 26);
    }
}

static void make_text(fr_buf *out, size_t chars)
{
    size_t end = out->n + chars;
    while (out->n < end) {
        size_t n = 6 + draw() % 20;
        for (size_t i = 0; i < n; i++) {
            const char *w = word();
            fr_buf_put_c(out, i == 0 ? (char)(w[0] - 32) : w[0]);
            fr_buf_put_s(out, w + 1);
            fr_buf_put_c(out, i + 1 < n ? ' ' : '.');
        }
        fr_buf_put_s(out, draw() % 5 == 0 ? "\n\n" : " ");
    }
}

static int ask(const char *path)
{
    fr_index *index = NULL;
    fr_hits hits = { 0 };
    fr_err err = { 0 };
    char query[256];
    snprintf(query, sizeof(query), "Where was the %s of %s by %s and %s?", words[40], words[400],
             words[4000], words[90]);
    double cpu = fr_cpu_self_s();
    int64_t begin = fr_now_monotonic_ns();
    if (fr_index_open(path, &index, &err) != 0 ||
        fr_index_search(index, fr_str_of(query), 10, &hits, &err) != 0) {
        fprintf(stderr, "%s\n", err.what);
        return 1;
    }
    printf("{\"chunks\": %zu, \"open_and_first_query_ms\": %.1f, \"cpu_ms\": %.1f, ",
           fr_index_n_chunks(index), (double)(fr_now_monotonic_ns() - begin) * 1e-6,
           (fr_cpu_self_s() - cpu) * 1e3);
    cpu = fr_cpu_self_s();
    for (int i = 0; i < 20; i++) {
        snprintf(query, sizeof(query), "What is the %s %s of %s in %s?", word(), word(), word(),
                 words[50 + i]);
        fr_hits_fini(&hits);
        fr_index_search(index, fr_str_of(query), 10, &hits, NULL);
    }
    printf("\"query_cpu_ms\": %.2f}\n", (fr_cpu_self_s() - cpu) * 1e3 / 20);
    return 0;
}

int main(int argc, char **argv)
{
    size_t megabytes = argc > 1 ? (size_t)atoi(argv[1]) : 100, made = 0;
    const char *tmp = getenv("TMPDIR");
    char path[256];
    snprintf(path, sizeof(path), "%s/frugal-large-%d.index", tmp != NULL ? tmp : "/tmp",
             (int)getpid());
    make_words();
    FR_AUTO(fr_buf) text = { 0 };
    double making = 0, cpu = fr_cpu_self_s();
    int64_t begin = fr_now_monotonic_ns();
    fr_index_writer *w = NULL;
    fr_err err = { 0 };
    int rc = fr_index_create(path, &(fr_index_options){ .analyzer = argc > 2 ? argv[2] : "en" }, &w,
                             &err);
    for (size_t i = 0; rc == 0 && made < megabytes << 20; i++) {
        char id[32];
        double before = fr_cpu_self_s();
        snprintf(id, sizeof(id), "document-%08zu", i);
        fr_buf_clear(&text);
        make_text(&text, 5000);
        making += fr_cpu_self_s() - before;
        made += text.n;
        fr_document d = { .id = fr_str_of(id), .text = fr_buf_str(&text) };
        rc = fr_index_put(w, &d, FR_PUT_NONE, NULL, &err);
    }
    if (rc != 0 || fr_index_finish(w, &err) != 0) {
        fprintf(stderr, "%s\n", err.what);
        return 1;
    }
    fr_index_writer_free(w);
    struct rusage used;
    struct stat info;
    getrusage(RUSAGE_SELF, &used);
    stat(path, &info);
    printf("{\"text_bytes\": %zu, \"index_bytes\": %lld, \"cpu_s\": %.2f, \"wall_s\": %.2f, "
           "\"of_which_making_text_s\": %.2f, \"peak_rss_bytes\": %lld}\n",
           made, (long long)info.st_size, fr_cpu_self_s() - cpu,
           (double)(fr_now_monotonic_ns() - begin) * 1e-9, making,
           (long long)used.ru_maxrss * 1024);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        exit(ask(path));
    int status = 0;
    waitpid(child, &status, 0);
    unlink(path);
    return status != 0;
}
