/*
 * snowball_door.h: what we use of libstemmer, found by name at run time (its interface has been the
 * same since its first release).
 */
#ifndef FR_RAG_SNOWBALL_DOOR_H
#define FR_RAG_SNOWBALL_DOOR_H

#include "base/err.h"

struct sb_stemmer;
typedef struct {
    int loaded;
    struct sb_stemmer *(*make)(const char *language, const char *encoding); /* NULL: UTF-8 */
    void (*remove)(struct sb_stemmer *stemmer);
    const unsigned char *(*stem)(struct sb_stemmer *stemmer, const unsigned char *word, int size);
    int (*length)(struct sb_stemmer *stemmer);
} snowball_door;

/** Loads libstemmer once a process. */
int snowball_door_open(const snowball_door **out, fr_err *err);

#endif
