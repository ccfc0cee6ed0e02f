#ifndef TCN_HALVE_H
#define TCN_HALVE_H

#include "tcn_saturate.h"

/* y / 2, rounded down, saturated to what int8 holds. */
static inline int32_t tcn_halve(int32_t y)
{
    return tcn_saturate(y >> 1);
}

#endif /* TCN_HALVE_H */
