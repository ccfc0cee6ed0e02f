#ifndef TCN_LRN_H
#define TCN_LRN_H

#include <stdint.h>

#include "tcn_flash.h"

/* C99 leaves the right shift of a negative number to the compiler; this does not compile where it is not arithmetic. */
typedef char tcn_lrn_needs_arithmetic_shift[(INT32_C(-3) >> 1) == -2 ? 1 : -1];

/* Local response normalization: the sum of squares over neighbouring channels chooses what an element is multiplied
 * by. */
typedef struct {
    int32_t positions; /* in a row */
    int32_t channels;
    int32_t before; /* channels before the own one, and behind it, that count */
    int32_t behind;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t bits;  /* of the sum that do not matter */
    int32_t shift; /* of the product */
    const TCN_FLASH int32_t *multipliers;
} tcn_lrn_t;

static void tcn_lrn_row(const TCN_FLASH tcn_lrn_t *layer, const int8_t *input, int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t zero_point = layer->input_zero_point;
    const int32_t half = (int32_t)1 << (layer->shift - 1);
    int32_t position;

    for (position = 0; position < layer->positions; position++) {
        int32_t c;

        for (c = 0; c < channels; c++) {
            const int32_t first = c > layer->before ? c - layer->before : 0;
            const int32_t last = c + layer->behind < channels ? c + layer->behind : channels - 1;
            int32_t sum = 0;
            int32_t result;
            int32_t i;

            for (i = first; i <= last; i++) {
                const int32_t x = input[i] - zero_point;

                sum += x * x;
            }
            result = (input[c] - zero_point) * layer->multipliers[sum >> layer->bits];
            result = ((result + half) >> layer->shift) + layer->output_zero_point;
            output[c] = (int8_t)(result < -128 ? -128 : result > 127 ? 127 : result);
        }
        input += channels;
        output += channels;
    }
}

#endif /* TCN_LRN_H */
