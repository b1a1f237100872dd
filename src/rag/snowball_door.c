#include "rag/snowball_door.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/compiler.h"

static snowball_door door; /* filled once, under once */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool find(void *lib, const char *name, void *into)
{
    void *symbol = dlsym(lib, name);
    *(void **)into = symbol;
    return symbol != NULL;
}

static void load(void)
{
    static const char *const NAMES[] = { "libstemmer.so.0d", "libstemmer.so.0", "libstemmer.so" };
    void *lib = NULL;
    for (size_t i = 0; i < FR_COUNT_OF(NAMES) && lib == NULL; i++)
        lib = dlopen(NAMES[i], RTLD_NOW | RTLD_LOCAL);
    if (lib == NULL)
        return;
    door.loaded =
        find(lib, "sb_stemmer_new", &door.make) && find(lib, "sb_stemmer_delete", &door.remove) &&
        find(lib, "sb_stemmer_stem", &door.stem) && find(lib, "sb_stemmer_length", &door.length);
}

int snowball_door_open(const snowball_door **out, fr_err *err)
{
    pthread_once(&once, load);
    *out = &door;
    if (door.loaded)
        return 0;
    return fr_fail(err, FR_E_UNSUPPORTED,
                   "Install it: apt install libstemmer0d. Or index with --analyzer plain.",
                   "libstemmer, which brings words to their stems, is not on this machine");
}
