/* What the benchmarks share: times, medians, one core for both ends of a pair. */
#ifndef TIMING_H
#define TIMING_H

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "require.h"

enum { SAMPLES = 401, ROUNDS_PER_SAMPLE = 1000 };

static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static inline double median(const double samples[SAMPLES])
{
    double sorted[SAMPLES];
    memcpy(sorted, samples, sizeof sorted);
    qsort(sorted, SAMPLES, sizeof sorted[0], compare);
    return sorted[SAMPLES / 2];
}

/* No wake-up of another core, and no migration, is measured. */
static inline void stay_on_this_core(void)
{
    cpu_set_t cores;
    int core = sched_getcpu();
    CPU_ZERO(&cores);
    if (core >= 0)
        CPU_SET((size_t)core, &cores);
    if (core < 0 || sched_setaffinity(0, sizeof cores, &cores) != 0)
        fprintf(stderr, "not pinned to a core: the times are less steady\n");
}

#endif
