#ifndef TCN_EXTREMUM_H
#define TCN_EXTREMUM_H

#include <stdint.h>

#include "tcn_flash.h"
#include "tcn_pairs.h"

/* The larger or the smaller of two elements, after a table each brought them to the output's scale. */
typedef struct {
    tcn_pairs_t pairs;
    int32_t is_largest;                /* 1 or 0 */
    const TCN_FLASH int8_t *a_table; /* [256]: what -128 .. 127 become */
    const TCN_FLASH int8_t *b_table;
} tcn_extremum_t;

static void tcn_extremum_row(const TCN_FLASH tcn_extremum_t *layer, const int8_t *a, const int8_t *b, int8_t *output)
{
    const int32_t channels = layer->pairs.channels;
    const int32_t a_channel = layer->pairs.a_channel;
    const int32_t b_channel = layer->pairs.b_channel;
    int32_t position;

    for (position = 0; position < layer->pairs.width; position++) {
        int32_t c;

        for (c = 0; c < channels; c++) {
            const int8_t x = layer->a_table[a[c * a_channel] + 128];
            const int8_t y = layer->b_table[b[c * b_channel] + 128];

            output[c] = (x > y) == (layer->is_largest != 0) ? x : y;
        }
        a += layer->pairs.a_width;
        b += layer->pairs.b_width;
        output += channels;
    }
}

#endif /* TCN_EXTREMUM_H */
