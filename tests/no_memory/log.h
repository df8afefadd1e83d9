/* What is told, and counted, with no memory at all. */

#ifndef NO_MEMORY_LOG_H
#define NO_MEMORY_LOG_H

#include "opening.h"

static void count_record(void *user_data, const udsock_log_record *record) {
    MUST(record->text[0] != 0);
    ++*(int *)user_data;
}

static void logged(void) {
    udsock_counters counters = { .size = sizeof counters };
    int count = 0;
    MUST(CALL(udsock_set_log, count_record, &count, UDSOCK_LOG_WARNING) == 0);
    udsock_t s = serve(UDSOCK_STREAM, "server", NULL);
    MUST(CALL(udsock_get_counters, s, &counters) == 0 && counters.accepted == 0);
    MUST(unlink("server") == 0);
    const int64_t asked = allocator.asked;
    MUST(CALL(udsock_close, s) == 0 && count == 1);
    MUST(allocator.asked == asked);
    MUST(CALL(udsock_set_log, NULL, NULL, 0) == 0);
}

#endif
