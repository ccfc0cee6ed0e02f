#ifndef TCN_ADD_H
#define TCN_ADD_H

#include "tcn_add_layer.h"
#include "tcn_flash.h"

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
