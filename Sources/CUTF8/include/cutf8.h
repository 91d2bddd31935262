// UTF-8 validation (RFC 3629) as fast as the CPU allows, chosen at run time.
//
// Nothing here allocates, keeps state of its own or reads outside the bytes it is given. A count of
// 0 is valid, whatever the pointer.
#ifndef CUTF8_H
#define CUTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What an open sequence still needs. 0: none is open. All other values but these are never used.
enum {
  CUTF8_COMPLETE = 0,
  CUTF8_INVALID = 1,
  CUTF8_NEEDS_ONE = 2,
  CUTF8_NEEDS_TWO = 3,
  CUTF8_NEEDS_THREE = 4,
  CUTF8_AFTER_E0 = 5,
  CUTF8_AFTER_ED = 6,
  CUTF8_AFTER_F0 = 7,
  CUTF8_AFTER_F4 = 8,
};

// Whether the bytes are complete, valid UTF-8.
bool cutf8_is_valid(const void *bytes, size_t count);

// The same without vector instructions, and with AVX2; the latter only if cutf8_has_avx2().
bool cutf8_is_valid_portable(const void *bytes, size_t count);
bool cutf8_is_valid_avx2(const void *bytes, size_t count);
bool cutf8_has_avx2(void);

// Continues a text in state *state with its next bytes. Returns false, and leaves CUTF8_INVALID, as
// soon as the text so far is not the beginning of any valid one; that state is never left again.
bool cutf8_advance(uint32_t *state, const void *bytes, size_t count);

// The same on the way of a text from `from` to `to`, which it is XORed with `key` on (RFC 6455
// section 5.3; the bytes of the key are as in memory). The ranges may overlap if `to` is not above
// `from`. What was written means nothing once the result is false. Both read the text once, and
// need cutf8_has_avx512().
bool cutf8_unmask_avx512(void *to, const void *from, size_t count, uint32_t key);
bool cutf8_advance_unmasking_avx512(
    uint32_t *state, void *to, const void *from, size_t count, uint32_t key);
bool cutf8_has_avx512(void);

#ifdef __cplusplus
}
#endif

#endif
