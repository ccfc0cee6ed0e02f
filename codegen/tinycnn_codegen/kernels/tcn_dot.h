#ifndef TCN_DOT_H
#define TCN_DOT_H

#include <stdint.h>

#include "tcn_flash.h"

/* sums[lane] += x[i] * weights[i * lanes + lane] for all i < count and lane < lanes, where lanes is 4 or 1.
 * The product of two int8 fits any int; that the sums fit int32 was checked when the network was generated. */
static inline void tcn_dot(const int8_t *x, const TCN_FLASH int8_t *weights, int32_t count, int32_t lanes,
                           int32_t *sums)
{
    const int8_t *const end = x + count;
    int32_t sum0 = sums[0];

    if (lanes == 4) {
        int32_t sum1 = sums[1];
        int32_t sum2 = sums[2];
        int32_t sum3 = sums[3];

        while (x != end) {
            const int value = *x++;

            sum0 += value * *weights++;
            sum1 += value * *weights++;
            sum2 += value * *weights++;
            sum3 += value * *weights++;
        }
        sums[1] = sum1;
        sums[2] = sum2;
        sums[3] = sum3;
    } else {
        while (x != end) {
            sum0 += *x++ * *weights++;
        }
    }
    sums[0] = sum0;
}

#endif /* TCN_DOT_H */
