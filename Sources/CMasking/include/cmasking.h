// Masking (RFC 6455 section 5.3) of long payloads, with the widest vectors the CPU has, chosen at
// run time.
#ifndef CMASKING_H
#define CMASKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Writes `count` bytes of `from`, XORed with `key`, to `to`; returns whether all that was written
// is ASCII. The bytes of the key are as in memory. The ranges may overlap if `to` is not above
// `from`. Nothing is read or written outside of them.
bool cmasking_apply(void *to, const void *from, size_t count, uint32_t key);

// The same with the vectors of any CPU, and with those of AVX2 and AVX-512; only where there are
// such.
bool cmasking_apply_portable(void *to, const void *from, size_t count, uint32_t key);
bool cmasking_apply_avx2(void *to, const void *from, size_t count, uint32_t key);
bool cmasking_apply_avx512(void *to, const void *from, size_t count, uint32_t key);
bool cmasking_has_avx2(void);
bool cmasking_has_avx512(void);

#ifdef __cplusplus
}
#endif

#endif
