#ifndef TCN_CONV_TRANSPOSE2D_H
#define TCN_CONV_TRANSPOSE2D_H

#include "tcn_lanes.h"

/* Transposed convolution: the convolution of an input whose columns stand `stride` apart, with zeros between. Only the
 * taps that stand on an input are multiplied. A layer with groups, or with more weights than one array may hold, is
 * several of these, each with the output channels [first_output, first_output + outputs) from the input channels
 * [first_input, first_input + inputs). */
typedef struct {
    int32_t input_width;
    int32_t input_channels;
    int32_t output_width;
    int32_t output_channels;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t dilation;
    int32_t input_zero_point;
    int32_t first_input;
    int32_t inputs;
    int32_t first_output;
    int32_t outputs;
    const TCN_FLASH int8_t *weights; /* [outputs / 4][kernel_height][kernel_width][inputs][4], then [outputs % 4][..] */
    const TCN_FLASH int32_t *bias;   /* [outputs] */
    tcn_rescale_t rescale;           /* one entry per output */
} tcn_conv_transpose2d_t;

/* sums[lane] += (x[i] - zero_point) * weights[i * lanes + lane] for all i < count and lane < lanes.
 * The difference is within 255, so that its product with a weight fits any int. */
static inline void tcn_conv_transpose2d_tap(const int8_t *x, int zero_point, const TCN_FLASH int8_t *weights,
                                            int32_t count, int32_t lanes, int32_t *sums)
{
    int32_t i;
    int32_t lane;

    for (i = 0; i < count; i++) {
        const int value = x[i] - zero_point;

        for (lane = 0; lane < lanes; lane++) {
            sums[lane] += value * *weights++;
        }
    }
}

/* All output channels at column `x`. */
static void tcn_conv_transpose2d_position(const TCN_FLASH tcn_conv_transpose2d_t *layer, const int8_t *const *rows,
                                          int32_t x, int8_t *output)
{
    const int zero_point = (int)layer->input_zero_point;
    const TCN_FLASH int8_t *weights = layer->weights;
    int32_t channel;
    int32_t lanes;

    for (channel = 0; channel < layer->outputs; channel += lanes) {
        int32_t sums[4];
        int32_t row;
        int32_t tap;

        lanes = tcn_lanes(layer->outputs - channel);
        tcn_load(sums, layer->bias + channel, lanes);
        for (row = 0; row < layer->kernel_height; row++) {
            int32_t place = x - layer->pad;

            for (tap = 0; tap < layer->kernel_width; tap++) {
                const int32_t column = place / layer->stride;

                if (rows[row] != 0 && place >= 0 && place % layer->stride == 0 && column < layer->input_width) {
                    tcn_conv_transpose2d_tap(rows[row] + column * layer->input_channels + layer->first_input,
                                             zero_point, weights, layer->inputs, lanes, sums);
                }
                weights += layer->inputs * lanes;
                place += layer->dilation;
            }
        }
        tcn_store(output + channel, sums, lanes, &layer->rescale, channel);
    }
}

/* One row of the output; rows[r] is the input under row r of the kernel, or 0 where zeros are. */
static void tcn_conv_transpose2d_row(const TCN_FLASH tcn_conv_transpose2d_t *layer, const int8_t *const *rows,
                                     int8_t *output)
{
    int32_t x;

    output += layer->first_output;
    for (x = 0; x < layer->output_width; x++) {
        tcn_conv_transpose2d_position(layer, rows, x, output + x * layer->output_channels);
    }
}

#endif /* TCN_CONV_TRANSPOSE2D_H */
