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

// Where a block is in memory and what comes before it: the block, and the bytes one, two and three
// before each of its own.
struct window {
  __m256i block, before_1, before_2, before_3;
};

AVX2_INLINE __m256i load(const unsigned char *p) { return _mm256_loadu_si256((const __m256i *)p); }

// Three loads more cost less than shuffling the bytes out of this block and the one before.
AVX2_INLINE struct window window_at(const unsigned char *p) {
  return (struct window){load(p), load(p - 1), load(p - 2), load(p - 3)};
}

// The bytes `distance` before each byte of `block`, across the border to the block before.
#define BYTES_BEFORE(block, previous, distance) \
  _mm256_alignr_epi8((block), _mm256_permute2x128_si256((previous), (block), 0x21), 16 - (distance))

AVX2_INLINE struct window window_of(__m256i block, __m256i previous) {
  return (struct window){block, BYTES_BEFORE(block, previous, 1), BYTES_BEFORE(block, previous, 2),
                         BYTES_BEFORE(block, previous, 3)};
}

AVX2_INLINE __m256i pair_errors(__m256i block, __m256i before) {
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
  return _mm256_and_si256(errors, _mm256_shuffle_epi8(by_second_high, high_nibbles(block)));
}

// Non-zero bytes where the block is not valid.
AVX2_INLINE __m256i errors_in(struct window window) {
  __m256i errors = pair_errors(window.block, window.before_1);
  // Third bytes follow E0 and more at distance two, fourth ones F0 and more at three: saturating
  // subtraction leaves the top bit just there. It must coincide with TWO_CC.
  __m256i third = _mm256_subs_epu8(window.before_2, _mm256_set1_epi8((char)(0xE0 - 0x80)));
  __m256i fourth = _mm256_subs_epu8(window.before_3, _mm256_set1_epi8((char)(0xF0 - 0x80)));
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

// How many bytes are looked at before anybody asks whether they were right: a hostile message must
// not cost more than a good one, and asking after every block would cost a seventh of the time.
enum { SECTION = 1024 };

// Of less than two blocks.
AVX2_INLINE bool is_valid_short(const unsigned char *p, size_t count) {
  __m256i errors = _mm256_setzero_si256();
  __m256i previous = _mm256_setzero_si256();
  if (count >= 32) {
    previous = load(p);
    errors = errors_in(window_of(previous, _mm256_setzero_si256()));
    p += 32;
    count -= 32;
  }
  // The rest, padded with ASCII: a character that is open at the end is too short then.
  unsigned char tail[32] = {0};
  for (size_t i = 0; i < count; i++) tail[i] = p[i];
  errors = _mm256_or_si256(errors, errors_in(window_of(load(tail), previous)));
  return _mm256_testz_si256(errors, errors);
}

AVX2 bool cutf8_is_valid_avx2(const void *bytes, size_t count) {
  const unsigned char *p = bytes;
  const unsigned char *end = p + count;
  if (count < 64) return is_valid_short(p, count);
  // Nothing comes before the first block.
  __m256i errors = errors_in(window_of(load(p), _mm256_setzero_si256()));
  p += 32;
  while (end - p >= 64) {
    const unsigned char *stop = p + (end - p > SECTION ? SECTION : (end - p) & ~63);
    for (; p < stop; p += 64) {
      if (_mm256_movemask_epi8(_mm256_or_si256(load(p), load(p + 32))) == 0) {
        errors = _mm256_or_si256(errors, open_character(load(p - 32)));
      } else {
        errors = _mm256_or_si256(errors, errors_in(window_at(p)));
        errors = _mm256_or_si256(errors, errors_in(window_at(p + 32)));
      }
    }
    if (!_mm256_testz_si256(errors, errors)) return false;
  }
  if (end - p > 32) errors = _mm256_or_si256(errors, errors_in(window_at(p)));
  // The last 32 bytes, of which some have been looked at: that changes nothing.
  const unsigned char *last = end - 32;
  errors = _mm256_or_si256(errors, errors_in(window_at(last)));
  errors = _mm256_or_si256(errors, open_character(load(last)));
  return _mm256_testz_si256(errors, errors);
}

bool cutf8_has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2");
}

#endif
