#ifndef TCN_ADD_WIDE_H
#define TCN_ADD_WIDE_H

#include <stdint.h>

#include "tcn_flash.h"

/* C99 leaves the right shift of a negative number to the compiler; this does not compile where it is not arithmetic. */
typedef char tcn_add_wide_needs_arithmetic_shift[(INT64_C(-3) >> 1) == -2 ? 1 : -1];

/* Two tensors added like tcn_add, for scales that need more than 32 bits to give the right byte for every pair. */
typedef struct {
    int32_t bytes; /* of a row */
    int32_t a_multiplier;
    int32_t b_multiplier;
    int32_t shift;
    int64_t addend;
} tcn_add_wide_t;

static void tcn_add_wide_row(const TCN_FLASH tcn_add_wide_t *layer, const int8_t *a, const int8_t *b, int8_t *output)
{
    int32_t i;

    for (i = 0; i < layer->bytes; i++) {
        const int64_t sum = (int64_t)layer->a_multiplier * a[i] + (int64_t)layer->b_multiplier * b[i];
        const int64_t y = (sum + layer->addend) >> layer->shift;

        output[i] = (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
    }
}

#endif /* TCN_ADD_WIDE_H */
