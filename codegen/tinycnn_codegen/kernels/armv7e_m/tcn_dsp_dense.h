#ifndef TCN_DSP_DENSE_H
#define TCN_DSP_DENSE_H

#include "tcn_dsp_rescale.h"

/* Dense layer, four channels at a time; the input is widened to int16 in scratch once. A weight word holds a + 256 b
 * of two inputs as int16, as in tcn_dsp_product.h. */
typedef struct {
    int32_t inputs;                      /* a multiple of 8 */
    int32_t outputs;                     /* a multiple of 4 */
    int32_t output_zero_point;
    const TCN_FLASH int32_t *weights;    /* [outputs / 4][inputs / 2][2]: of channels 0 and 1, 2 and 3 */
    const TCN_FLASH int32_t *bias;       /* [outputs], the input's zero point folded in */
    const TCN_FLASH int32_t *high_multiplier; /* [outputs]: 2^32 times the scale; 0: see `rescale` */
    tcn_rescale_t rescale;
} tcn_dsp_dense_t;

/* The inner loop takes 15 instructions for 16 multiply-accumulates where every load is an LDRD (3 LDRD, 4 SXTB16, 8
 * SMLAD), and 3 for the loop for 32; the bound is 0.5 each, SMLAD alone. */
static void tcn_dsp_dense_row(const TCN_FLASH tcn_dsp_dense_t *layer, const int8_t *input, int8_t *scratch,
                              int8_t *output)
{
    uint32_t *const x = (uint32_t *)(void *)scratch;
    uint32_t *const x_end = x + layer->inputs / 2;
    const TCN_FLASH uint32_t *weights = (const TCN_FLASH uint32_t *)layer->weights;
    const TCN_FLASH int32_t *bias = layer->bias;
    const TCN_FLASH int32_t *multiplier = layer->high_multiplier;
    const int32_t zero_point = layer->output_zero_point;
    uint32_t *to;
    int32_t channel;

    for (to = x; to != x_end; to += 2) {
        const uint32_t word = tcn_load4(input);

        to[0] = tcn_sxtb16(word);
        to[1] = tcn_sxtb16_odd(word);
        input += 4;
    }
    for (channel = 0; channel < layer->outputs; channel += 4) {
        uint32_t a = (uint32_t)bias[0];
        uint32_t b = a;
        uint32_t c = (uint32_t)bias[2];
        uint32_t d = c;
        const uint32_t *from = x;

        do {
#define TCN_DSP_DENSE_PAIR(i)                                       \
    a = tcn_smlad(tcn_sxtb16(weights[2 * (i)]), from[i], a);          \
    b = tcn_smlad(weights[2 * (i)], from[i], b);                      \
    c = tcn_smlad(tcn_sxtb16(weights[2 * (i) + 1]), from[i], c);      \
    d = tcn_smlad(weights[2 * (i) + 1], from[i], d)
            TCN_DSP_DENSE_PAIR(0);
            TCN_DSP_DENSE_PAIR(1);
            TCN_DSP_DENSE_PAIR(2);
            TCN_DSP_DENSE_PAIR(3);
#undef TCN_DSP_DENSE_PAIR
            weights += 8;
            from += 4;
        } while (from != x_end);
        output[0] = tcn_dsp_rescale(&layer->rescale, channel, multiplier[0], zero_point, tcn_signed(a));
        output[1] =
            tcn_dsp_rescale(&layer->rescale, channel + 1, multiplier[1], zero_point, (tcn_signed(b - a) >> 8) + bias[1]);
        output[2] = tcn_dsp_rescale(&layer->rescale, channel + 2, multiplier[2], zero_point, tcn_signed(c));
        output[3] =
            tcn_dsp_rescale(&layer->rescale, channel + 3, multiplier[3], zero_point, (tcn_signed(d - c) >> 8) + bias[3]);
        bias += 4;
        multiplier += 4;
        output += 4;
    }
}

#endif /* TCN_DSP_DENSE_H */
