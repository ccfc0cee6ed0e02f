#ifndef TCN_SPREAD_WINDOW_H
#define TCN_SPREAD_WINDOW_H

#include "tcn_tensor.h"

/* A window over rows that stand `stride` apart, with rows of zeros between: tap t of output row r stands on place
 * r - pad + t * dilation, and input row q on place q * stride. */
typedef struct {
    int32_t taps;
    int32_t stride;
    int32_t pad;
    int32_t dilation;
} tcn_spread_window_t;

/* Point rows[0] .. rows[window->taps - 1] to the rows of `tensor` under the output row `row`, or to 0 for zeros. */
static inline void tcn_spread_window_rows(const int8_t **rows, const TCN_FLASH tcn_spread_window_t *window,
                                          int8_t *arena, const TCN_FLASH tcn_tensor_t *tensor, int32_t row)
{
    int32_t place = row - window->pad;
    int32_t tap;

    for (tap = 0; tap < window->taps; tap++) {
        const int stands = place >= 0 && place % window->stride == 0 && place / window->stride < tensor->rows;

        rows[tap] = stands ? tcn_row(arena, tensor, place / window->stride) : 0;
        place += window->dilation;
    }
}

#endif /* TCN_SPREAD_WINDOW_H */
