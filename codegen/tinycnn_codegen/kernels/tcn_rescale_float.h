#ifndef TCN_RESCALE_H
#define TCN_RESCALE_H

#include "tcn_flash.h"
#include "tcn_requantize_float.h"
#include "tcn_requantize_half_up.h"

/* How sums become int8: an entry per output channel, or whatever else the sums differ by. */
typedef struct {
    int32_t zero_point;                  /* of the output */
    const TCN_FLASH int32_t *multiplier; /* where the shift is 0, the bits of the float32 scale */
    const TCN_FLASH int64_t *addend;     /* 0 when all entries round half up */
    const TCN_FLASH uint8_t *shift;      /* 0 where no integer form was proved equal to float32 */
} tcn_rescale_t;

static inline int8_t tcn_rescale(const TCN_FLASH tcn_rescale_t *rescale, int32_t entry, int32_t sum)
{
    const int32_t multiplier = rescale->multiplier[entry];
    const uint8_t shift = rescale->shift[entry];

    if (shift == 0) {
        return tcn_requantize_float(sum, (uint32_t)multiplier, rescale->zero_point);
    }
    if (rescale->addend == 0) {
        return tcn_requantize_half_up(sum, multiplier, shift, rescale->zero_point);
    }
    return tcn_requantize(sum, multiplier, rescale->addend[entry], shift, rescale->zero_point);
}

#endif /* TCN_RESCALE_H */
