#ifndef TCN_LOOKUP_H
#define TCN_LOOKUP_H

#include <stdint.h>

#include "tcn_flash.h"

/* Any function of one element, as a table of its 256 results. */
typedef struct {
    int32_t bytes;                 /* of a row */
    const TCN_FLASH int8_t *table; /* [256]: the results for -128 .. 127 */
} tcn_lookup_t;

static void tcn_lookup_row(const TCN_FLASH tcn_lookup_t *layer, const int8_t *input, int8_t *output)
{
    const TCN_FLASH int8_t *const zero = layer->table + 128;
    int32_t i;

    for (i = 0; i < layer->bytes; i++) {
        output[i] = zero[input[i]];
    }
}

#endif /* TCN_LOOKUP_H */
