#ifndef TCN_LP_POOL_H
#define TCN_LP_POOL_H

#include "tcn_flash.h"
#include "tcn_span.h"

/* The L1 or L2 norm of the elements under the window. The output grows with the sum of the magnitudes or squares, so
 * the least sum of each output is all there is to know. */
typedef struct {
    int32_t input_width;
    int32_t output_width;
    int32_t channels;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t dilation;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t power;                        /* 1 or 2 */
    int32_t levels;
    const TCN_FLASH int32_t *thresholds;  /* [levels], rising: the least sum of each output above the zero point */
} tcn_lp_pool_t;

/* How many of the thresholds `sum` reaches. */
static int32_t tcn_lp_pool_level(const TCN_FLASH tcn_lp_pool_t *layer, int32_t sum)
{
    int32_t low = 0;
    int32_t high = layer->levels;

    while (low < high) {
        const int32_t middle = (low + high) / 2;

        if (sum >= layer->thresholds[middle]) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* One row of the output; rows[r] is the input under row r of the window, or a row of zero points. */
static void tcn_lp_pool_row(const TCN_FLASH tcn_lp_pool_t *layer, const int8_t *const *rows, int8_t *output)
{
    int32_t column = -layer->pad;
    int32_t x;

    for (x = 0; x < layer->output_width; x++) {
        const tcn_span_t inside = tcn_taps_between(0, layer->input_width, column, layer->kernel_width,
                                                   layer->dilation);
        int32_t c;

        for (c = 0; c < layer->channels; c++) {
            int32_t sum = 0;
            int32_t row;
            int32_t tap;

            for (row = 0; row < layer->kernel_height; row++) {
                for (tap = inside.first; tap < inside.last; tap++) {
                    const int8_t value = rows[row][(column + tap * layer->dilation) * layer->channels + c];
                    const int32_t difference = value - layer->input_zero_point;

                    if (layer->power == 2) {
                        sum += difference * difference;
                    } else {
                        sum += difference < 0 ? -difference : difference;
                    }
                }
            }
            *output++ = (int8_t)(layer->output_zero_point + tcn_lp_pool_level(layer, sum));
        }
        column += layer->stride;
    }
}

#endif /* TCN_LP_POOL_H */
