#ifndef TCN_MAX_POOL_H
#define TCN_MAX_POOL_H

#include "tcn_flash.h"
#include "tcn_span.h"

/* The largest element under the window; stride, pad and dilation are along the row. */
typedef struct {
    int32_t input_width;
    int32_t output_width;
    int32_t channels;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t dilation;
} tcn_max_pool_t;

/* output[c] = max(output[c], input[c]) */
static inline void tcn_max_pool_merge(int8_t *output, const int8_t *input, int32_t channels)
{
    int32_t c;

    for (c = 0; c < channels; c++) {
        if (output[c] < input[c]) {
            output[c] = input[c];
        }
    }
}

/* One row of the output; rows[r] is the input under row r of the window, or a row of -128, which never wins. */
static void tcn_max_pool_row(const TCN_FLASH tcn_max_pool_t *layer, const int8_t *const *rows, int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t dilation = layer->dilation;
    int32_t column = -layer->pad;
    int32_t x;

    for (x = 0; x < layer->output_width; x++) {
        const tcn_span_t inside = tcn_taps_between(0, layer->input_width, column, layer->kernel_width, dilation);
        int32_t row;
        int32_t tap;
        int32_t c;

        for (c = 0; c < channels; c++) {
            output[c] = -128;
        }
        for (row = 0; row < layer->kernel_height; row++) {
            for (tap = inside.first; tap < inside.last; tap++) {
                tcn_max_pool_merge(output, rows[row] + (column + tap * dilation) * channels, channels);
            }
        }
        output += channels;
        column += layer->stride;
    }
}

#endif /* TCN_MAX_POOL_H */
