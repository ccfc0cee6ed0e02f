#ifndef TCN_LANES_H
#define TCN_LANES_H

#include "tcn_rescale.h"

/* Output channels are computed four at a time, then one at a time for the one to three that are left, and their
 * weights are stored in that order. How many of the `channels` that are left come next: */
static inline int32_t tcn_lanes(int32_t channels)
{
    return channels < 4 ? 1 : 4;
}

/* Begin the sums of `lanes` output channels with their biases. */
static inline void tcn_load(int32_t *sums, const TCN_FLASH int32_t *bias, int32_t lanes)
{
    int32_t lane;

    for (lane = 0; lane < lanes; lane++) {
        sums[lane] = bias[lane];
    }
}

/* Store `lanes` finished sums; `channel` is the first of their entries in `rescale`. */
static inline void tcn_store(int8_t *output, const int32_t *sums, int32_t lanes,
                             const TCN_FLASH tcn_rescale_t *rescale, int32_t channel)
{
    int32_t lane;

    for (lane = 0; lane < lanes; lane++) {
        output[lane] = tcn_rescale(rescale, channel + lane, sums[lane]);
    }
}

#endif /* TCN_LANES_H */
