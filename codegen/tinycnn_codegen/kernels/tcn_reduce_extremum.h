#ifndef TCN_REDUCE_EXTREMUM_H
#define TCN_REDUCE_EXTREMUM_H

#include "tcn_reduced.h"
#include "tcn_tensor.h"

/* The largest or the smallest along axes. */
typedef struct {
    tcn_reduced_t axes;
    int32_t is_largest; /* 1 or 0 */
} tcn_reduce_extremum_t;

static void tcn_reduce_extremum_row(const TCN_FLASH tcn_reduce_extremum_t *layer, int8_t *arena,
                                    const TCN_FLASH tcn_tensor_t *input, int32_t row, int8_t *output)
{
    const int32_t width = layer->axes.width / layer->axes.output_width;          /* reduced together */
    const int32_t channels = layer->axes.channels / layer->axes.output_channels;
    const int32_t first_row = layer->axes.all_rows ? 0 : row;
    const int32_t last_row = layer->axes.all_rows ? input->rows - 1 : row;
    int32_t column;
    int32_t channel;

    for (column = 0; column < layer->axes.output_width; column++) {
        for (channel = 0; channel < layer->axes.output_channels; channel++) {
            const int32_t start = column * layer->axes.channels + channel;
            int32_t found = layer->is_largest ? -128 : 127;
            int32_t r;

            for (r = first_row; r <= last_row; r++) {
                const int8_t *const values = tcn_row(arena, input, r) + start;
                int32_t x;

                for (x = 0; x < width; x++) {
                    int32_t c;

                    for (c = 0; c < channels; c++) {
                        const int32_t value = values[x * layer->axes.channels + c];

                        if ((value > found) == (layer->is_largest != 0)) {
                            found = value;
                        }
                    }
                }
            }
            *output++ = (int8_t)found;
        }
    }
}

#endif /* TCN_REDUCE_EXTREMUM_H */
