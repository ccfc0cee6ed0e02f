#ifndef TCN_REQUANTIZE_H
#define TCN_REQUANTIZE_H

#include <stdint.h>

/* C99 leaves the right shift of a negative number to the compiler: this fails where it is not arithmetic. */
typedef char tcn_requantize_needs_arithmetic_shift
    [(INT32_C(-3) >> 1) == -2 && (INT64_C(-3) >> 1) == -2 ? 1 : -1];

/* ((acc * multiplier + addend) >> shift) + zero_point, saturated to int8.
 *
 * multiplier >= 0; 1 <= shift <= 50; -128 <= zero_point <= 127. When the network was generated it was proved
 * for every accumulator that the channel can reach: the sum fits 64 bits, it fits 31 bits and a sign once
 * shifted, and the result is that of rounding acc * scale in float32. Most addends are 2^(shift - 1), which
 * rounds half up. */
static inline int8_t tcn_requantize(int32_t acc, int32_t multiplier, int64_t addend, uint8_t shift,
                                    int32_t zero_point)
{
    const int64_t sum = (int64_t)acc * multiplier + addend;
    int32_t y;

    if (shift >= 32) { /* the usual case: a 32-bit processor takes the upper word and shifts only that */
        y = (int32_t)(sum >> 32) >> (shift - 32);
    } else {
        y = (int32_t)(sum >> shift);
    }
    y += zero_point;
    return (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
}

#endif /* TCN_REQUANTIZE_H */
