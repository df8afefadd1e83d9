/*
 * The standard library comes without the sanitizer, so that ThreadSanitizer misses what
 * orders threads in there: who waited for a lock, what was made once, that a scope waited for
 * its threads, and what a fence orders. run.sh has the linker put these around the functions that
 * do so (--wrap), under the names that the compiler gave them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

#define JOINED(start, name) start##name
#define REAL(name) JOINED(__real_, name)
#define WRAP(name) JOINED(__wrap_, name)

#define ACQUIRES(name)         \
    void REAL(name)(void *);   \
    void WRAP(name)(void *lock) \
    {                          \
        REAL(name)(lock);      \
        __tsan_acquire(lock);  \
    }

/* std::sys::sync: Mutex::lock_contended, RwLock::read_contended, RwLock::write_contended */
ACQUIRES(LOCK_CONTENDED)
ACQUIRES(READ_CONTENDED)
ACQUIRES(WRITE_CONTENDED)

/* std::sys::sync::Once::call: what was made before is for all who find it made. */
void REAL(ONCE)(void *once, bool, void *, void *, void *);
void WRAP(ONCE)(void *once, bool is_forced, void *self, void *call, void *location)
{
    __tsan_release(once);
    REAL(ONCE)(once, is_forced, self, call, location);
    __tsan_acquire(once);
}

/* std::thread::scoped::ScopeData: its three fields are a word each, in any order, and the
 * scope looks at the one that counts. */
void REAL(DECREMENT_NUM_RUNNING_THREADS)(void **scope, bool panicked);
void WRAP(DECREMENT_NUM_RUNNING_THREADS)(void **scope, bool panicked)
{
    for (size_t i = 0; i < 3; i++) {
        __tsan_release(scope + i);
    }
    REAL(DECREMENT_NUM_RUNNING_THREADS)(scope, panicked);
}

/* An Arc's owners count themselves out by a release each, and the last one goes on after an acquire
 * fence, which the sanitizer does not know. A thread's result is such an Arc: whoever gives it up
 * last, the thread or the scope, tells the scope that the thread is over. So each of these
 * acquires, too. */
enum { RELEASE = 3, ACQUIRE_RELEASE = 4 };

uint64_t __real___tsan_atomic64_fetch_sub(volatile uint64_t *place, uint64_t by, int order);
uint64_t __wrap___tsan_atomic64_fetch_sub(volatile uint64_t *place, uint64_t by, int order)
{
    int known = order == RELEASE ? ACQUIRE_RELEASE : order;
    return __real___tsan_atomic64_fetch_sub(place, by, known);
}
