// One way to mask, compiled for vectors of three widths, and the choice between them.

#include "cmasking.h"

#include <stdlib.h>
#include <string.h>

// In as many registers as the CPU needs for it.
typedef uint64_t vector __attribute__((vector_size(64)));

#define INLINE static inline __attribute__((always_inline))

static const uint64_t high_bits = 0x8080808080808080u;

// Eight bytes of the repeated key, as they are `count` bytes further on.
INLINE uint64_t keys_past(uint32_t key, size_t count) {
  const uint32_t repeated[3] = {key, key, key};
  uint64_t keys;
  memcpy(&keys, (const unsigned char *)repeated + (count & 3), sizeof keys);
  return keys;
}

// A few bytes, which need not be aligned; returns whatever bits they have. Fewer than a vector:
// not worth vectors of their own.
INLINE uint64_t apply_to_some(
    unsigned char *to, const unsigned char *from, size_t count, uint64_t keys) {
  uint64_t seen = 0;
  size_t done = 0;
#pragma clang loop vectorize(disable)
  for (; done + 8 <= count; done += 8) {
    uint64_t word;
    memcpy(&word, from + done, sizeof word);
    word ^= keys;
    memcpy(to + done, &word, sizeof word);
    seen |= word;
  }
  unsigned char key_bytes[sizeof keys];
  memcpy(key_bytes, &keys, sizeof keys);
#pragma clang loop vectorize(disable)
  for (; done < count; done++) {
    to[done] = from[done] ^ key_bytes[done % sizeof keys];
    seen |= to[done];
  }
  return seen;
}

// Vectors are stored where they are aligned: one that lies across two lines of the cache costs two
// stores. Each is loaded before anything is written over it.
INLINE bool apply(void *to, const void *from, size_t count, uint32_t key) {
  unsigned char *destination = to;
  const unsigned char *source = from;
  size_t done = -(uintptr_t)destination % sizeof(vector);
  if (done > count) done = count;
  uint64_t seen = apply_to_some(destination, source, done, keys_past(key, 0));
  const uint64_t keys = keys_past(key, done);

  vector all = {0};
  for (; count - done >= sizeof(vector); done += sizeof(vector)) {
    vector block;
    memcpy(&block, source + done, sizeof block);
    block ^= keys;
    memcpy(__builtin_assume_aligned(destination + done, sizeof block), &block, sizeof block);
    all |= block;
  }
  for (size_t i = 0; i < sizeof all / sizeof seen; i++) seen |= all[i];
  seen |= apply_to_some(destination + done, source + done, count - done, keys);
  return (seen & high_bits) == 0;
}

bool cmasking_apply_portable(void *to, const void *from, size_t count, uint32_t key) {
  return apply(to, from, count, key);
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) bool cmasking_apply_avx2(
    void *to, const void *from, size_t count, uint32_t key) {
  return apply(to, from, count, key);
}

__attribute__((target("avx512f"))) bool cmasking_apply_avx512(
    void *to, const void *from, size_t count, uint32_t key) {
  return apply(to, from, count, key);
}

// Asked for each long payload: a load each, as the features are found out before main() runs.
bool cmasking_has_avx2(void) { return __builtin_cpu_supports("avx2"); }
bool cmasking_has_avx512(void) { return __builtin_cpu_supports("avx512f"); }

#else

bool cmasking_has_avx2(void) { return false; }
bool cmasking_has_avx512(void) { return false; }
bool cmasking_apply_avx2(void *to, const void *from, size_t count, uint32_t key) { abort(); }
bool cmasking_apply_avx512(void *to, const void *from, size_t count, uint32_t key) { abort(); }

#endif

bool cmasking_apply(void *to, const void *from, size_t count, uint32_t key) {
  if (cmasking_has_avx512()) return cmasking_apply_avx512(to, from, count, key);
  if (cmasking_has_avx2()) return cmasking_apply_avx2(to, from, count, key);
  return cmasking_apply_portable(to, from, count, key);
}
