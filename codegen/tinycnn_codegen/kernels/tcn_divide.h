#ifndef TCN_DIVIDE_H
#define TCN_DIVIDE_H

#include "tcn_pairs.h"
#include "tcn_rescale.h"

/* a / b: the distance of a from its zero point, rescaled by the entry of the distance of b. By 0 it is the largest or the
 * smallest output. */
typedef struct {
    tcn_pairs_t pairs;
    int32_t a_zero_point;
    int32_t b_zero_point;
    tcn_rescale_t rescale; /* [255]: for the distances 1, 2, .. of b */
} tcn_divide_t;

static void tcn_divide_row(const TCN_FLASH tcn_divide_t *layer, const int8_t *a, const int8_t *b, int8_t *output)
{
    const int32_t channels = layer->pairs.channels;
    const int32_t a_channel = layer->pairs.a_channel;
    const int32_t b_channel = layer->pairs.b_channel;
    int32_t position;

    for (position = 0; position < layer->pairs.width; position++) {
        int32_t c;

        for (c = 0; c < channels; c++) {
            const int32_t x = a[c * a_channel] - layer->a_zero_point;
            const int32_t y = b[c * b_channel] - layer->b_zero_point;

            if (y == 0) {
                output[c] = (int8_t)(x > 0 ? 127 : -128);
            } else {
                output[c] = tcn_rescale(&layer->rescale, (y > 0 ? y : -y) - 1, y > 0 ? x : -x);
            }
        }
        a += layer->pairs.a_width;
        b += layer->pairs.b_width;
        output += channels;
    }
}

#endif /* TCN_DIVIDE_H */
