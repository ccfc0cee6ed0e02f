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

/* Four channels times one column: sums[0], [2] += channels a, c and sums[1], [3] += a + 256 b, c + 256 d, over the
 * inputs [x, x_end), a multiple of 4 words. Returns the weights that come next.
 *
 * The inner loop takes 15 instructions for 16 multiply-accumulates (3 LDRD, 4 SXTB16, 8 SMLAD) and 3 more for every 64,
 * 0.98 each; the bound is 0.5, SMLAD alone. */
static inline const TCN_FLASH uint32_t *tcn_dsp_dense_product(const TCN_FLASH uint32_t *weights, const uint32_t *x,
                                                              const uint32_t *x_end, uint32_t *sums)
{
#if TCN_HAS_DSP
    uint32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];
    uint32_t w0, w1, x0, x1, bytes;
    const uint32_t *const end_of_eights = x + (x_end - x) / 8 * 8;

#define TCN_DSP_DENSE_HALF(left, right, from)        \
    "sxtb16 %[bytes], %[" left "]\n\t"               \
    "smlad %[a], %[bytes], %[" from "], %[a]\n\t"    \
    "smlad %[b], %[" left "], %[" from "], %[b]\n\t" \
    "sxtb16 %[bytes], %[" right "]\n\t"              \
    "smlad %[c], %[bytes], %[" from "], %[c]\n\t"    \
    "smlad %[d], %[" right "], %[" from "], %[d]\n\t"
#define TCN_DSP_DENSE_FOUR                           \
    "ldrd %[w0], %[w1], [%[w]], #8\n\t"              \
    "ldrd %[x0], %[x1], [%[x]], #8\n\t"              \
    TCN_DSP_DENSE_HALF("w0", "w1", "x0")             \
    "ldrd %[w0], %[w1], [%[w]], #8\n\t"              \
    TCN_DSP_DENSE_HALF("w0", "w1", "x1")
    __asm__ volatile("ldr %[x0], %[eights]\n\t"
                     "cmp %[x], %[x0]\n\t"
                     "beq 2f\n"
                     "1:\n\t" TCN_DSP_DENSE_FOUR TCN_DSP_DENSE_FOUR TCN_DSP_DENSE_FOUR TCN_DSP_DENSE_FOUR
                     "ldr %[x0], %[eights]\n\t"
                     "cmp %[x], %[x0]\n\t"
                     "bne 1b\n"
                     "2:\n\t"
                     "ldr %[x0], %[end]\n\t"
                     "cmp %[x], %[x0]\n\t"
                     "beq 3f\n\t" TCN_DSP_DENSE_FOUR TCN_DSP_DENSE_FOUR
                     "3:"
                     : [w] "+r"(weights), [x] "+r"(x), [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d),
                       [w0] "=&r"(w0), [w1] "=&r"(w1), [x0] "=&r"(x0), [x1] "=&r"(x1), [bytes] "=&r"(bytes)
                     : [eights] "m"(end_of_eights), [end] "m"(x_end)
                     : "cc", "memory");
#undef TCN_DSP_DENSE_HALF
#undef TCN_DSP_DENSE_FOUR
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
#else
    for (; x != x_end; x++) {
        sums[0] = tcn_smlad(tcn_sxtb16(weights[0]), *x, sums[0]);
        sums[1] = tcn_smlad(weights[0], *x, sums[1]);
        sums[2] = tcn_smlad(tcn_sxtb16(weights[1]), *x, sums[2]);
        sums[3] = tcn_smlad(weights[1], *x, sums[3]);
        weights += 2;
    }
#endif
    return weights;
}

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
        uint32_t sums[4];

        sums[0] = sums[1] = (uint32_t)bias[0];
        sums[2] = sums[3] = (uint32_t)bias[2];
        weights = tcn_dsp_dense_product(weights, x, x_end, sums);
        output[0] = tcn_dsp_rescale(&layer->rescale, channel, multiplier[0], zero_point, tcn_signed(sums[0]));
        output[1] = tcn_dsp_rescale(&layer->rescale, channel + 1, multiplier[1], zero_point,
                                    (tcn_signed(sums[1] - sums[0]) >> 8) + bias[1]);
        output[2] = tcn_dsp_rescale(&layer->rescale, channel + 2, multiplier[2], zero_point, tcn_signed(sums[2]));
        output[3] = tcn_dsp_rescale(&layer->rescale, channel + 3, multiplier[3], zero_point,
                                    (tcn_signed(sums[3] - sums[2]) >> 8) + bias[3]);
        bias += 4;
        multiplier += 4;
        output += 4;
    }
}

#endif /* TCN_DSP_DENSE_H */
