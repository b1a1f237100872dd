#include "net/curl_door.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/buf.h"

static curl_door door; /* filled once, under once */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool find(void *lib, const char *name, void *into)
{
    void *symbol = dlsym(lib, name);
    *(void **)into = symbol;
    return symbol != NULL;
}

static void load(void)
{
    static const char *const NAMES[] = { "libcurl.so.4", "libcurl-gnutls.so.4",
                                         "libcurl-nss.so.4" };
    void *lib = NULL;
    for (size_t i = 0; i < FR_COUNT_OF(NAMES) && lib == NULL; i++)
        lib = dlopen(NAMES[i], RTLD_NOW | RTLD_LOCAL);
    if (lib == NULL)
        return;
    bool all = find(lib, "curl_global_init", &door.global_init) &&
               find(lib, "curl_easy_init", &door.easy_init) &&
               find(lib, "curl_easy_cleanup", &door.easy_cleanup) &&
               find(lib, "curl_easy_reset", &door.easy_reset) &&
               find(lib, "curl_easy_setopt", &door.easy_setopt) &&
               find(lib, "curl_easy_getinfo", &door.easy_getinfo) &&
               find(lib, "curl_easy_perform", &door.easy_perform) &&
               find(lib, "curl_easy_strerror", &door.easy_strerror) &&
               find(lib, "curl_slist_append", &door.slist_append) &&
               find(lib, "curl_slist_free_all", &door.slist_free_all);
    door.loaded = all && door.global_init(GLOBAL_DEFAULT) == CURL_OK;
}

int curl_door_open(const curl_door **out, fr_err *err)
{
    pthread_once(&once, load);
    *out = &door;
    if (door.loaded)
        return 0;
    return fr_fail(err, FR_E_UNSUPPORTED, "Install it: apt install libcurl4.",
                   "libcurl, which speaks HTTP for frugal, is not on this machine");
}
