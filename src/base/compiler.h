/** compiler.h: the only place that knows GNU attributes. */
#ifndef FR_BASE_COMPILER_H
#define FR_BASE_COMPILER_H

#define FR_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define FR_UNUSED                      __attribute__((unused))
#define FR_NODISCARD                   __attribute__((warn_unused_result))
#define FR_ALIGNED(bytes)              __attribute__((aligned(bytes)))
#define FR_THREAD_LOCAL                _Thread_local
#define FR_VECTOR(bytes)               __attribute__((vector_size(bytes)))
#define FR_EXPORT                      __attribute__((visibility("default")))

#define FR_MIN(a, b)       ((a) < (b) ? (a) : (b))
#define FR_MAX(a, b)       ((a) > (b) ? (a) : (b))
#define FR_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/**
 * FR_AUTO(type) name: type_fini(&name) runs on every way out; initialize it at once.
 * FR_AUTOPTR(type) name: type_free(name) likewise; the pointer may be NULL.
 * A type is made fit for it with FR_AUTO_DEFINE(type) / FR_AUTOPTR_DEFINE(type) below its door.
 */
#define FR_AUTO(type)    __attribute__((cleanup(type##_auto_fini))) type
#define FR_AUTOPTR(type) __attribute__((cleanup(type##_auto_free))) type *

#define FR_AUTO_DEFINE(type)                                                                       \
    static inline void type##_auto_fini(type *at)                                                  \
    {                                                                                              \
        type##_fini(at);                                                                           \
    }                                                                                              \
    typedef int type##_auto_defined_
#define FR_AUTOPTR_DEFINE(type)                                                                    \
    static inline void type##_auto_free(type **at)                                                 \
    {                                                                                              \
        type##_free(*at);                                                                          \
    }                                                                                              \
    typedef int type##_autoptr_defined_

#endif
