#ifndef TCN_ADD_STEPS_H
#define TCN_ADD_STEPS_H

#include <stdint.h>

#include "tcn_flash.h"
#include "tcn_pairs.h"

/* Two tensors added whose scales let no multiplier and shift give the right byte for every pair, as when sums lie on
 * ties, which round to even. Each element's exact float32 value comes from a table, in a unit that both tensors share;
 * the output is the number of steps that the sum has reached. */
typedef struct {
    tcn_pairs_t pairs;
    const TCN_FLASH int64_t *a;     /* [256]: the values of -128 .. 127 */
    const TCN_FLASH int64_t *b;     /* [256] */
    const TCN_FLASH int64_t *steps; /* [255]: the least sum that gives -127, -126, .. 127 */
} tcn_add_steps_t;

static void tcn_add_steps_row(const TCN_FLASH tcn_add_steps_t *layer, const int8_t *a, const int8_t *b, int8_t *output)
{
    const int32_t channels = layer->pairs.channels;
    int32_t position;

    for (position = 0; position < layer->pairs.width; position++) {
        int32_t c;

        for (c = 0; c < channels; c++) {
            const int64_t x = layer->a[a[c * layer->pairs.a_channel] + 128];
            const int64_t sum = x + layer->b[b[c * layer->pairs.b_channel] + 128];
            int reached = 0;
            int half;

            for (half = 128; half > 0; half /= 2) {
                if (sum >= layer->steps[reached + half - 1]) {
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

#endif /* TCN_ADD_STEPS_H */
