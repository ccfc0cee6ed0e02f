#ifndef TCN_DIVIDE_H
#define TCN_DIVIDE_H

#include "tcn_pairs.h"
#include "tcn_rescale.h"

/* a / b: the distance of a from its zero point, rescaled by the entry of the distance of b. By 0 it is the largest or
 * the smallest output. Pairs so near to a tie that float32 gives another output are listed. */
typedef struct {
    tcn_pairs_t pairs;
    int32_t a_zero_point;
    int32_t b_zero_point;
    tcn_rescale_t rescale; /* [255]: for the distances 1, 2, .. of b */
    int32_t exceptions;
    const TCN_FLASH uint16_t *pairs_excepted; /* [exceptions], rising: 256 (a + 128) + b + 128 */
    const TCN_FLASH int8_t *outputs_excepted; /* [exceptions] */
} tcn_divide_t;

/* The output for a pair, which is `usual` unless it is listed. */
static int8_t tcn_divide_output(const TCN_FLASH tcn_divide_t *layer, int8_t a, int8_t b, int8_t usual)
{
    const uint16_t pair = (uint16_t)(256u * (uint16_t)(a + 128) + (uint16_t)(b + 128));
    int32_t low = 0;
    int32_t high = layer->exceptions;

    while (low < high) {
        const int32_t middle = (low + high) / 2;

        if (layer->pairs_excepted[middle] < pair) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < layer->exceptions && layer->pairs_excepted[low] == pair ? layer->outputs_excepted[low] : usual;
}

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
            int8_t usual = (int8_t)(x > 0 ? 127 : -128);

            if (y != 0) {
                usual = tcn_rescale(&layer->rescale, (y > 0 ? y : -y) - 1, y > 0 ? x : -x);
            }
            output[c] = tcn_divide_output(layer, a[c * a_channel], b[c * b_channel], usual);
        }
        a += layer->pairs.a_width;
        b += layer->pairs.b_width;
        output += channels;
    }
}

#endif /* TCN_DIVIDE_H */
