#ifndef TCN_WORD_DEPTHWISE_H
#define TCN_WORD_DEPTHWISE_H

#include "tcn_depthwise_assembly.h"
#include "tcn_word_depthwise_channel.h"

/* One row of the output; rows[r] is the input under row r of the kernel, or a row of zero points.
 *
 * The weights of a channel stay in registers, or on the stack, for the whole row, and each input is loaded once: with
 * stride 1 a column of the input is the right one of an output, the centre of the next and the left of the one after.
 * The loop over them takes about 4.8 instructions per multiply-accumulate on a Cortex-M3 and 4.5 on RV32, the rescale
 * included; multiplying and adding alone takes 1 and 2. */
static void tcn_word_depthwise_row(const TCN_FLASH tcn_word_depthwise_t *layer, const int8_t *const *rows,
                                   int8_t *output)
{
#if TCN_DEPTHWISE_ASSEMBLY
    int32_t channel = tcn_depthwise_channels(layer, 0, rows, output);

    while (channel < layer->channels) {
        tcn_word_depthwise_otherwise(layer, rows, channel, output);
        channel = tcn_depthwise_channels(layer, channel + 1, rows, output);
    }
#else
    const int32_t channels = layer->channels;
    const int32_t inside = (layer->output_width - layer->overhang) * channels;
    const int32_t rounding = layer->outputs.rounding;
    int32_t channel;

    for (channel = 0; channel < channels; channel++) {
        const int32_t multiplier = layer->outputs.constants[2 * channel + 1];

        if (multiplier == 0) {
            tcn_word_depthwise_otherwise(layer, rows, channel, output);
            continue;
        }
        const int8_t *const top = rows[0] + channel;
        const int8_t *const middle = rows[1] + channel;
        const int8_t *const bottom = rows[2] + channel;
        const TCN_FLASH int8_t *const weights = layer->weights + 9 * channel;
        const tcn_column_t left = tcn_kernel_column(weights);
        const tcn_column_t centre = tcn_kernel_column(weights + 3);
        const tcn_column_t right = tcn_kernel_column(weights + 6);
        const int32_t bias = layer->outputs.constants[2 * channel];
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
                *to = (int8_t)tcn_halve(tcn_high_word(done, multiplier) + rounding);
            }
        } else {
            for (; to != to_end; to += channels) {
                tcn_column_t x = tcn_input_column(top, middle, bottom, at);

                sum += tcn_column_product(x, centre);
                at += channels;
                x = tcn_input_column(top, middle, bottom, at);
                sum += tcn_column_product(x, right);
                at += channels;
                *to = (int8_t)tcn_halve(tcn_high_word(sum, multiplier) + rounding);
                sum = bias + tcn_column_product(x, left);
            }
            if (layer->overhang != 0) {
                sum += tcn_column_product(tcn_input_column(top, middle, bottom, at), centre);
            }
        }
        if (layer->overhang != 0) {
            sum += layer->additions[2 * channel + 1];
            *to = (int8_t)tcn_halve(tcn_high_word(sum, multiplier) + rounding);
        }
    }
#endif
}

#endif /* TCN_WORD_DEPTHWISE_H */
