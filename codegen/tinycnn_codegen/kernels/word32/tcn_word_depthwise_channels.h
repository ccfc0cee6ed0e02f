#ifndef TCN_WORD_DEPTHWISE_CHANNELS_H
#define TCN_WORD_DEPTHWISE_CHANNELS_H

#include "tcn_word.h"

/* Depthwise convolution, 3 x 3, channel after channel: its weights stay in registers, or on the stack, for the whole
 * row, and each input is loaded once. */
typedef struct {
    int32_t channels;
    int32_t output_width;
    int32_t stride;   /* 1 or 2, along the row */
    int32_t pad;      /* 0 or 1 */
    int32_t overhang; /* 0, or 1 where the last output's right column is outside */
    const TCN_FLASH int8_t *weights;    /* [channels][3 columns][3 rows] */
    const TCN_FLASH int32_t *additions; /* [channels][2]: for a left and for a right column outside */
    tcn_word_outputs_t outputs;
} tcn_word_depthwise_t;

/* Three numbers under each other: of the kernel, or of the input. */
typedef struct {
    int32_t top;
    int32_t middle;
    int32_t bottom;
} tcn_column_t;

static inline tcn_column_t tcn_kernel_column(const TCN_FLASH int8_t *weights)
{
    tcn_column_t column;

    column.top = weights[0];
    column.middle = weights[1];
    column.bottom = weights[2];
    return column;
}

static inline tcn_column_t tcn_input_column(const int8_t *top, const int8_t *middle, const int8_t *bottom, int32_t at)
{
    tcn_column_t column;

    column.top = top[at];
    column.middle = middle[at];
    column.bottom = bottom[at];
    return column;
}

static inline int32_t tcn_column_product(tcn_column_t x, tcn_column_t w)
{
    return x.top * w.top + x.middle * w.middle + x.bottom * w.bottom;
}

/* The channels [first, last) of one row of the output; rows[r] is the input under row r of the kernel, or a row of zero
 * points.
 *
 * With stride 1 a column of the input is the right one of an output, the centre of the next and the left of the one
 * after. The loop over them takes about 3.5 instructions per multiply-accumulate on a Cortex-M3, 4.5 on RV32 and 6.5 on
 * a Cortex-M0, the rescale included; multiplying and adding alone takes 1, 2 and 3. */
static void tcn_word_depthwise_channels(const TCN_FLASH tcn_word_depthwise_t *layer, const int8_t *const *rows,
                                        int32_t first, int32_t last, int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t inside = (layer->output_width - layer->overhang) * channels;
    const int32_t rounding = layer->outputs.rounding;
    const int32_t overhang = layer->overhang;
    int32_t channel;

    for (channel = first; channel < last; channel++) {
        const int8_t *const top = rows[0] + channel;
        const int8_t *const middle = rows[1] + channel;
        const int8_t *const bottom = rows[2] + channel;
        const TCN_FLASH int8_t *const weights = layer->weights + 9 * channel;
        const tcn_column_t left = tcn_kernel_column(weights);
        const tcn_column_t centre = tcn_kernel_column(weights + 3);
        const tcn_column_t right = tcn_kernel_column(weights + 6);
        const int32_t bias = layer->outputs.constants[2 * channel];
        const int32_t multiplier = layer->outputs.constants[2 * channel + 1];
        int8_t *to = output + channel;
        const int8_t *const to_end = to + inside;
        int32_t at = 0;
        int32_t sum = bias; /* of the next output, as far as its columns were read */

        if (layer->pad != 0) {
            sum += layer->additions[2 * channel];
        } else {
            sum += tcn_column_product(tcn_input_column(top, middle, bottom, at), left);
            at = channels;
        }
        if (layer->stride == 1) {
            tcn_column_t x = tcn_input_column(top, middle, bottom, at);
            int32_t next = bias + tcn_column_product(x, left); /* of the output after that */

            sum += tcn_column_product(x, centre);
            for (; to != to_end; to += channels) {
                int32_t done;

                at += channels;
                x = tcn_input_column(top, middle, bottom, at);
                done = sum + tcn_column_product(x, right);
                sum = next + tcn_column_product(x, centre);
                next = bias + tcn_column_product(x, left);
                *to = (int8_t)tcn_word_rescale(&layer->outputs, channel, multiplier, rounding, done);
            }
        } else {
            for (; to != to_end; to += channels) {
                tcn_column_t x = tcn_input_column(top, middle, bottom, at);

                sum += tcn_column_product(x, centre);
                at += channels;
                x = tcn_input_column(top, middle, bottom, at);
                sum += tcn_column_product(x, right);
                at += channels;
                *to = (int8_t)tcn_word_rescale(&layer->outputs, channel, multiplier, rounding, sum);
                sum = bias + tcn_column_product(x, left);
            }
            if (overhang != 0) {
                sum += tcn_column_product(tcn_input_column(top, middle, bottom, at), centre);
            }
        }
        if (overhang != 0) {
            sum += layer->additions[2 * channel + 1];
            *to = (int8_t)tcn_word_rescale(&layer->outputs, channel, multiplier, rounding, sum);
        }
    }
}

#endif /* TCN_WORD_DEPTHWISE_CHANNELS_H */
