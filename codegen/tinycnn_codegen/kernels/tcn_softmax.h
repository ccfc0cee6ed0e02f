#ifndef TCN_SOFTMAX_H
#define TCN_SOFTMAX_H

#include <stdint.h>

#include "tcn_flash.h"

/* exp(x - max x) / sum(exp(x - max x)) of each vector of `length` neighbours, in steps of 1/256 from -128 on. */
typedef struct {
    int32_t vectors; /* in a row */
    int32_t length;  /* at most 16,384, so that the sum of the exponentials fits */
    int32_t distances;
    const TCN_FLASH int32_t *exponentials; /* [distances]: 65536 exp(-distance); beyond them it rounds to 0 */
} tcn_softmax_t;

static inline int32_t tcn_softmax_exponential(const TCN_FLASH tcn_softmax_t *layer, int distance)
{
    return distance < layer->distances ? layer->exponentials[distance] : 0;
}

static void tcn_softmax_row(const TCN_FLASH tcn_softmax_t *layer, const int8_t *input, int8_t *output)
{
    const int32_t length = layer->length;
    int32_t vector;

    for (vector = 0; vector < layer->vectors; vector++) {
        int largest = -128;
        int32_t total = 0;
        int32_t i;

        for (i = 0; i < length; i++) {
            if (largest < input[i]) {
                largest = input[i];
            }
        }
        for (i = 0; i < length; i++) {
            total += tcn_softmax_exponential(layer, largest - input[i]);
        }
        for (i = 0; i < length; i++) {
            const int32_t exponential = tcn_softmax_exponential(layer, largest - input[i]);
            const int32_t result = (256 * exponential + total / 2) / total - 128;

            output[i] = (int8_t)(result < 127 ? result : 127);
        }
        input += length;
        output += length;
    }
}

#endif /* TCN_SOFTMAX_H */
