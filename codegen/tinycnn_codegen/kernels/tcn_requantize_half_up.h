#ifndef TCN_REQUANTIZE_HALF_UP_H
#define TCN_REQUANTIZE_HALF_UP_H

#include "tcn_requantize.h"

/* tcn_requantize with the addend 2^(shift - 1). The lower word of the product cannot change the result when more than
 * 32 bits are shifted out, so nothing but the product is 64 bits wide. */
static inline int8_t tcn_requantize_half_up(int32_t acc, int32_t multiplier, uint8_t shift, int32_t zero_point)
{
    int32_t y;

    if (shift < 33) {
        return tcn_requantize(acc, multiplier, (int64_t)1 << (shift - 1), shift, zero_point);
    }
    y = (int32_t)((int64_t)acc * multiplier >> 32);
    y = ((y + ((int32_t)1 << (shift - 33))) >> (shift - 32)) + zero_point;
    return (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
}

#endif /* TCN_REQUANTIZE_HALF_UP_H */
