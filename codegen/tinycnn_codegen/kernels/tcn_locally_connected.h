#ifndef TCN_LOCALLY_CONNECTED_H
#define TCN_LOCALLY_CONNECTED_H

#include "tcn_dot.h"
#include "tcn_lanes.h"

/* Windows as in a convolution, with filters of their own at every position. The whole output, row after row, is the
 * outputs 0, 1, ..; this is [first_output, first_output + outputs) of them. stride, pad and dilation are along the
 * row. */
typedef struct {
    int32_t input_width;
    int32_t channels;
    int32_t output_width;
    int32_t filters; /* at each position */
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t dilation;
    int32_t input_zero_point;
    int32_t lanes; /* filters computed at once: 4 or 1, of which `filters` is a multiple */
    int32_t first_output;
    int32_t outputs;
    const TCN_FLASH int8_t *weights; /* [outputs / lanes][kernel_height][kernel_width][channels][lanes] */
    const TCN_FLASH int32_t *bias;   /* [outputs], the input's zero point folded in */
    tcn_rescale_t rescale;           /* one entry per output */
} tcn_locally_connected_t;

/* Add the taps of `lanes` filters; tap 0 stands at column `column` of the input, which may be outside of it. The folded
 * bias counts every tap's zero point, so that taps outside owe it. */
static void tcn_locally_connected_sum(const TCN_FLASH tcn_locally_connected_t *layer, const int8_t *const *rows,
                                      int32_t column, const TCN_FLASH int8_t *weights, int32_t *sums)
{
    const int zero_point = (int)layer->input_zero_point;
    const int32_t channels = layer->channels;
    const int32_t lanes = layer->lanes;
    int32_t row;

    for (row = 0; row < layer->kernel_height; row++) {
        int32_t at = column;
        int32_t tap;

        for (tap = 0; tap < layer->kernel_width; tap++) {
            if (at >= 0 && at < layer->input_width) {
                tcn_dot(rows[row] + at * channels, weights, channels, lanes, sums);
                weights += channels * lanes;
            } else {
                int32_t i;

                for (i = 0; i < channels * lanes; i++) {
                    sums[i % lanes] += zero_point * *weights++;
                }
            }
            at += layer->dilation;
        }
    }
}

/* Row `row` of the output; rows[r] is the input under row r of the kernel, or a row of zero points. */
static void tcn_locally_connected_row(const TCN_FLASH tcn_locally_connected_t *layer, const int8_t *const *rows,
                                      int32_t row, int8_t *output)
{
    const int32_t filters = layer->filters;
    const int32_t lanes = layer->lanes;
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->channels;
    const int32_t row_start = row * layer->output_width * filters - layer->first_output;
    int32_t x;

    for (x = 0; x < layer->output_width; x++) {
        int32_t filter;

        for (filter = 0; filter < filters; filter += lanes) {
            const int32_t entry = row_start + x * filters + filter;
            int32_t sums[4];

            if (entry >= 0 && entry < layer->outputs) {
                tcn_load(sums, layer->bias + entry, lanes);
                tcn_locally_connected_sum(layer, rows, x * layer->stride - layer->pad, layer->weights + entry * taps,
                                          sums);
                tcn_store(output + x * filters + filter, sums, lanes, &layer->rescale, entry);
            }
        }
    }
}

#endif /* TCN_LOCALLY_CONNECTED_H */
