#ifndef TCN_CONV2D_H
#define TCN_CONV2D_H

#include "tcn_dot.h"
#include "tcn_lanes.h"
#include "tcn_shared.h"
#include "tcn_span.h"

/* Convolution: the output channels [first_output, first_output + outputs) from the input channels [first_input,
 * first_input + inputs). A layer with groups is one of these per group; a group with more weights than one array may
 * hold is several. stride, pad and dilation are along the row. */
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
    const TCN_FLASH int32_t *bias;   /* [outputs], the input's zero point folded in */
    tcn_rescale_t rescale;           /* one entry per output */
} tcn_conv2d_t;

/* The folded bias counts every tap's zero point; the taps outside the row, to which no input was added, owe it. */
static void tcn_conv2d_add_outside(const TCN_FLASH tcn_conv2d_t *layer, const TCN_FLASH int8_t *weights,
                                   tcn_span_t inside, int32_t lanes, int32_t *sums)
{
    const int zero_point = (int)layer->input_zero_point;
    const int32_t inputs = layer->inputs;
    int32_t row;
    int32_t tap;
    int32_t i;
    int32_t lane;

    for (row = 0; row < layer->kernel_height; row++) {
        for (tap = 0; tap < layer->kernel_width; tap++) {
            if (tap >= inside.first && tap < inside.last) {
                weights += inputs * lanes;
                continue;
            }
            for (i = 0; i < inputs; i++) {
                for (lane = 0; lane < lanes; lane++) {
                    sums[lane] += zero_point * *weights++;
                }
            }
        }
    }
}

/* All output channels at one position; tap 0 stands at column `column` of the input, which may be outside of it. */
TCN_SHARED static void tcn_conv2d_position(const TCN_FLASH tcn_conv2d_t *layer, const int8_t *const *rows,
                                           int32_t column, int8_t *output)
{
    const int32_t height = layer->kernel_height;
    const int32_t width = layer->kernel_width;
    const int32_t inputs = layer->inputs;
    const int32_t outputs = layer->outputs;
    const int32_t step = layer->dilation * layer->input_channels;
    const tcn_span_t inside = tcn_taps_between(0, layer->input_width, column, width, layer->dilation);
    const int32_t start = (column + inside.first * layer->dilation) * layer->input_channels + layer->first_input;
    /* Taps that read neighbouring bytes are one dot product. */
    const int32_t taps_at_once = step == inputs ? inside.last - inside.first : 1;
    const TCN_FLASH int8_t *weights = layer->weights;
    int32_t channel;
    int32_t lanes;

    for (channel = 0; channel < outputs; channel += lanes) {
        const TCN_FLASH int8_t *row_weights = weights;
        int32_t sums[4];
        int32_t row;
        int32_t tap;

        lanes = tcn_lanes(outputs - channel);
        tcn_load(sums, layer->bias + channel, lanes);
        for (row = 0; row < height; row++) {
            int32_t at = start;

            for (tap = inside.first; tap < inside.last; tap += taps_at_once) {
                tcn_dot(rows[row] + at, row_weights + tap * inputs * lanes, taps_at_once * inputs, lanes, sums);
                at += step;
            }
            row_weights += width * inputs * lanes;
        }
        if (inside.last - inside.first < width) {
            tcn_conv2d_add_outside(layer, weights, inside, lanes, sums);
        }
        tcn_store(output + channel, sums, lanes, &layer->rescale, channel);
        weights = row_weights;
    }
}

/* One row of the output; rows[r] is the input under row r of the kernel, or a row of zero points. */
static void tcn_conv2d_row(const TCN_FLASH tcn_conv2d_t *layer, const int8_t *const *rows, int8_t *output)
{
    int32_t column = -layer->pad;
    int32_t x;

    output += layer->first_output;
    for (x = 0; x < layer->output_width; x++) {
        tcn_conv2d_position(layer, rows, column, output + x * layer->output_channels);
        column += layer->stride;
    }
}

#endif /* TCN_CONV2D_H */
