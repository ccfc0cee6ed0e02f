#ifndef TCN_HALVE_H
#define TCN_HALVE_H

#include <stdint.h>

/* y / 2, rounded down, saturated to what int8 holds, whose both ends one comparison finds. */
static inline int32_t tcn_halve(int32_t y)
{
    y >>= 1;
    return (uint32_t)y + 128u <= 255u ? y : (y >> 31) ^ 127;
}

#endif /* TCN_HALVE_H */
