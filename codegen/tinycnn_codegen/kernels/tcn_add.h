#ifndef TCN_ADD_H
#define TCN_ADD_H

#include <stdint.h>

#include "tcn_flash.h"

/* C99 leaves the right shift of a negative number to the compiler; this does not compile where it is not arithmetic. */
typedef char tcn_add_needs_arithmetic_shift[(INT32_C(-3) >> 1) == -2 ? 1 : -1];

/* Two tensors added: ((a * a_multiplier + b * b_multiplier + addend) >> shift), saturated to int8. All zero points
 * and the rounding are in the addend. When the network was generated it was tried with all 65,536 pairs, and checked
 * that no sum overflows. */
typedef struct {
    int32_t bytes; /* of a row */
    int32_t a_multiplier;
    int32_t b_multiplier;
    int32_t addend;
    int32_t shift;
} tcn_add_t;

static void tcn_add_row(const TCN_FLASH tcn_add_t *layer, const int8_t *a, const int8_t *b, int8_t *output)
{
    const int32_t bytes = layer->bytes;
    const int32_t a_multiplier = layer->a_multiplier;
    const int32_t b_multiplier = layer->b_multiplier;
    const int32_t addend = layer->addend;
    const int32_t shift = layer->shift;
    int32_t i;

    for (i = 0; i < bytes; i++) {
        const int32_t y = (a[i] * a_multiplier + b[i] * b_multiplier + addend) >> shift;

        output[i] = (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
    }
}

#endif /* TCN_ADD_H */
