/* What a benchmark can't go on without, of the system. */
#ifndef REQUIRE_H
#define REQUIRE_H

#include <stdio.h>
#include <stdlib.h>

static inline void require(int condition, const char *what)
{
    if (!condition) {
        perror(what);
        exit(1);
    }
}

#endif
