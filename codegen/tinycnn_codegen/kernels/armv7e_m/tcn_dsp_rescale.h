#ifndef TCN_DSP_RESCALE_H
#define TCN_DSP_RESCALE_H

#include "tcn_dsp.h"
#include "tcn_rescale.h"

/* A finished sum of channel `channel` as int8: by the upper word of a product where that is proved, elsewhere the
 * multiplier is 0 and `rescale` has the channel's own form. */
static inline int8_t tcn_dsp_rescale(const TCN_FLASH tcn_rescale_t *rescale, int32_t channel, int32_t multiplier,
                                     int32_t zero_point, int32_t sum)
{
    return multiplier != 0 ? tcn_rescale_high(sum, multiplier, zero_point) : tcn_rescale(rescale, channel, sum);
}

#endif /* TCN_DSP_RESCALE_H */
