/*
 * A work that is done by the raw calls and through the library, in one thread: measured in
 * turn, or counted. What a round needs from others (peers that send, say) goes before or
 * after it, and is not measured.
 */
#ifndef COMPARE_H
#define COMPARE_H

#include <unistd.h>

#include "must.h"
#include "timing.h"

typedef void step(void *context);

struct way {
    void *context;
    step *run;
    step *before, *after; /* NULL: nothing. */
};

struct work {
    const char *name;
    int operations; /* In a round. */
    struct way raw, ours;
    int cost;            /* Of an operation, in sends and receives; 0: one. */
    int is_only_counted; /* Its time says nothing. */
};

static inline void step_if_any(step *what, void *context)
{
    if (what != NULL)
        what(context);
}

/* run.sh lets callgrind count what happens in here: it knows the name. */
__attribute__((noinline)) static void measured_step(const struct way *way)
{
    way->run(way->context);
}

/* For run.sh, which reads strace's log: system calls that do nothing, and have names. */
static int is_traced;

static inline void mark(const char *name)
{
    if (is_traced)
        require(access(name, F_OK) != 0, "a file has a mark's name");
}

/* When this returns callgrind writes down what it has counted, for run.sh. */
__attribute__((noinline)) static void counted_rounds(const struct way *way, long rounds)
{
    while (rounds-- > 0) {
        step_if_any(way->before, way->context);
        mark("the measured step begins");
        measured_step(way);
        mark("the measured step ends");
        step_if_any(way->after, way->context);
    }
    mark("the counted rounds end");
}

/* Counts both ways, once what happens only at first is over, and prints among how many
   operations the counts are to be divided. */
static inline void count(const struct work *work)
{
    enum { FIRST_ROUNDS = 4, ROUNDS = 200 };
    const struct way *ways[] = {&work->raw, &work->ours};
    for (int i = 0; i < 2; i++) {
        counted_rounds(ways[i], FIRST_ROUNDS);
        counted_rounds(ways[i], ROUNDS);
    }
    printf("%d %s\n", ROUNDS * work->operations, work->name);
}

static inline double time_of_rounds(const struct way *way, long rounds)
{
    double time = 0;
    for (long i = 0; i < rounds; i++) {
        step_if_any(way->before, way->context);
        double start = now();
        way->run(way->context);
        time += now() - start;
        step_if_any(way->after, way->context);
    }
    return time;
}

static inline void measure(const struct work *work)
{
    static double raw[SAMPLES], ours[SAMPLES], ratios[SAMPLES];
    long cost = (long)work->operations * (work->cost > 0 ? work->cost : 1);
    long rounds = ROUNDS_PER_SAMPLE / cost + 1;
    double operations = (double)rounds * work->operations;
    time_of_rounds(&work->raw, rounds);
    time_of_rounds(&work->ours, rounds);
    for (int i = 0; i < SAMPLES; i++) {
        raw[i] = time_of_rounds(&work->raw, rounds) / operations;
        ours[i] = time_of_rounds(&work->ours, rounds) / operations;
        /* Sample by sample: what disturbed both alike cancels. */
        ratios[i] = ours[i] / raw[i];
    }
    printf("%-24s %8.1f %8.1f %10.3f\n", work->name, median(raw), median(ours), median(ratios));
}

/* Whether the program is to count; `trace`: for strace. */
static inline int is_to_count(int argc, char **argv)
{
    is_traced = argc == 2 && strcmp(argv[1], "trace") == 0;
    int counts = is_traced || (argc == 2 && strcmp(argv[1], "count") == 0);
    if (argc != 1 && !counts) {
        fprintf(stderr, "usage: %s [count|trace]\n", argv[0]);
        exit(2);
    }
    return counts;
}

/* The main function of a program that compares: a table of times, or with the argument
   `count` or `trace` the rounds to be counted. */
static inline int side_by_side(const char *unit, const struct work *works, size_t works_count,
                               int argc, char **argv)
{
    int counts = is_to_count(argc, argv);
    if (!counts) {
        stay_on_this_core();
        printf("%-24s %8s %8s %10s\n", unit, "raw", "ours", "ours / raw");
    }
    for (size_t i = 0; i < works_count; i++) {
        if (counts)
            count(&works[i]);
        else if (!works[i].is_only_counted)
            measure(&works[i]);
    }
    return 0;
}

#endif
