#ifndef TCN_MULTIPLY_STEPS_H
#define TCN_MULTIPLY_STEPS_H

#include "tcn_flash.h"
#include "tcn_pairs.h"

/* The product of two tensors of a file that came quantized, some of whose products lie on ties: the output is the
 * number of steps that the product of the distances from the zero points has reached. */
typedef struct {
    tcn_pairs_t pairs;
    int32_t a_zero_point;
    int32_t b_zero_point;
    const TCN_FLASH int32_t *steps; /* [255]: the least product that gives -127, -126, .. 127 */
} tcn_multiply_steps_t;

static void tcn_multiply_steps_row(const TCN_FLASH tcn_multiply_steps_t *layer, const int8_t *a, const int8_t *b,
                                   int8_t *output)
{
    const int32_t channels = layer->pairs.channels;
    int32_t position;

    for (position = 0; position < layer->pairs.width; position++) {
        int32_t c;

        for (c = 0; c < channels; c++) {
            const int32_t x = a[c * layer->pairs.a_channel] - layer->a_zero_point;
            const int32_t product = x * (b[c * layer->pairs.b_channel] - layer->b_zero_point);
            int reached = 0;
            int half;

            for (half = 128; half > 0; half /= 2) {
                if (product >= layer->steps[reached + half - 1]) {
                    reached += half;
                }
            }
            output[c] = (int8_t)(reached - 128);
        }
        a += layer->pairs.a_width;
        b += layer->pairs.b_width;
        output += channels;
    }
}

#endif /* TCN_MULTIPLY_STEPS_H */
