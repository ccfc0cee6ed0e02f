#ifndef TCN_FLOAT_NEAREST_H
#define TCN_FLOAT_NEAREST_H

#include <stdint.h>

/* `value` rounded to 24 significant bits, half to even, as float32 rounds; |value| < 2^62. */
static inline int64_t tcn_float_nearest(int64_t value)
{
    uint64_t magnitude = value < 0 ? (uint64_t)-value : (uint64_t)value;
    uint8_t drop = 0;

    while (magnitude >> drop >= UINT32_C(1) << 24) {
        drop++;
    }
    if (drop != 0) {
        magnitude += ((uint64_t)1 << (drop - 1)) - 1 + (magnitude >> drop & 1);
        magnitude = magnitude >> drop << drop;
    }
    return value < 0 ? -(int64_t)magnitude : (int64_t)magnitude;
}

#endif /* TCN_FLOAT_NEAREST_H */
