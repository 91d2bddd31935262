// UTF-8 validation with AVX2: the lookup algorithm that J. Keiser and D. Lemire published in
// "Validating UTF-8 In Less Than One Instruction Per Byte" (2021).
//
// Almost every error shows in two neighbouring bytes, in fact in three nibbles: both of the first
// byte and the high one of the second. Each nibble looks up the errors it does not rule out; what
// all three agree on is an error. The rest, the third and fourth byte of a character, must be
// continuations exactly where the bytes two or three before say so.

#include "cutf8.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((target("avx2"), always_inline))

// The errors of two neighbouring bytes; CC stands for a continuation, LL for a lead.
enum {
  SHORT = 1 << 0,         // LL followed by ASCII or another LL
  STRAY = 1 << 1,         // ASCII followed by CC
  OVERLONG_3 = 1 << 2,    // E0, then below A0
  TOO_LARGE = 1 << 3,     // F4, then above 8F; F5 and more, then above 8F
  SURROGATE = 1 << 4,     // ED, then above 9F
  OVERLONG_2 = 1 << 5,    // C0 or C1, then CC
  TOO_LARGE_8F = 1 << 6,  // F5 and more, then below 90
  OVERLONG_4 = 1 << 6,    // F0, then below 90: its low nibble tells it from the one above
  TWO_CC = 1 << 7,        // CC, then CC: right only as third or fourth byte, which is checked apart
  // The errors the low nibble of the first byte cannot rule out.
  ANY_LOW = SHORT | STRAY | TWO_CC,
};

#define BOTH_LANES(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

AVX2_INLINE __m256i high_nibbles(__m256i bytes) {
  return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0F));
}

// The bytes `distance` before each byte of `input`, across the border to the block before.
#define BYTES_BEFORE(input, previous, distance) \
  _mm256_alignr_epi8((input), _mm256_permute2x128_si256((previous), (input), 0x21), 16 - (distance))

AVX2_INLINE __m256i pair_errors(__m256i input, __m256i before) {
  const __m256i by_first_high = BOTH_LANES(
      STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, (char)TWO_CC, (char)TWO_CC,
      (char)TWO_CC, (char)TWO_CC, SHORT | OVERLONG_2, SHORT, SHORT | OVERLONG_3 | SURROGATE,
      SHORT | TOO_LARGE | TOO_LARGE_8F | OVERLONG_4);
  const __m256i by_first_low = BOTH_LANES(
      (char)(ANY_LOW | OVERLONG_2 | OVERLONG_3 | OVERLONG_4), (char)(ANY_LOW | OVERLONG_2),
      (char)ANY_LOW, (char)ANY_LOW, (char)(ANY_LOW | TOO_LARGE),
      (char)(ANY_LOW | TOO_LARGE | TOO_LARGE_8F), (char)(ANY_LOW | TOO_LARGE | TOO_LARGE_8F),
      (char)(ANY_LOW | TOO_LARGE | TOO_LARGE_8F), (char)(ANY_LOW | TOO_LARGE | TOO_LARGE_8F),
      (char)(ANY_LOW | TOO_LARGE | TOO_LARGE_8F), (char)(ANY_LOW | TOO_LARGE | TOO_LARGE_8F),
      (char)(ANY_LOW | TOO_LARGE | TOO_LARGE_8F), (char)(ANY_LOW | TOO_LARGE | TOO_LARGE_8F),
      (char)(ANY_LOW | TOO_LARGE | TOO_LARGE_8F | SURROGATE),
      (char)(ANY_LOW | TOO_LARGE | TOO_LARGE_8F), (char)(ANY_LOW | TOO_LARGE | TOO_LARGE_8F));
  const __m256i by_second_high = BOTH_LANES(
      SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT,
      (char)(STRAY | TWO_CC | OVERLONG_2 | OVERLONG_3 | OVERLONG_4 | TOO_LARGE_8F),
      (char)(STRAY | TWO_CC | OVERLONG_2 | OVERLONG_3 | TOO_LARGE),
      (char)(STRAY | TWO_CC | OVERLONG_2 | SURROGATE | TOO_LARGE),
      (char)(STRAY | TWO_CC | OVERLONG_2 | SURROGATE | TOO_LARGE), SHORT, SHORT, SHORT, SHORT);

  __m256i first_low = _mm256_and_si256(before, _mm256_set1_epi8(0x0F));
  __m256i errors = _mm256_and_si256(
      _mm256_shuffle_epi8(by_first_high, high_nibbles(before)),
      _mm256_shuffle_epi8(by_first_low, first_low));
  return _mm256_and_si256(errors, _mm256_shuffle_epi8(by_second_high, high_nibbles(input)));
}

// Non-zero bytes where `input`, which follows `previous`, is not valid.
AVX2_INLINE __m256i block_errors(__m256i input, __m256i previous) {
  __m256i errors = pair_errors(input, BYTES_BEFORE(input, previous, 1));
  // Third bytes follow E0 and more at distance two, fourth ones F0 and more at three: saturating
  // subtraction leaves the top bit just there. It must coincide with TWO_CC.
  __m256i third = _mm256_subs_epu8(
      BYTES_BEFORE(input, previous, 2), _mm256_set1_epi8((char)(0xE0 - 0x80)));
  __m256i fourth = _mm256_subs_epu8(
      BYTES_BEFORE(input, previous, 3), _mm256_set1_epi8((char)(0xF0 - 0x80)));
  __m256i expected = _mm256_and_si256(
      _mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
  return _mm256_xor_si256(errors, expected);
}

// Non-zero bytes if a character is open at the end of the block.
AVX2_INLINE __m256i open_character(__m256i block) {
  const __m256i largest = _mm256_setr_epi8(
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
      -1, -1, -1, -1, -1, -1, (char)(0xF0 - 1), (char)(0xE0 - 1), (char)(0xC0 - 1));
  return _mm256_subs_epu8(block, largest);
}

AVX2 bool cutf8_is_valid_avx2(const void *bytes, size_t count) {
  const unsigned char *p = bytes;
  __m256i errors = _mm256_setzero_si256();
  __m256i previous = _mm256_setzero_si256();
  size_t left = count;
  for (; left >= 64; p += 64, left -= 64) {
    __m256i first = _mm256_loadu_si256((const __m256i *)p);
    __m256i second = _mm256_loadu_si256((const __m256i *)(p + 32));
    if (_mm256_movemask_epi8(_mm256_or_si256(first, second)) == 0) {
      errors = _mm256_or_si256(errors, open_character(previous));
    } else {
      errors = _mm256_or_si256(errors, block_errors(first, previous));
      errors = _mm256_or_si256(errors, block_errors(second, first));
      // A hostile message must not cost more than a good one, so stop early.
      if (!_mm256_testz_si256(errors, errors)) return false;
    }
    previous = second;
  }
  if (left >= 32) {
    __m256i block = _mm256_loadu_si256((const __m256i *)p);
    errors = _mm256_or_si256(errors, block_errors(block, previous));
    previous = block;
    p += 32;
    left -= 32;
  }
  // The rest, padded with ASCII: a character that is open at the end is too short then.
  unsigned char tail[32] = {0};
  for (size_t i = 0; i < left; i++) tail[i] = p[i];
  __m256i block = _mm256_loadu_si256((const __m256i *)tail);
  errors = _mm256_or_si256(errors, block_errors(block, previous));
  return _mm256_testz_si256(errors, errors);
}

bool cutf8_has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2");
}

#endif
