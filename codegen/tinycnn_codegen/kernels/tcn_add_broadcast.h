#ifndef TCN_ADD_BROADCAST_H
#define TCN_ADD_BROADCAST_H

#include <stdint.h>

#include "tcn_flash.h"
#include "tcn_pairs.h"

/* C99 leaves the right shift of a negative number to the compiler; this does not compile where it is not arithmetic. */
typedef char tcn_add_broadcast_needs_arithmetic_shift[(INT32_C(-3) >> 1) == -2 ? 1 : -1];

/* Two tensors of different shapes added: ((a * a_multiplier + b * b_multiplier + addend) >> shift), saturated to int8,
 * tried with all 65,536 pairs when the network was generated. */
typedef struct {
    tcn_pairs_t pairs;
    int32_t a_multiplier;
    int32_t b_multiplier;
    int32_t addend;
    int32_t shift;
} tcn_add_broadcast_t;

static void tcn_add_broadcast_row(const TCN_FLASH tcn_add_broadcast_t *layer, const int8_t *a, const int8_t *b,
                                  int8_t *output)
{
    const int32_t channels = layer->pairs.channels;
    const int32_t a_channel = layer->pairs.a_channel;
    const int32_t b_channel = layer->pairs.b_channel;
    int32_t position;

    for (position = 0; position < layer->pairs.width; position++) {
        int32_t c;

        for (c = 0; c < channels; c++) {
            const int32_t x = a[c * a_channel] * layer->a_multiplier;
            const int32_t y = (x + b[c * b_channel] * layer->b_multiplier + layer->addend) >> layer->shift;

            output[c] = (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
        }
        a += layer->pairs.a_width;
        b += layer->pairs.b_width;
        output += channels;
    }
}

#endif /* TCN_ADD_BROADCAST_H */
