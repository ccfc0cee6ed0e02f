#ifndef TCN_ADD_STEPS_H
#define TCN_ADD_STEPS_H

#include <stdint.h>

#include "tcn_flash.h"

/* Two tensors added whose scales let no multiplier and shift give the right byte for every pair, as when sums lie on
 * ties, which round to even. Each element's exact float32 value comes from a table, in a unit that both tensors share;
 * the output is the number of steps that the sum has reached. */
typedef struct {
    int32_t bytes;                   /* of a row */
    const TCN_FLASH int64_t *a;      /* [256]: the values of -128 .. 127 */
    const TCN_FLASH int64_t *b;      /* [256] */
    const TCN_FLASH int64_t *steps;  /* [255]: the least sum that gives -127, -126, .. 127 */
} tcn_add_steps_t;

static void tcn_add_steps_row(const TCN_FLASH tcn_add_steps_t *layer, const int8_t *a, const int8_t *b,
                              int8_t *output)
{
    int32_t i;

    for (i = 0; i < layer->bytes; i++) {
        const int64_t sum = layer->a[a[i] + 128] + layer->b[b[i] + 128];
        int reached = 0;
        int half;

        for (half = 128; half > 0; half /= 2) {
            if (sum >= layer->steps[reached + half - 1]) {
                reached += half;
            }
        }
        output[i] = (int8_t)(reached - 128);
    }
}

#endif /* TCN_ADD_STEPS_H */
