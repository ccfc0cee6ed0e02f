#ifndef TCN_AVERAGE_POOL_FLOAT_H
#define TCN_AVERAGE_POOL_FLOAT_H

#include "tcn_flash.h"
#include "tcn_float.h"
#include "tcn_pool_axis.h"
#include "tcn_span.h"

/* The mean of the elements under the window with the bytes that float32 gives, for a file that came quantized: near a
 * tie the order of its additions decides. */
typedef struct {
    int32_t input_width;
    int32_t output_width;
    int32_t channels;
    tcn_pool_axis_t vertical;
    tcn_pool_axis_t horizontal;
    const TCN_FLASH uint32_t *values; /* [256]: the float32 patterns of what -128 .. 127 stand for */
    const TCN_FLASH int32_t *counts; /* how many elements a window may count: each number that occurs */
    const TCN_FLASH int32_t *steps;  /* [255] for each of them: the places of the least sums */
} tcn_average_pool_float_t;

/* Row `row` of the output; rows[r] is the input under row r of the window, or a row of zero points. */
static void tcn_average_pool_float_row(const TCN_FLASH tcn_average_pool_float_t *layer, const int8_t *const *rows,
                                       int32_t row, int8_t *output)
{
    const int32_t counted_rows = tcn_pool_counted(&layer->vertical, row);
    const int32_t channels = layer->channels;
    int32_t x;

    for (x = 0; x < layer->output_width; x++) {
        const int32_t column = x * layer->horizontal.stride - layer->horizontal.pad;
        const tcn_span_t inside = tcn_taps_between(0, layer->input_width, column, layer->horizontal.taps,
                                                   layer->horizontal.dilation);
        const int32_t count = counted_rows * tcn_pool_counted(&layer->horizontal, x);
        int32_t entry = 0;
        int32_t c;

        while (layer->counts[entry] != count) {
            entry++;
        }
        for (c = 0; c < channels; c++) {
            tcn_float_t sum = {0, 0};
            int32_t r;

            for (r = 0; r < layer->vertical.taps; r++) {
                int32_t tap;

                for (tap = inside.first; tap < inside.last; tap++) {
                    const int8_t value = rows[r][(column + tap * layer->horizontal.dilation) * channels + c];

                    sum = tcn_float_sum(sum, tcn_float_of(layer->values[value + 128]));
                }
            }
            *output++ = tcn_float_output(sum, layer->steps + entry * 255);
        }
    }
}

#endif /* TCN_AVERAGE_POOL_FLOAT_H */
