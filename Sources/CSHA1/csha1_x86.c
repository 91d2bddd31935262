// SHA-1 by the instructions of x86 for it: one does four rounds, two make the words for four more.

#include "csha1.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

// Five times four rounds from the group `first` on. Each needs the words of its own group added to
// what the one before it made of e; w[20] is e as the block began, for whatever comes after it.
#define ROUNDS(function, first)                     \
  for (int i = (first); i < (first) + 5; i++) {     \
    __m128i before = abcd;                          \
    abcd = _mm_sha1rnds4_epu32(abcd, e, function);  \
    e = _mm_sha1nexte_epu32(before, w[i + 1]);      \
  }

__attribute__((target("sha,sse4.1"))) void csha1_take_by_instructions(
    uint32_t state[5], const void *blocks, size_t block_count) {
  // The instructions have the first of four words in the highest place.
  const __m128i words_reversed = _mm_set_epi64x(0x0001020304050607, 0x08090A0B0C0D0E0F);
  __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0x1B);
  __m128i e_alone = _mm_set_epi32((int)state[4], 0, 0, 0);
  for (size_t block = 0; block < block_count; block++) {
    const __m128i *bytes = (const __m128i *)((const unsigned char *)blocks + 64 * block);
    __m128i w[21];
    for (int i = 0; i < 4; i++) {
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128(bytes + i), words_reversed);
    }
    for (int i = 4; i < 20; i++) {
      __m128i partial = _mm_xor_si128(_mm_sha1msg1_epu32(w[i - 4], w[i - 3]), w[i - 2]);
      w[i] = _mm_sha1msg2_epu32(partial, w[i - 1]);
    }
    w[20] = e_alone;
    const __m128i abcd_before = abcd;
    __m128i e = _mm_add_epi32(e_alone, w[0]);
    ROUNDS(0, 0)
    ROUNDS(1, 5)
    ROUNDS(2, 10)
    ROUNDS(3, 15)
    abcd = _mm_add_epi32(abcd, abcd_before);
    e_alone = e;
  }
  _mm_storeu_si128((__m128i *)state, _mm_shuffle_epi32(abcd, 0x1B));
  state[4] = (uint32_t)_mm_extract_epi32(e_alone, 3);
}

bool csha1_has_instructions(void) {
  __builtin_cpu_init();
  unsigned a, b, c, d;
  // Leaf 7, EBX: bit 29 is SHA.
  return __builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d)
      && (b & 1u << 29) != 0;
}

#endif
