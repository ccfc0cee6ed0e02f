#ifndef TCN_DSP_DEPTHWISE_H
#define TCN_DSP_DEPTHWISE_H

#include "tcn_kernel.h"
#include "tcn_dsp_rescale.h"
#include "tcn_halves.h"
#include "tcn_load4.h"
#include "tcn_signed.h"
#include "tcn_smlad.h"
#include "tcn_sxtb16.h"

/* Depthwise convolution of four channels at a time: the same channels of two taps are brought together as int16 and
 * multiplied at once. Taps outside the row read zero points in scratch. */
typedef struct {
    int32_t input_width;
    int32_t channels;                    /* a multiple of 4 */
    int32_t output_width;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t dilation;
    int32_t input_zero_point;
    int32_t output_zero_point;
    const TCN_FLASH int32_t *weights;    /* [channels / 4][taps / 2, rounded up][4]: two int16, channels 0, 2, 1, 3 */
    const TCN_FLASH int32_t *bias;       /* [channels] */
    const TCN_FLASH int32_t *high_multiplier; /* [channels]: 2^32 times the scale; 0: see `rescale` */
    tcn_rescale_t rescale;
} tcn_dsp_depthwise_t;

/* All channels at one position; taps[] is where each tap's pixel begins, an even number of them.
 *
 * The inner loop takes 27 instructions for 8 multiply-accumulates as gcc 12 -O2 writes it (4 LDR, 2 LDRD, 4 SXTB16, 4
 * PKH, 4 SMLAD, and 9 for the loop and sums on the stack), 3.4 each; the bound is 0.5, SMLAD alone. */
static void tcn_dsp_depthwise_position(const TCN_FLASH tcn_dsp_depthwise_t *layer, const int8_t *const *taps,
                                       int32_t count, int8_t *output)
{
    const TCN_FLASH int32_t *weights = layer->weights;
    const TCN_FLASH int32_t *bias = layer->bias;
    const TCN_FLASH int32_t *multiplier = layer->high_multiplier;
    const int32_t zero_point = layer->output_zero_point;
    const int8_t *const *const end = taps + count;
    int32_t c;

    for (c = 0; c < layer->channels; c += 4) {
        uint32_t sum0 = (uint32_t)bias[0];
        uint32_t sum1 = (uint32_t)bias[1];
        uint32_t sum2 = (uint32_t)bias[2];
        uint32_t sum3 = (uint32_t)bias[3];
        const int8_t *const *tap = taps;

        do {
            const uint32_t one = tcn_load4(tap[0] + c);
            const uint32_t two = tcn_load4(tap[1] + c);
            const uint32_t one_even = tcn_sxtb16(one);
            const uint32_t two_even = tcn_sxtb16(two);
            const uint32_t one_odd = tcn_sxtb16_odd(one);
            const uint32_t two_odd = tcn_sxtb16_odd(two);

            sum0 = tcn_smlad(tcn_low_halves(one_even, two_even), (uint32_t)weights[0], sum0);
            sum2 = tcn_smlad(tcn_high_halves(one_even, two_even), (uint32_t)weights[1], sum2);
            sum1 = tcn_smlad(tcn_low_halves(one_odd, two_odd), (uint32_t)weights[2], sum1);
            sum3 = tcn_smlad(tcn_high_halves(one_odd, two_odd), (uint32_t)weights[3], sum3);
            weights += 4;
            tap += 2;
        } while (tap != end);
        output[0] = tcn_dsp_rescale(&layer->rescale, c, multiplier[0], zero_point, tcn_signed(sum0));
        output[1] = tcn_dsp_rescale(&layer->rescale, c + 1, multiplier[1], zero_point, tcn_signed(sum1));
        output[2] = tcn_dsp_rescale(&layer->rescale, c + 2, multiplier[2], zero_point, tcn_signed(sum2));
        output[3] = tcn_dsp_rescale(&layer->rescale, c + 3, multiplier[3], zero_point, tcn_signed(sum3));
        output += 4;
        bias += 4;
        multiplier += 4;
    }
}

/* One row of the output; rows[r] is the input under row r of the kernel, or a row of zero points. */
TCN_KERNEL static void tcn_dsp_depthwise_row(const TCN_FLASH tcn_dsp_depthwise_t *layer, const int8_t *const *rows,
                                             int8_t *scratch, int8_t *output)
{
    const int8_t *taps[26];
    const int32_t channels = layer->channels;
    int32_t column = -layer->pad;
    int32_t x;
    int32_t i;

    for (i = 0; i < channels; i++) {
        scratch[i] = (int8_t)layer->input_zero_point;
    }
    for (x = 0; x < layer->output_width; x++) {
        int32_t count = 0;
        int32_t r;

        for (r = 0; r < layer->kernel_height; r++) {
            int32_t at = column;

            for (i = 0; i < layer->kernel_width; i++) {
                taps[count++] = at >= 0 && at < layer->input_width ? rows[r] + at * channels : scratch;
                at += layer->dilation;
            }
        }
        taps[count] = scratch; /* an odd number of taps is filled up; its weight is 0 */
        tcn_dsp_depthwise_position(layer, taps, (count + 1) / 2 * 2, output);
        output += channels;
        column += layer->stride;
    }
}

#endif /* TCN_DSP_DEPTHWISE_H */
