#ifndef TCN_AVERAGE_POOL_H
#define TCN_AVERAGE_POOL_H

#include "tcn_pool_axis.h"
#include "tcn_rescale.h"
#include "tcn_span.h"

/* The mean of the elements under the window. */
typedef struct {
    int32_t input_width;
    int32_t output_width;
    int32_t channels;
    int32_t input_zero_point;
    tcn_pool_axis_t vertical;
    tcn_pool_axis_t horizontal;
    const TCN_FLASH int32_t *counts; /* how many elements a window may count: each number that occurs */
    tcn_rescale_t rescale;           /* one entry per number in `counts` */
} tcn_average_pool_t;

/* Row `row` of the output; rows[r] is the input under row r of the window, or a row of zero points. */
static void tcn_average_pool_row(const TCN_FLASH tcn_average_pool_t *layer, const int8_t *const *rows, int32_t row,
                                 int8_t *output)
{
    const int32_t counted_rows = tcn_pool_counted(&layer->vertical, row);
    const int32_t height = layer->vertical.taps;
    const int32_t channels = layer->channels;
    const int32_t step = layer->horizontal.dilation * channels;
    int32_t x;

    for (x = 0; x < layer->output_width; x++) {
        const int32_t column = x * layer->horizontal.stride - layer->horizontal.pad;
        const tcn_span_t inside = tcn_taps_between(0, layer->input_width, column, layer->horizontal.taps,
                                                   layer->horizontal.dilation);
        const int32_t taps = inside.last - inside.first;
        const int32_t start = (column + inside.first * layer->horizontal.dilation) * channels;
        const int32_t count = counted_rows * tcn_pool_counted(&layer->horizontal, x);
        int32_t entry = 0;
        int32_t c;

        while (layer->counts[entry] != count) {
            entry++;
        }
        for (c = 0; c < channels; c++) {
            int32_t sum = -layer->input_zero_point * height * taps;
            int32_t r;

            for (r = 0; r < height; r++) {
                const int8_t *const input = rows[r];
                int32_t at = start + c;
                int32_t tap;

                for (tap = 0; tap < taps; tap++) {
                    sum += input[at];
                    at += step;
                }
            }
            *output++ = tcn_rescale(&layer->rescale, entry, sum);
        }
    }
}

#endif /* TCN_AVERAGE_POOL_H */
