/* What the self-test tries: a promise each. */

#ifndef SELFTEST_H
#define SELFTEST_H

#include "command.h"

typedef enum verdict { HOLDS, LACKS, BREAKS } verdict;

/* Where it tries, and what it has found out, in words. */
typedef struct trial {
    const char *directory;
    char why[400];
} trial;

typedef struct promise {
    const char *what;
    verdict (*holds)(trial *it);
} promise;

extern const promise PROMISES[];
extern const size_t PROMISES_COUNT;

#endif
