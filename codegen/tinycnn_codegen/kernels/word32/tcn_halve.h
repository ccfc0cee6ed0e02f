#ifndef TCN_HALVE_H
#define TCN_HALVE_H

#include <stdint.h>

/* y / 2, rounded down, saturated to int8. */
static inline int8_t tcn_halve(int32_t y)
{
    y >>= 1;
    return (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
}

#endif /* TCN_HALVE_H */
