// Where in some bytes something stands, and whether they are the same as others, asked of sixteen
// of them at once: Swift's own vectors are compared element by element.
//
// Each search returns the first place, or `count` if there is none. None reads outside the bytes it
// is given; with a count of 0 the pointer may be null.
#ifndef CBYTES_H
#define CBYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the first of some bytes is taken for the lowest of a word"
#endif

typedef unsigned char cbytes_block __attribute__((vector_size(16)));

// All ones where a byte matches; `one` and `other` are for searches that look for given bytes.
typedef cbytes_block (*cbytes_match)(cbytes_block bytes, unsigned char one, unsigned char other);

static inline cbytes_block cbytes_load(const unsigned char *p) {
  cbytes_block block;
  memcpy(&block, p, sizeof block);
  return block;
}

// Fewer than sixteen bytes, and zeros behind them.
static inline cbytes_block cbytes_load_few(const unsigned char *p, size_t count) {
  uint64_t words[2] = {0, 0};
  if (count >= 8) {
    // The last eight, without those that are among the first eight.
    memcpy(&words[0], p, 8);
    memcpy(&words[1], p + count - 8, 8);
    words[1] = count == 8 ? 0 : words[1] >> 8 * (16 - count);
  } else if (count >= 4) {
    uint32_t first, last;
    memcpy(&first, p, 4);
    memcpy(&last, p + count - 4, 4);
    words[0] = first | (uint64_t)last << 8 * (count - 4);
  } else if (count > 0) {
    words[0] = p[0] | (uint64_t)p[count / 2] << 8 * (count / 2)
        | (uint64_t)p[count - 1] << 8 * (count - 1);
  }
  return cbytes_load((const unsigned char *)words);
}

// The first place of the sixteen that is not 0; 16 if all are.
static inline size_t cbytes_first(cbytes_block matches) {
  uint64_t words[2];
  memcpy(words, &matches, sizeof words);
  if (words[0] != 0) return (size_t)__builtin_ctzll(words[0]) / 8;
  return words[1] != 0 ? 8 + (size_t)__builtin_ctzll(words[1]) / 8 : 16;
}

static inline size_t cbytes_find(
    const void *bytes, size_t count, cbytes_match match, unsigned char one, unsigned char other) {
  const unsigned char *p = (const unsigned char *)bytes;
  if (count < 16) {
    size_t first = cbytes_first(match(cbytes_load_few(p, count), one, other));
    return first < count ? first : count;
  }
  // The last sixteen overlap with what was searched in vain before.
  for (size_t place = 0;; place = place + 32 <= count ? place + 16 : count - 16) {
    size_t first = cbytes_first(match(cbytes_load(p + place), one, other));
    if (first < 16) return place + first;
    if (place + 16 == count) return count;
  }
}

static inline cbytes_block cbytes_is_either(
    cbytes_block bytes, unsigned char one, unsigned char other) {
  return (cbytes_block)((bytes == one) | (bytes == other));
}

static inline cbytes_block cbytes_is_control(
    cbytes_block bytes, unsigned char one, unsigned char other) {
  return (cbytes_block)((bytes < 0x20) | (bytes == 0x7F));
}

static inline cbytes_block cbytes_is_no_alphanumeric(cbytes_block bytes) {
  cbytes_block letters = (bytes | 0x20) - 'a';
  cbytes_block digits = bytes - '0';
  return (cbytes_block)((letters > 25) & (digits > 9));
}

static inline cbytes_block cbytes_is_no_word(
    cbytes_block bytes, unsigned char one, unsigned char other) {
  return cbytes_is_no_alphanumeric(bytes) & (cbytes_block)(bytes != '-');
}

static inline cbytes_block cbytes_is_no_base64(
    cbytes_block bytes, unsigned char one, unsigned char other) {
  return cbytes_is_no_alphanumeric(bytes) & (cbytes_block)((bytes != '+') & (bytes != '/'));
}

// Either of two bytes.
static inline size_t cbytes_find_either(
    const void *bytes, size_t count, unsigned char one, unsigned char other) {
  return cbytes_find(bytes, count, cbytes_is_either, one, other);
}

// A control character of ASCII.
static inline size_t cbytes_find_control(const void *bytes, size_t count) {
  return cbytes_find(bytes, count, cbytes_is_control, 0, 0);
}

// What is neither a letter of ASCII, nor a digit, nor a hyphen.
static inline size_t cbytes_find_no_word(const void *bytes, size_t count) {
  return cbytes_find(bytes, count, cbytes_is_no_word, 0, 0);
}

// What is no character of base64 (RFC 4648 section 4), padding included.
static inline size_t cbytes_find_no_base64(const void *bytes, size_t count) {
  return cbytes_find(bytes, count, cbytes_is_no_base64, 0, 0);
}

// Whether the bytes are the same as others.
static inline bool cbytes_is_same(const void *bytes, const void *others, size_t count) {
  return count == 0 || memcmp(bytes, others, count) == 0;
}

// Whether each of the sixteen is the expected one, or that letter in upper case.
static inline bool cbytes_is_same_block(cbytes_block bytes, cbytes_block lowercase) {
  // Bit 6 tells the letters, and bit 5 is between their cases.
  cbytes_block case_bits = (lowercase & 0x40) >> 1;
  return cbytes_first((bytes ^ lowercase) & ~case_bits) == 16;
}

// Whether the bytes are this text in whatever case; it has letters in lower case, and otherwise
// only characters below '@'.
static inline bool cbytes_is_same_ignoring_case(
    const void *bytes, const void *lowercase, size_t count) {
  const unsigned char *p = (const unsigned char *)bytes;
  const unsigned char *expected = (const unsigned char *)lowercase;
  if (count < 16)
    return cbytes_is_same_block(cbytes_load_few(p, count), cbytes_load_few(expected, count));
  // The last sixteen overlap with what was compared before.
  for (size_t place = 0;; place = place + 32 <= count ? place + 16 : count - 16) {
    if (!cbytes_is_same_block(cbytes_load(p + place), cbytes_load(expected + place))) return false;
    if (place + 16 == count) return true;
  }
}

#endif
