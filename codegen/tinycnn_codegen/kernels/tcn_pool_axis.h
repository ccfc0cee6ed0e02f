#ifndef TCN_POOL_AXIS_H
#define TCN_POOL_AXIS_H

#include "tcn_flash.h"
#include "tcn_span.h"

/* One axis of the window, and the part of it whose elements are counted: the input, or the input with its padding. */
typedef struct {
    int32_t taps;
    int32_t stride;
    int32_t pad;
    int32_t dilation;
    int32_t counted_from;
    int32_t counted_to;
} tcn_pool_axis_t;

/* How many taps of output position `position` are counted. */
static inline int32_t tcn_pool_counted(const TCN_FLASH tcn_pool_axis_t *axis, int32_t position)
{
    const tcn_span_t span = tcn_taps_between(axis->counted_from, axis->counted_to,
                                             position * axis->stride - axis->pad, axis->taps, axis->dilation);

    return span.last - span.first;
}

#endif /* TCN_POOL_AXIS_H */
