/* What the self-test tries: promises, one by one. */

#ifndef SELFTEST_H
#define SELFTEST_H

#include "trial.h"

typedef struct promise {
    const char *what;
    verdict (*holds)(trial *it);
} promise;

extern const promise PROMISES[];
extern const size_t PROMISES_COUNT;

#endif
