#ifndef TCN_LOG_SOFTMAX_H
#define TCN_LOG_SOFTMAX_H

#include <stdint.h>

#include "tcn_flash.h"

/* x - max x - log(sum(exp(x - max x))) of each vector of `length` neighbours, in quarters of an output step. */
typedef struct {
    int32_t vectors; /* in a row */
    int32_t length;  /* at most 16,384, so that the sum of the exponentials fits */
    int32_t output_zero_point;
    int32_t levels;
    const TCN_FLASH int32_t *exponentials; /* [256]: 65536 exp(-distance from the largest) */
    const TCN_FLASH int32_t *distances;    /* [256]: the distance in quarters of an output step */
    const TCN_FLASH int32_t *thresholds;   /* [levels]: the least sum whose logarithm is 1, 2, .. quarters */
} tcn_log_softmax_t;

static void tcn_log_softmax_row(const TCN_FLASH tcn_log_softmax_t *layer, const int8_t *input, int8_t *output)
{
    const int32_t length = layer->length;
    int32_t vector;

    for (vector = 0; vector < layer->vectors; vector++) {
        int largest = -128;
        int32_t total = 0;
        int32_t low = 0;
        int32_t high = layer->levels;
        int32_t i;

        for (i = 0; i < length; i++) {
            if (largest < input[i]) {
                largest = input[i];
            }
        }
        for (i = 0; i < length; i++) {
            total += layer->exponentials[largest - input[i]];
        }
        while (low < high) { /* how many thresholds the sum has reached */
            const int32_t middle = (low + high) / 2;

            if (total >= layer->thresholds[middle]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for (i = 0; i < length; i++) {
            const int32_t steps = (layer->distances[largest - input[i]] + low + 2) / 4;
            const int32_t result = layer->output_zero_point - steps;

            output[i] = (int8_t)(result > -128 ? result : -128);
        }
        input += length;
        output += length;
    }
}

#endif /* TCN_LOG_SOFTMAX_H */
