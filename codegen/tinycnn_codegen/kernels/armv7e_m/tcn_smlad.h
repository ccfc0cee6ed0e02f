#ifndef TCN_SMLAD_H
#define TCN_SMLAD_H

#include "tcn_dsp.h"

/* sum + the two products of signed halves, modulo 2^32. Where products are assembly as a whole nobody calls it. */
TCN_UNUSED static inline uint32_t tcn_smlad(uint32_t a, uint32_t b, uint32_t sum)
{
#if TCN_HAS_DSP
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    const int32_t low = ((int32_t)((a & 0xFFFFu) ^ 0x8000u) - 0x8000) * ((int32_t)((b & 0xFFFFu) ^ 0x8000u) - 0x8000);
    const int32_t high = ((int32_t)(a >> 16 ^ 0x8000u) - 0x8000) * ((int32_t)(b >> 16 ^ 0x8000u) - 0x8000);

    return sum + (uint32_t)low + (uint32_t)high;
#endif
}

#endif /* TCN_SMLAD_H */
