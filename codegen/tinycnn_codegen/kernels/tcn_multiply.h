#ifndef TCN_MULTIPLY_H
#define TCN_MULTIPLY_H

#include "tcn_pairs.h"
#include "tcn_rescale.h"

/* The product of two tensors: of their distances from the zero points, rescaled. */
typedef struct {
    tcn_pairs_t pairs;
    int32_t a_zero_point;
    int32_t b_zero_point;
    tcn_rescale_t rescale; /* one entry */
} tcn_multiply_t;

static void tcn_multiply_row(const TCN_FLASH tcn_multiply_t *layer, const int8_t *a, const int8_t *b, int8_t *output)
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

            output[c] = tcn_rescale(&layer->rescale, 0, x * y);
        }
        a += layer->pairs.a_width;
        b += layer->pairs.b_width;
        output += channels;
    }
}

#endif /* TCN_MULTIPLY_H */
