#ifndef TCN_DSP_MEAN_H
#define TCN_DSP_MEAN_H

#include "tcn_load4.h"
#include "tcn_rescale.h"
#include "tcn_sxtb16.h"

/* The mean of each channel over all positions, four channels at a time. */
typedef struct {
    int32_t rows;
    int32_t row_positions;     /* of all rows at most 256, whose sum fits 16 bits */
    int32_t channels;          /* a multiple of 4 */
    int32_t input_zero_point;
    tcn_rescale_t rescale;     /* one entry */
} tcn_dsp_mean_t;

/* Halves of `sum` and bytes 0 and 2, or 1 and 3, of `word` added. */
static inline uint32_t tcn_sxtab16(uint32_t sum, uint32_t word)
{
#if TCN_HAS_DSP
    __asm__("sxtab16 %0, %0, %1" : "+r"(sum) : "r"(word));
    return sum;
#else
    const uint32_t halves = tcn_sxtb16(word);

    return ((sum + halves) & 0xFFFFu) | ((sum >> 16) + (halves >> 16)) << 16;
#endif
}

static inline uint32_t tcn_sxtab16_odd(uint32_t sum, uint32_t word)
{
#if TCN_HAS_DSP
    __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(sum) : "r"(word));
    return sum;
#else
    return tcn_sxtab16(sum, word >> 8);
#endif
}

/* Finish four channels: halves 0 and 2, and 1 and 3. */
static void tcn_dsp_mean_finish(const TCN_FLASH tcn_dsp_mean_t *layer, uint32_t even, uint32_t odd, int8_t *output)
{
    const int32_t zero = -layer->input_zero_point * layer->row_positions * layer->rows;
    int i;

    for (i = 0; i < 2; i++) {
        output[2 * i] = tcn_rescale(&layer->rescale, 0, (int32_t)((even & 0xFFFFu) ^ 0x8000u) - 0x8000 + zero);
        output[2 * i + 1] = tcn_rescale(&layer->rescale, 0, (int32_t)((odd & 0xFFFFu) ^ 0x8000u) - 0x8000 + zero);
        even >>= 16;
        odd >>= 16;
    }
}

/* Add input row number `row`, [row_positions][channels], to the sums, [channels / 4] with halves 0 and 2, 1 and 3; the
 * last row makes the output. The inner loop takes 6 instructions for 4 bytes. */
static void tcn_dsp_mean_row(const TCN_FLASH tcn_dsp_mean_t *layer, const int8_t *input, int32_t row, int8_t *sums,
                             int8_t *output)
{
    const int32_t channels = layer->channels;
    uint32_t *halves = (uint32_t *)(void *)sums;
    int32_t c;

    for (c = 0; c < channels; c += 4) {
        const int8_t *at = input + c;
        uint32_t even = row > 0 ? halves[0] : 0u;
        uint32_t odd = row > 0 ? halves[1] : 0u;
        int32_t left;

        for (left = layer->row_positions; left > 0; left--) {
            const uint32_t word = tcn_load4(at);

            even = tcn_sxtab16(even, word);
            odd = tcn_sxtab16_odd(odd, word);
            at += channels;
        }
        if (row + 1 < layer->rows) {
            halves[0] = even;
            halves[1] = odd;
        } else {
            tcn_dsp_mean_finish(layer, even, odd, output + c);
        }
        halves += 2;
    }
}

#endif /* TCN_DSP_MEAN_H */
