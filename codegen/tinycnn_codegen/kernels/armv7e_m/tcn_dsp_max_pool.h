#ifndef TCN_DSP_MAX_POOL_H
#define TCN_DSP_MAX_POOL_H

#include "tcn_flash.h"
#include "tcn_load4.h"
#include "tcn_span.h"
#include "tcn_store4.h"

/* The largest element under the window, four channels at a time; stride, pad and dilation are along the row. */
typedef struct {
    int32_t input_width;
    int32_t output_width;
    int32_t channels; /* 4 or more */
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t dilation;
} tcn_dsp_max_pool_t;

/* The larger ones of four int8: SSUB8 notes for each byte whether a >= b, SEL takes it then from a. */
static inline uint32_t tcn_dsp_larger(uint32_t a, uint32_t b)
{
#if TCN_HAS_DSP
    uint32_t larger;

    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(larger) : "r"(a), "r"(b) : "cc");
    return larger;
#else
    uint32_t larger = 0;
    int shift;

    for (shift = 0; shift < 32; shift += 8) {
        /* With the sign turned round, int8 are in the order of uint8. */
        const uint32_t from_a = a >> shift & 0xFFu;
        const uint32_t from_b = b >> shift & 0xFFu;

        larger |= ((from_a ^ 0x80u) > (from_b ^ 0x80u) ? from_a : from_b) << shift;
    }
    return larger;
#endif
}

/* One row of the output; rows[r] is the input under row r of the window, or a row of -128, which never wins.
 *
 * A tap takes 6 instructions for four elements (LDR, SSUB8, SEL, 3 for the loop); the bound is 3. */
static void tcn_dsp_max_pool_row(const TCN_FLASH tcn_dsp_max_pool_t *layer, const int8_t *const *rows, int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t step = layer->dilation * channels;
    int32_t column = -layer->pad;
    int32_t x;

    for (x = 0; x < layer->output_width; x++) {
        const tcn_span_t inside =
            tcn_taps_between(0, layer->input_width, column, layer->kernel_width, layer->dilation);
        const int32_t begin = column * channels + inside.first * step;
        const int32_t end = column * channels + inside.last * step;
        int32_t left;

        for (left = channels; left > 0; left -= 4) {
            /* The last four channels may overlap those before. */
            const int32_t channel = left >= 4 ? channels - left : channels - 4;
            uint32_t largest = 0x80808080u;
            int32_t row;
            int32_t tap;

            for (row = 0; row < layer->kernel_height; row++) {
                const int8_t *const input = rows[row];

                for (tap = begin; tap < end; tap += step) {
                    largest = tcn_dsp_larger(largest, tcn_load4(input + (tap + channel)));
                }
            }
            tcn_store4(output + channel, largest);
        }
        output += channels;
        column += layer->stride;
    }
}

#endif /* TCN_DSP_MAX_POOL_H */
