#ifndef TCN_LONG_HALVE_H
#define TCN_LONG_HALVE_H

#include <stdint.h>

/* y / 2, rounded down, saturated to what int8 holds. */
static inline int32_t tcn_halve(int32_t y)
{
#if defined(__thumb2__) && defined(__GNUC__) && !defined(TCN_PORTABLE)
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(y) : "r"(y) : "cc");
#else
    y >>= 1;
    y = y < -128 ? -128 : y > 127 ? 127 : y;
#endif
    return y;
}

#endif /* TCN_LONG_HALVE_H */
