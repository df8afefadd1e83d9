/* What has to be so in a test's program. */

#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <unistd.h>

/* Without a normal end, which would have effects of its own. */
#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);            \
            _exit(99);                                                                         \
        }                                                                                      \
    } while (0)

#endif
