// Unmasking (RFC 6455 section 5.3) and UTF-8 validation in one pass, with AVX-512: a long text is
// read once.
//
// One lookup tells what each lead byte demands of the bytes behind it; moved on by one, two and
// three bytes the answers tell of every place whether a continuation is due there, and which
// seconds the lead refuses. Another lookup tells what is there. The two are compared bit by bit,
// 64 places at once, and whether all was well is asked at the end.

#include "cutf8.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define FEATURES "avx512f,avx512bw,avx512vbmi,avx512vbmi2"
#define AVX512 __attribute__((target(FEATURES)))
#define AVX512_INLINE static inline __attribute__((target(FEATURES), always_inline))

enum {
  // Why a second byte cannot follow a lead.
  BELOW_A0 = 1 << 0,  // after E0: overlong
  ABOVE_9F = 1 << 1,  // after ED: a surrogate
  BELOW_90 = 1 << 2,  // after F0: overlong
  ABOVE_8F = 1 << 3,  // after F4: beyond U+10FFFF
  ANY = 1 << 4,       // after C0, C1, F5 and more, which lead no character
  REFUSALS = BELOW_A0 | ABOVE_9F | BELOW_90 | ABOVE_8F | ANY,
  // Which continuations a lead demands. Moved to its place each is in the bit that tells whether
  // there is one: SECOND moves by 8 bits, THIRD by 17, FOURTH by 26.
  FOURTH = 1 << 5,
  THIRD = 1 << 6,
  SECOND = 1 << 7,
  CONTINUATION = SECOND,
  // By the number of bytes of a character.
  OF_2 = SECOND,
  OF_3 = SECOND | THIRD,
  OF_4 = SECOND | THIRD | FOURTH,
};

#define TABLE static const unsigned char __attribute__((aligned(64)))

// What a lead demands and refuses, by its low six bits: C0 to FF.
TABLE demands_of_lead[64] = {
    [0x00 ... 0x01] = OF_2 | ANY, [0x02 ... 0x1F] = OF_2,
    [0x20] = OF_3 | BELOW_A0,     [0x21 ... 0x2C] = OF_3,
    [0x2D] = OF_3 | ABOVE_9F,     [0x2E ... 0x2F] = OF_3,
    [0x30] = OF_4 | BELOW_90,     [0x31 ... 0x33] = OF_4,
    [0x34] = OF_4 | ABOVE_8F,     [0x35 ... 0x3F] = OF_4 | ANY,
};

// What a byte is, by its high six bits; 0: no continuation.
TABLE kinds_of_byte[64] = {
    [0x80 >> 2 ... 0x8F >> 2] = CONTINUATION | ANY | BELOW_A0 | BELOW_90,
    [0x90 >> 2 ... 0x9F >> 2] = CONTINUATION | ANY | BELOW_A0 | ABOVE_8F,
    [0xA0 >> 2 ... 0xBF >> 2] = CONTINUATION | ANY | ABOVE_9F | ABOVE_8F,
};

// Which demands reach beyond a block, by their place in it.
TABLE demands_beyond[64] = {[61] = FOURTH, [62] = THIRD, [63] = SECOND};

// What is known of a text up to some block of 64 bytes.
struct text {
  // What the leads of the last block demand and refuse, 0 in the place of its other bytes.
  __m512i demands;
  // CONTINUATION: one is missing, or is where none is due. The other bits mean nothing.
  __m512i misplaced;
  // REFUSALS: seconds that their leads refuse. The other bits mean nothing.
  __m512i refused;
  // Not 0: ASCII has followed a character that was open.
  __m512i open;
};

// A formula of these is the table by which `vpternlog` combines three vectors bit by bit.
enum { A = 0xF0, B = 0xCC, C = 0xAA };

AVX512_INLINE void look_at(__m512i block, struct text *text) {
  __mmask64 leads = _mm512_cmpge_epu8_mask(block, _mm512_set1_epi8((char)0xC0));
  // A lookup is by the low six bits of a byte: what a shift brings in from the next is not seen.
  __m512i demands =
      _mm512_maskz_permutexvar_epi8(leads, block, _mm512_load_si512(demands_of_lead));
  __m512i kinds = _mm512_permutexvar_epi8(
      _mm512_srli_epi16(block, 2), _mm512_load_si512(kinds_of_byte));
  // The eight bytes before each eight, from which what moves comes in.
  __m512i before = _mm512_alignr_epi64(demands, text->demands, 7);
  __m512i of_second = _mm512_shldi_epi64(demands, before, 8);
  __m512i of_third = _mm512_shldi_epi64(demands, before, 17);
  __m512i of_fourth = _mm512_shldi_epi64(demands, before, 26);
  __m512i due = _mm512_ternarylogic_epi64(of_second, of_third, of_fourth, A | B | C);
  text->misplaced = _mm512_ternarylogic_epi64(text->misplaced, due, kinds, A | (B ^ C));
  text->refused = _mm512_ternarylogic_epi64(text->refused, of_second, kinds, A | (B & C));
  text->demands = demands;
}

// The same for however many blocks of ASCII: nothing matters but what was open before them.
AVX512_INLINE void pass_ascii(struct text *text) {
  text->open = _mm512_ternarylogic_epi64(
      text->open, text->demands, _mm512_load_si512(demands_beyond), A | (B & C));
  text->demands = _mm512_setzero_si512();
}

AVX512_INLINE bool is_valid(const struct text *text) {
  return _mm512_movepi8_mask(text->misplaced) == 0 &&
         _mm512_test_epi8_mask(text->refused, _mm512_set1_epi8(REFUSALS)) == 0 &&
         _mm512_test_epi8_mask(text->open, text->open) == 0;
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
    if (_mm512_movepi8_mask(all) == 0) {
      pass_ascii(&text);
    } else {
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
  return is_valid(&text);
}

// Asked for each long text: some loads, as the features are found out before main() runs.
bool cutf8_has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
}

#endif
