#ifndef TCN_WINDOW_H
#define TCN_WINDOW_H

#include "tcn_tensor.h"

/* A window's rows: tap t of output row r stands on input row r * stride - pad + t * dilation. */
typedef struct {
    int32_t taps;
    int32_t stride;
    int32_t pad;
    int32_t dilation;
    int32_t padding; /* offset of the row that stands above and below the input; unused where the window stays inside */
} tcn_window_t;

/* Point rows[0] .. rows[window->taps - 1] to the rows of `tensor` that the output row `row` is computed from. */
static inline void tcn_window_rows(const int8_t **rows, const TCN_FLASH tcn_window_t *window, int8_t *arena,
                                   const TCN_FLASH tcn_tensor_t *tensor, int32_t row)
{
    int32_t position = row * window->stride - window->pad;
    int32_t tap;

    for (tap = 0; tap < window->taps; tap++) {
        const int inside = position >= 0 && position < tensor->rows;

        rows[tap] = inside ? tcn_row(arena, tensor, position) : arena + window->padding;
        position += window->dilation;
    }
}

#endif /* TCN_WINDOW_H */
