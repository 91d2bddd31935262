// UTF-8 validation without vector instructions, the incremental automaton, and the choice of the
// implementation. Those with vectors are in cutf8_avx2.c and cutf8_avx512.c.

#include "cutf8.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t high_bits = 0x8080808080808080u;

static inline bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// The state after a byte that begins a character (RFC 3629 section 4, UTF8-1 to UTF8-4).
static inline uint32_t begin_character(unsigned char byte) {
  if (byte < 0x80) return CUTF8_COMPLETE;
  if (byte < 0xC2) return CUTF8_INVALID;  // a continuation, or the overlong C0 and C1
  if (byte < 0xE0) return CUTF8_NEEDS_ONE;
  if (byte == 0xE0) return CUTF8_AFTER_E0;
  if (byte == 0xED) return CUTF8_AFTER_ED;
  if (byte < 0xF0) return CUTF8_NEEDS_TWO;
  if (byte == 0xF0) return CUTF8_AFTER_F0;
  if (byte < 0xF4) return CUTF8_NEEDS_THREE;
  return byte == 0xF4 ? CUTF8_AFTER_F4 : CUTF8_INVALID;
}

static inline uint32_t step(uint32_t state, unsigned char byte) {
  switch (state) {
    case CUTF8_COMPLETE:
      return begin_character(byte);
    case CUTF8_NEEDS_ONE:
      return is_continuation(byte) ? CUTF8_COMPLETE : CUTF8_INVALID;
    case CUTF8_NEEDS_TWO:
      return is_continuation(byte) ? CUTF8_NEEDS_ONE : CUTF8_INVALID;
    case CUTF8_NEEDS_THREE:
      return is_continuation(byte) ? CUTF8_NEEDS_TWO : CUTF8_INVALID;
    case CUTF8_AFTER_E0:  // below A0: overlong
      return byte >= 0xA0 && byte <= 0xBF ? CUTF8_NEEDS_ONE : CUTF8_INVALID;
    case CUTF8_AFTER_ED:  // above 9F: surrogates
      return byte >= 0x80 && byte <= 0x9F ? CUTF8_NEEDS_ONE : CUTF8_INVALID;
    case CUTF8_AFTER_F0:  // below 90: overlong
      return byte >= 0x90 && byte <= 0xBF ? CUTF8_NEEDS_TWO : CUTF8_INVALID;
    case CUTF8_AFTER_F4:  // above 8F: beyond U+10FFFF
      return byte >= 0x80 && byte <= 0x8F ? CUTF8_NEEDS_TWO : CUTF8_INVALID;
    default:
      return CUTF8_INVALID;
  }
}

// The number of bytes of the character at p, of which `left` may be read; 0 if it is not valid.
static inline size_t character_length(const unsigned char *p, size_t left) {
  unsigned char first = p[0];
  if (first < 0x80) return 1;
  if (first < 0xE0) return first >= 0xC2 && left >= 2 && is_continuation(p[1]) ? 2 : 0;
  if (first < 0xF0) {
    if (left < 3 || !is_continuation(p[1]) || !is_continuation(p[2])) return 0;
    unsigned scalar = (unsigned)(first & 0x0F) << 12 | (unsigned)(p[1] & 0x3F) << 6;
    return scalar < 0x800 || (scalar & 0xF800) == 0xD800 ? 0 : 3;
  }
  if (left < 4 || first > 0xF4) return 0;
  if (!is_continuation(p[1]) || !is_continuation(p[2]) || !is_continuation(p[3])) return 0;
  unsigned plane = (unsigned)(first & 0x07) << 2 | (unsigned)(p[1] & 0x30) >> 4;
  return plane >= 1 && plane <= 16 ? 4 : 0;
}

bool cutf8_is_valid_portable(const void *bytes, size_t count) {
  const unsigned char *p = bytes;
  size_t left = count;
  while (left > 0) {
    if (left >= 16) {
      uint64_t words[2];
      memcpy(words, p, sizeof words);
      if (((words[0] | words[1]) & high_bits) == 0) {
        p += 16;
        left -= 16;
        continue;
      }
    }
    // One look at the next 16 bytes pays for several characters.
    const unsigned char *stop = p + (left < 16 ? left : 16);
    while (p < stop) {
      size_t length = character_length(p, left);
      if (length == 0) return false;
      p += length;
      left -= length;
    }
  }
  return true;
}

