// SHA-1 without special instructions, and the choice of the implementation. What uses the CPU's
// instructions is in csha1_x86.c.

#include "csha1.h"

#include <stdatomic.h>
#include <stdlib.h>

static inline uint32_t rotated(uint32_t word, int count) {
  return word << count | word >> (32 - count);
}

static inline uint32_t big_endian(const unsigned char *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// The function and the constant of twenty rounds (RFC 3174 section 5).
static inline uint32_t mixed(int twenty, uint32_t b, uint32_t c, uint32_t d) {
  if (twenty == 0) return (d ^ (b & (c ^ d))) + 0x5A827999;
  if (twenty == 1) return (b ^ c ^ d) + 0x6ED9EBA1;
  if (twenty == 2) return ((b & c) | (d & (b | c))) + 0x8F1BBCDC;
  return (b ^ c ^ d) + 0xCA62C1D6;
}

// A round changes two of the five words and then renames all of them: after five rounds the old
// names are back, so that nothing has to be moved.
#define ROUND(a, b, c, d, e, word)                        \
  e += rotated(a, 5) + mixed(twenty, b, c, d) + (word);   \
  b = rotated(b, 30)

// Section 6.1: 80 words are made of the block's 16, and one goes into each round.
static void take_block(uint32_t state[5], const unsigned char *block) {
  uint32_t words[80];
  for (int i = 0; i < 16; i++) words[i] = big_endian(block + 4 * i);
  for (int i = 16; i < 80; i++) {
    words[i] = rotated(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
  }
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
#pragma clang loop unroll(full)
  for (int twenty = 0; twenty < 4; twenty++) {
    for (int i = 20 * twenty; i < 20 * twenty + 20; i += 5) {
      ROUND(a, b, c, d, e, words[i]);
      ROUND(e, a, b, c, d, words[i + 1]);
      ROUND(d, e, a, b, c, words[i + 2]);
      ROUND(c, d, e, a, b, words[i + 3]);
      ROUND(b, c, d, e, a, words[i + 4]);
    }
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

void csha1_take_portable(uint32_t state[5], const void *blocks, size_t block_count) {
  const unsigned char *block = blocks;
  for (size_t i = 0; i < block_count; i++) take_block(state, block + 64 * i);
}

#if !defined(__x86_64__)
bool csha1_has_instructions(void) { return false; }
void csha1_take_by_instructions(uint32_t state[5], const void *blocks, size_t block_count) {
  abort();
}
#endif

typedef void (*taker)(uint32_t state[5], const void *blocks, size_t block_count);

static void choose_and_take(uint32_t state[5], const void *blocks, size_t block_count);

// Every thread that finds the first value resolves it to the same second one, so no order matters.
static _Atomic(taker) chosen = choose_and_take;

static void choose_and_take(uint32_t state[5], const void *blocks, size_t block_count) {
  taker best = csha1_has_instructions() ? csha1_take_by_instructions : csha1_take_portable;
  atomic_store_explicit(&chosen, best, memory_order_relaxed);
  best(state, blocks, block_count);
}

void csha1_take(uint32_t state[5], const void *blocks, size_t block_count) {
  atomic_load_explicit(&chosen, memory_order_relaxed)(state, blocks, block_count);
}
