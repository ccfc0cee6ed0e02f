#ifndef TCN_SXTB16_H
#define TCN_SXTB16_H

#include "tcn_dsp.h"

/* The bytes 0 and 2 of a word as two signed halves. */
static inline uint32_t tcn_sxtb16(uint32_t word)
{
#if TCN_HAS_DSP
    uint32_t halves;

    __asm__("sxtb16 %0, %1" : "=r"(halves) : "r"(word));
    return halves;
#else
    const uint32_t low = ((word & 0xFFu) ^ 0x80u) - 0x80u;
    const uint32_t high = ((word >> 16 & 0xFFu) ^ 0x80u) - 0x80u;

    return (low & 0xFFFFu) | high << 16;
#endif
}

/* The bytes 1 and 3 of a word as two signed halves. */
static inline uint32_t tcn_sxtb16_odd(uint32_t word)
{
#if TCN_HAS_DSP
    uint32_t halves;

    __asm__("sxtb16 %0, %1, ror #8" : "=r"(halves) : "r"(word));
    return halves;
#else
    return tcn_sxtb16(word >> 8);
#endif
}

#endif /* TCN_SXTB16_H */
