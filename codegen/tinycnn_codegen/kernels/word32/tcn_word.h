#ifndef TCN_WORD_H
#define TCN_WORD_H

#include "tcn_kernel.h"
#include "tcn_halve.h"
#include "tcn_rescale.h"

/* A Cortex-M0 multiplies 32 by 32 bits to 32. TCN_NARROW_MULTIPLY takes this way on any machine. */
#if defined(__ARM_ARCH_6M__) && !defined(TCN_NARROW_MULTIPLY)
#define TCN_NARROW_MULTIPLY
#endif

/* What makes sums the int8 outputs of a layer. */
typedef struct {
    int32_t rounding;                   /* twice the zero point and 1 */
    const TCN_FLASH int32_t *constants; /* [channels][2]: the bias, into which the input's zero point is folded, and 2^33
                                           times the scale, or 0 where the channel is rescaled by `rescale` */
    tcn_rescale_t rescale;
} tcn_word_outputs_t;

/* The upper 32 of the 64 bits of a * b, b >= 0. By parts it needs that a * b fits 47 bits and a sign, which was checked
 * for the a that the channel can reach: 3 multiplications instead of a function of the compiler's library. */
static inline int32_t tcn_high_word(int32_t a, int32_t b)
{
#ifdef TCN_NARROW_MULTIPLY
    const uint32_t a_low = (uint32_t)a & 0xFFFFu;
    const uint32_t b_low = (uint32_t)b & 0xFFFFu;

    return (a * (b >> 16) + (a >> 16) * (int32_t)b_low + (int32_t)(a_low * b_low >> 16)) >> 16;
#else
    return (int32_t)((int64_t)a * b >> 32);
#endif
}

TCN_RARE static int32_t tcn_word_rescale_otherwise(const TCN_FLASH tcn_word_outputs_t *outputs, int32_t channel,
                                                  int32_t sum)
{
    return tcn_rescale(&outputs->rescale, channel, sum);
}

/* A finished sum as an output: (sum * multiplier / 2^32 + rounding) / 2, rounded down twice, saturated. This is the
 * proved form that shifts by 32 and rounds half up. */
static inline int32_t tcn_word_rescale(const TCN_FLASH tcn_word_outputs_t *outputs, int32_t channel, int32_t multiplier,
                                       int32_t rounding, int32_t sum)
{
    if (multiplier == 0) {
        return tcn_word_rescale_otherwise(outputs, channel, sum);
    }
    return tcn_halve(tcn_high_word(sum, multiplier) + rounding);
}

#endif /* TCN_WORD_H */