#if !defined(__x86_64__)
bool cutf8_has_avx2(void) { return false; }
bool cutf8_is_valid_avx2(const void *bytes, size_t count) {
  return cutf8_is_valid_portable(bytes, count);
}
bool cutf8_has_avx512(void) { return false; }
bool cutf8_unmask_avx512(void *to, const void *from, size_t count, uint32_t key) { abort(); }
#endif

typedef bool (*validator)(const void *bytes, size_t count);

static bool choose_and_validate(const void *bytes, size_t count);

// Every thread that finds the first value resolves it to the same second one, so no order matters.
static _Atomic(validator) chosen = choose_and_validate;

static bool choose_and_validate(const void *bytes, size_t count) {
  validator best = cutf8_has_avx2() ? cutf8_is_valid_avx2 : cutf8_is_valid_portable;
  atomic_store_explicit(&chosen, best, memory_order_relaxed);
  return best(bytes, count);
}

bool cutf8_is_valid(const void *bytes, size_t count) {
  // Below a vector or two the call through the pointer and its tail cost more than they save.
  if (count < 32) return cutf8_is_valid_portable(bytes, count);
  return atomic_load_explicit(&chosen, memory_order_relaxed)(bytes, count);
}

// How many bytes at the end, at most three, begin a character that goes on behind them.
static inline size_t open_tail(const unsigned char *bytes, size_t count) {
  size_t reach = count < 3 ? count : 3;
  for (size_t back = 1; back <= reach; back++) {
    unsigned char byte = bytes[count - back];
    if (is_continuation(byte)) continue;
    size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

bool cutf8_advance(uint32_t *state, const void *bytes, size_t count) {
  const unsigned char *p = bytes;
  uint32_t now = *state;
  while (now > CUTF8_INVALID && count > 0) {
    now = step(now, *p++);
    count--;
  }
  if (now == CUTF8_COMPLETE && count > 0) {
    size_t tail = open_tail(p, count);
    if (!cutf8_is_valid(p, count - tail)) now = CUTF8_INVALID;
    for (size_t i = count - tail; i < count && now != CUTF8_INVALID; i++) now = step(now, p[i]);
  }
  *state = now;
  return now != CUTF8_INVALID;
}

// XORs a few bytes with the key, which is for the bytes from `from` on.
static inline void unmask_some(
    unsigned char *to, const unsigned char *from, size_t count, uint32_t key) {
  unsigned char keys[4];
  memcpy(keys, &key, sizeof keys);
  for (size_t i = 0; i < count; i++) to[i] = from[i] ^ keys[i & 3];
}

// The key for what follows the first `count` bytes.
static inline uint32_t rotated(uint32_t key, size_t count) {
  unsigned char keys[8];
  memcpy(keys, &key, 4);
  memcpy(keys + 4, &key, 4);
  memcpy(&key, keys + (count & 3), 4);
  return key;
}

bool cutf8_advance_unmasking_avx512(
    uint32_t *state, void *to, const void *from, size_t count, uint32_t key) {
  const unsigned char *source = from;
  unsigned char *destination = to;
  uint32_t now = *state;
  size_t done = 0;
  for (; now > CUTF8_INVALID && done < count; done++) {
    unmask_some(destination + done, source + done, 1, rotated(key, done));
    now = step(now, destination[done]);
  }
  if (now == CUTF8_COMPLETE && done < count) {
    unsigned char last[3];
    size_t reach = count - done < sizeof last ? count - done : sizeof last;
    unmask_some(last, source + count - reach, reach, rotated(key, count - reach));
    size_t tail = open_tail(last, reach);
    size_t whole = count - done - tail;
    if (!cutf8_unmask_avx512(destination + done, source + done, whole, rotated(key, done))) {
      now = CUTF8_INVALID;
    }
    for (size_t i = reach - tail; i < reach && now != CUTF8_INVALID; i++) now = step(now, last[i]);
    memcpy(destination + count - tail, last + reach - tail, tail);
  }
  *state = now;
  return now != CUTF8_INVALID;
}
