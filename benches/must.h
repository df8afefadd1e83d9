/* What a benchmark can't go on without, of the library. */
#ifndef MUST_H
#define MUST_H

#include <stdint.h>

#include "require.h"
#include "udsock.h"

/* A call's result. */
static inline int64_t must(int64_t result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, udsock_error_text(result));
        exit(1);
    }
    return result;
}

#endif
