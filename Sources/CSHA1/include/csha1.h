// The compression function of SHA-1 (RFC 3174) as fast as the CPU allows, chosen at run time.
//
// For the proof of RFC 6455 section 4.2.2 alone: nothing here is a security claim. Nothing
// allocates, or keeps state of its own but which implementation was chosen.
#ifndef CSHA1_H
#define CSHA1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Takes blocks of 64 bytes, whatever their alignment, into the five words of a digest.
void csha1_take(uint32_t state[5], const void *blocks, size_t block_count);

// The same without special instructions, and with the CPU's own for SHA-1; the latter only if
// csha1_has_instructions().
void csha1_take_portable(uint32_t state[5], const void *blocks, size_t block_count);
void csha1_take_by_instructions(uint32_t state[5], const void *blocks, size_t block_count);
bool csha1_has_instructions(void);

#endif
