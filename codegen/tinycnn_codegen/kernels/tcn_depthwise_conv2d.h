#ifndef TCN_DEPTHWISE_CONV2D_H
#define TCN_DEPTHWISE_CONV2D_H

#include "tcn_lanes.h"
#include "tcn_shared.h"
#include "tcn_span.h"

/* Depthwise convolution: output channel o reads input channel o / multiplier alone. This is for the output channels
 * [first_output, first_output + outputs); a layer with more weights than one array may hold is several of these.
 * stride, pad and dilation are along the row. */
typedef struct {
    int32_t input_width;
    int32_t input_channels;
    int32_t output_width;
    int32_t multiplier;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t dilation;
    int32_t input_zero_point;
    int32_t first_output;            /* a multiple of the multiplier */
    int32_t outputs;                 /* a multiple of the multiplier */
    const TCN_FLASH int8_t *weights; /* [outputs / 4][kernel_height][kernel_width][4], then [outputs % 4][..];
                                        with a multiplier above 1 [outputs][kernel_height][kernel_width] */
    const TCN_FLASH int32_t *bias;   /* [outputs], the input's zero point folded in */
    tcn_rescale_t rescale;           /* one entry per output */
} tcn_depthwise_conv2d_t;

/* The folded bias counts every tap's zero point; the taps outside the row, to which no input was added, owe it. */
static void tcn_depthwise_conv2d_add_outside(const TCN_FLASH tcn_depthwise_conv2d_t *layer,
                                             const TCN_FLASH int8_t *weights, tcn_span_t inside, int32_t lanes,
                                             int32_t *sums)
{
    const int zero_point = (int)layer->input_zero_point;
    int32_t row;
    int32_t tap;
    int32_t lane;

    for (row = 0; row < layer->kernel_height; row++) {
        for (tap = 0; tap < layer->kernel_width; tap++) {
            const int outside = tap < inside.first || tap >= inside.last;

            for (lane = 0; outside && lane < lanes; lane++) {
                sums[lane] += zero_point * weights[lane];
            }
            weights += lanes;
        }
    }
}

/* sums[lane] += x[tap * step + lane] * weights[tap * lanes + lane] for all tap < taps and lane < lanes (4 or 1). */
static inline void tcn_depthwise_conv2d_taps(const int8_t *x, int32_t step, const TCN_FLASH int8_t *weights,
                                             int32_t taps, int32_t lanes, int32_t *sums)
{
    const int32_t end = taps * step;
    int32_t sum0 = sums[0];
    int32_t at;

    if (lanes == 4) {
        int32_t sum1 = sums[1];
        int32_t sum2 = sums[2];
        int32_t sum3 = sums[3];

        for (at = 0; at < end; at += step) {
            sum0 += x[at] * *weights++;
            sum1 += x[at + 1] * *weights++;
            sum2 += x[at + 2] * *weights++;
            sum3 += x[at + 3] * *weights++;
        }
        sums[1] = sum1;
        sums[2] = sum2;
        sums[3] = sum3;
    } else {
        for (at = 0; at < end; at += step) {
            sum0 += x[at] * *weights++;
        }
    }
    sums[0] = sum0;
}

/* All output channels at one position; tap 0 stands at column `column` of the input, which may be outside of it. */
TCN_SHARED static void tcn_depthwise_conv2d_position(const TCN_FLASH tcn_depthwise_conv2d_t *layer,
                                                     const int8_t *const *rows, int32_t column, int8_t *output)
{
    const int32_t height = layer->kernel_height;
    const int32_t width = layer->kernel_width;
    const int32_t multiplier = layer->multiplier;
    const int32_t outputs = layer->outputs;
    const int32_t step = layer->dilation * layer->input_channels;
    const tcn_span_t inside = tcn_taps_between(0, layer->input_width, column, width, layer->dilation);
    const int32_t taps = inside.last - inside.first;
    const int32_t start = (column + inside.first * layer->dilation) * layer->input_channels;
    const TCN_FLASH int8_t *weights = layer->weights;
    int32_t channel;
    int32_t lanes;

    for (channel = 0; channel < outputs; channel += lanes) {
        const int32_t output_channel = layer->first_output + channel;
        const int32_t at = start + (multiplier == 1 ? output_channel : output_channel / multiplier);
        const TCN_FLASH int8_t *row_weights = weights;
        int32_t sums[4];
        int32_t row;

        lanes = multiplier == 1 ? tcn_lanes(outputs - channel) : 1;
        tcn_load(sums, layer->bias + channel, lanes);
        for (row = 0; taps > 0 && row < height; row++) {
            tcn_depthwise_conv2d_taps(rows[row] + at, step, row_weights + inside.first * lanes, taps, lanes, sums);
            row_weights += width * lanes;
        }
        if (taps < width) {
            tcn_depthwise_conv2d_add_outside(layer, weights, inside, lanes, sums);
        }
        tcn_store(output + channel, sums, lanes, &layer->rescale, channel);
        weights += height * width * lanes;
    }
}

/* One row of the output; rows[r] is the input under row r of the kernel, or a row of zero points. */
static void tcn_depthwise_conv2d_row(const TCN_FLASH tcn_depthwise_conv2d_t *layer, const int8_t *const *rows,
                                     int8_t *output)
{
    const int32_t output_channels = layer->input_channels * layer->multiplier;
    int32_t column = -layer->pad;
    int32_t x;

    output += layer->first_output;
    for (x = 0; x < layer->output_width; x++) {
        tcn_depthwise_conv2d_position(layer, rows, column, output + x * output_channels);
        column += layer->stride;
    }
}

#endif /* TCN_DEPTHWISE_CONV2D_H */
