// Only in builds with the thread sanitizer: tells it of Swift's Mutex. The uncontended way of that
// mutex is compiled into this program and seen by the sanitizer; the contended one is in the Swift
// library, which is not built for it, and everything it protects would be reported as a race. The
// two functions below stand in front of the library's, under their names.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *

void __tsan_acquire(void *address);
void __tsan_release(void *address);

SWIFT void sanitized_lock(uint32_t thread, SELF mutex) __asm__(LOCK);
SWIFT void sanitized_unlock(SELF mutex) __asm__(UNLOCK);

SWIFT void sanitized_lock(uint32_t thread, SELF mutex)
{
    SWIFT void (*lock)(uint32_t, SELF) = (SWIFT void (*)(uint32_t, SELF))dlsym(RTLD_NEXT, LOCK);
    lock(thread, mutex);
    // The address is that of the mutex's word, so this pairs with its uncontended release, too.
    __tsan_acquire(mutex);
}

SWIFT void sanitized_unlock(SELF mutex)
{
    SWIFT void (*unlock)(SELF) = (SWIFT void (*)(SELF))dlsym(RTLD_NEXT, UNLOCK);
    __tsan_release(mutex);
    unlock(mutex);
}
#endif
#endif
