#ifndef TCN_HALVE_H
#define TCN_HALVE_H

#include <stdint.h>

/* y / 2, rounded down, saturated to what int8 holds. */
static inline int32_t tcn_halve(int32_t y)
{
    y >>= 1;
    return y < -128 ? -128 : y > 127 ? 127 : y;
}

#endif /* TCN_HALVE_H */
