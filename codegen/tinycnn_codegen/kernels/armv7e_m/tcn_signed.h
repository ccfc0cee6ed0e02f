#ifndef TCN_SIGNED_H
#define TCN_SIGNED_H

#include <stdint.h>

/* A word as a signed number, modulo 2^32. */
static inline int32_t tcn_signed(uint32_t word)
{
    return word < UINT32_C(0x80000000) ? (int32_t)word : -(int32_t)(UINT32_C(0xFFFFFFFF) - word) - 1;
}

#endif /* TCN_SIGNED_H */
