/* What the self-test tries: promises, one by one. */

#ifndef SELFTEST_H
#define SELFTEST_H

#include "command.h"

typedef enum verdict { HOLDS, LACKS, BREAKS } verdict;

/* The directory in which it tries, and what it has found, in words. */
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
