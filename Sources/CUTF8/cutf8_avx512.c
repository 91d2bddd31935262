// Unmasking (RFC 6455 section 5.3) and UTF-8 validation in one pass, with AVX-512: a long text is
// read once.
//
// Compares and scalar arithmetic find whether continuations are exactly where they are due: a
// vector of 64 bytes gives masks of 64 bits, and a shift by one bit leads from a byte to the next.
// What remains are the leads that no text contains and those that do not go with every second
// byte; a lookup by the lead and one by the byte behind it tell.

#include "cutf8.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define FEATURES "avx512f,avx512bw,avx512vbmi,bmi"
#define AVX512 __attribute__((target(FEATURES)))
#define AVX512_INLINE static inline __attribute__((target(FEATURES), always_inline))

// Why a second byte cannot follow a lead.
enum {
  BELOW_A0 = 1 << 0,  // after E0: overlong
  ABOVE_9F = 1 << 1,  // after ED: a surrogate
  BELOW_90 = 1 << 2,  // after F0: overlong
  ABOVE_8F = 1 << 3,  // after F4: beyond U+10FFFF
  ANY = 1 << 4,       // after C0, C1, F5 and more, which lead no character
};

// By the low six bits of a lead, C0 to FF.
static const unsigned char refused_by_lead[64] __attribute__((aligned(64))) = {
    [0x00] = ANY,      [0x01] = ANY,      [0x20] = BELOW_A0,       [0x2D] = ABOVE_9F,
    [0x30] = BELOW_90, [0x34] = ABOVE_8F, [0x35 ... 0x3F] = ANY,
};

// By the low six bits of a continuation, 80 to BF.
static const unsigned char kinds_of_second[64] __attribute__((aligned(64))) = {
    [0x00 ... 0x0F] = ANY | BELOW_A0 | BELOW_90,
    [0x10 ... 0x1F] = ANY | BELOW_A0 | ABOVE_8F,
    [0x20 ... 0x3F] = ANY | ABOVE_9F | ABOVE_8F,
};

// What is known of a text up to some block of 64 bytes.
struct text {
  // Not 0: continuations are missing, or where none is due.
  uint64_t misplaced;
  // Non-zero bytes: seconds that their leads refuse.
  __m512i refused;
  // What the leads of the last block refuse, 0 for its other bytes.
  __m512i refused_by_last;
  // 1: the next byte is a continuation, with one more behind it, with two more. Each of them
  // implies the ones before.
  uint64_t one_is_due, two_are_due, three_are_due;
};

AVX512_INLINE uint64_t not_below(unsigned char least, __m512i block) {
  return _mm512_cmpge_epu8_mask(block, _mm512_set1_epi8((char)least));
}

AVX512_INLINE void look_at(__m512i block, struct text *text) {
  uint64_t not_ascii = _mm512_movepi8_mask(block);
  if (not_ascii == 0) {
    text->misplaced |= text->one_is_due;
    text->one_is_due = text->two_are_due = text->three_are_due = 0;
    text->refused_by_last = _mm512_setzero_si512();
    return;
  }
  uint64_t leads = not_below(0xC0, block);
  // Of each byte: whether it is a continuation that two more follow, one more, none.
  uint64_t before = not_below(0xF0, block);
  uint64_t due = before << 1 | text->three_are_due;
  text->three_are_due = before >> 63;
  before = not_below(0xE0, block) | due;
  due = before << 1 | text->two_are_due;
  text->two_are_due = before >> 63;
  before = leads | due;
  due = before << 1 | text->one_is_due;
  text->one_is_due = before >> 63;
  text->misplaced |= due ^ (not_ascii & ~leads);

  __m512i refused_by_block = _mm512_maskz_permutexvar_epi8(
      leads, block, _mm512_load_si512(refused_by_lead));
  // The same by the byte before: one byte further, across the lanes and from the last block.
  __m512i refused_by_first = _mm512_alignr_epi8(
      refused_by_block, _mm512_alignr_epi64(refused_by_block, text->refused_by_last, 6), 15);
  __m512i kinds = _mm512_permutexvar_epi8(block, _mm512_load_si512(kinds_of_second));
  text->refused = _mm512_or_si512(text->refused, _mm512_and_si512(refused_by_first, kinds));
  text->refused_by_last = refused_by_block;
}

// Unmasks the bytes of a block that are present; the others are neither read nor written, and 0,
// which is ASCII, in what is returned. Takes numbers, as a block may begin in front of its memory,
// where no pointer may lead.
AVX512_INLINE __m512i unmask_present(
    __mmask64 present, uintptr_t to, uintptr_t from, __m512i keys) {
  __m512i block = _mm512_xor_si512(
      _mm512_maskz_loadu_epi8(present, (const void *)from),
      _mm512_maskz_mov_epi8(present, keys));
  _mm512_mask_storeu_epi8((void *)to, present, block);
  return block;
}

AVX512_INLINE __m512i unmask(unsigned char *to, const unsigned char *from, __m512i keys) {
  __m512i block = _mm512_xor_si512(_mm512_loadu_si512(from), keys);
  _mm512_store_si512(to, block);
  return block;
}

AVX512 bool cutf8_unmask_avx512(void *to, const void *from, size_t count, uint32_t key) {
  unsigned char *destination = to;
  const unsigned char *source = from;
  struct text text = {0};
  // Blocks are stored where they are aligned: one that lies across two lines of the cache costs two
  // stores. What is before the first of them is the end of a block.
  size_t lead = -(uintptr_t)destination % 64;
  if (lead > count) lead = 0;
  const __m512i keys = _mm512_set1_epi32((int)__builtin_rotateright32(key, 8 * (lead % 4)));
  if (lead > 0) {
    uintptr_t back = 64 - lead;
    __mmask64 present = ~(__mmask64)0 << back;
    look_at(unmask_present(present, (uintptr_t)to - back, (uintptr_t)from - back, keys), &text);
    source += lead;
    destination += lead;
    count -= lead;
  }
  for (; count >= 256; count -= 256) {
    __m512i blocks[4];
    for (int i = 0; i < 4; i++) blocks[i] = unmask(destination + 64 * i, source + 64 * i, keys);
    __m512i all = _mm512_or_si512(
        _mm512_or_si512(blocks[0], blocks[1]), _mm512_or_si512(blocks[2], blocks[3]));
    // Where nothing is due, ASCII needs no look.
    if (_mm512_movepi8_mask(all) != 0 || text.one_is_due != 0) {
      for (int i = 0; i < 4; i++) look_at(blocks[i], &text);
    }
    source += 256;
    destination += 256;
  }
  for (; count >= 64; count -= 64) {
    look_at(unmask(destination, source, keys), &text);
    source += 64;
    destination += 64;
  }
  // The rest: a character that is open at the end is too short, as ASCII follows.
  __mmask64 present = ((__mmask64)1 << count) - 1;
  look_at(unmask_present(present, (uintptr_t)destination, (uintptr_t)source, keys), &text);
  return text.misplaced == 0 && _mm512_test_epi8_mask(text.refused, text.refused) == 0;
}

// Asked for each long text: some loads, as the features are found out before main() runs.
bool cutf8_has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("bmi");
}

#endif
