#include "net/mhd_door.h"

#include <dlfcn.h>
#include <pthread.h>

static mhd_door door; /* filled once, under once */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int find(void *lib, const char *name, void *into)
{
    void *symbol = dlsym(lib, name);
    *(void **)into = symbol;
    return symbol != NULL;
}

static void load(void)
{
    void *lib = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
    if (lib == NULL)
        return;
    door.loaded = find(lib, "MHD_start_daemon", &door.start) &&
                  find(lib, "MHD_stop_daemon", &door.stop) &&
                  find(lib, "MHD_create_response_from_buffer", &door.response) &&
                  find(lib, "MHD_add_response_header", &door.add_header) &&
                  find(lib, "MHD_queue_response", &door.queue) &&
                  find(lib, "MHD_destroy_response", &door.response_free) &&
                  find(lib, "MHD_lookup_connection_value", &door.lookup);
}

int mhd_door_open(const mhd_door **out, fr_err *err)
{
    pthread_once(&once, load);
    *out = &door;
    if (door.loaded)
        return 0;
    return fr_fail(err, FR_E_UNSUPPORTED, "Install it: apt install libmicrohttpd12.",
                   "libmicrohttpd, which serves pages for frugal, is not on this machine");
}
