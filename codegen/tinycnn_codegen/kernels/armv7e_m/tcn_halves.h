#ifndef TCN_HALVES_H
#define TCN_HALVES_H

#include "tcn_dsp.h"

/* The lower halves of a and b as one word. */
static inline uint32_t tcn_low_halves(uint32_t a, uint32_t b)
{
#if TCN_HAS_DSP
    uint32_t word;

    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(word) : "r"(a), "r"(b));
    return word;
#else
    return (a & 0xFFFFu) | b << 16;
#endif
}

/* The upper halves of a and b as one word. */
static inline uint32_t tcn_high_halves(uint32_t a, uint32_t b)
{
#if TCN_HAS_DSP
    uint32_t word;

    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(word) : "r"(b), "r"(a));
    return word;
#else
    return a >> 16 | (b & 0xFFFF0000u);
#endif
}

#endif /* TCN_HALVES_H */
