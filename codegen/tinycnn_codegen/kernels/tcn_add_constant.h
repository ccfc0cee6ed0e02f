#ifndef TCN_ADD_CONSTANT_H
#define TCN_ADD_CONSTANT_H

#include <stdint.h>

#include "tcn_flash.h"

/* C99 leaves the right shift of a negative number to the compiler; this does not compile where it is not arithmetic. */
typedef char tcn_add_constant_needs_arithmetic_shift[(INT32_C(-3) >> 1) == -2 ? 1 : -1];

/* A constant for each channel added: ((x * multiplier + addend) >> shift), saturated to int8. All zero points, the
 * rounding and the constant are in the addend. When the network was generated it was tried with all values. */
typedef struct {
    int32_t bytes; /* of a row */
    int32_t channels;
    int32_t multiplier;
    int32_t shift;
    const TCN_FLASH int32_t *addend; /* [channels] */
} tcn_add_constant_t;

static void tcn_add_constant_row(const TCN_FLASH tcn_add_constant_t *layer, const int8_t *input, int8_t *output)
{
    int32_t i;
    int32_t channel = 0;

    for (i = 0; i < layer->bytes; i++) {
        const int32_t y = (input[i] * layer->multiplier + layer->addend[channel]) >> layer->shift;

        output[i] = (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
        channel = channel + 1 < layer->channels ? channel + 1 : 0;
    }
}

#endif /* TCN_ADD_CONSTANT_H */
