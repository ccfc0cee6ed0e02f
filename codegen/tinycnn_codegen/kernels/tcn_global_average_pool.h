#ifndef TCN_GLOBAL_AVERAGE_POOL_H
#define TCN_GLOBAL_AVERAGE_POOL_H

#include "tcn_rescale.h"

/* The mean of each channel over all positions. */
typedef struct {
    int32_t positions;
    int32_t channels;
    int32_t input_zero_point;
    tcn_rescale_t rescale; /* one entry */
} tcn_global_average_pool_t;

/* `input` is the whole tensor, [positions][channels]. */
static void tcn_global_average_pool_row(const TCN_FLASH tcn_global_average_pool_t *layer, const int8_t *input,
                                        int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t end = layer->positions * channels;
    int32_t c;

    for (c = 0; c < channels; c++) {
        int32_t sum = -layer->input_zero_point * layer->positions;
        int32_t at;

        for (at = c; at < end; at += channels) {
            sum += input[at];
        }
        output[c] = tcn_rescale(&layer->rescale, 0, sum);
    }
}

#endif /* TCN_GLOBAL_AVERAGE_POOL_H */
