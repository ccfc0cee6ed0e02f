#ifndef TCN_DSP_RESCALE_H
#define TCN_DSP_RESCALE_H

#include "tcn_dsp.h"
#include "tcn_rescale.h"

/* A finished sum of channel `channel` as int8: SMMLAR and SSAT, ((sum * multiplier + 2^31) >> 32) + zero_point,
 * saturated. That this is the rescale of float32 for every sum that can occur was proved when the network was
 * generated; where it is not, the multiplier is 0 and `rescale` has the channel's own form. */
TCN_UNUSED static inline int8_t tcn_dsp_rescale(const TCN_FLASH tcn_rescale_t *rescale, int32_t channel,
                                                int32_t multiplier, int32_t zero_point, int32_t sum)
{
    int32_t y;

    if (multiplier == 0) {
        return tcn_rescale(rescale, channel, sum);
    }
#if TCN_HAS_DSP
    __asm__("smmlar %0, %1, %2, %3\n\tssat %0, #8, %0" : "=&r"(y) : "r"(sum), "r"(multiplier), "r"(zero_point));
    return (int8_t)y;
#else
    y = (int32_t)(((int64_t)sum * multiplier + INT64_C(0x80000000)) >> 32) + zero_point;
    return (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
#endif
}

#endif /* TCN_DSP_RESCALE_H */
