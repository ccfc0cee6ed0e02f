#ifndef TCN_TAKE_H
#define TCN_TAKE_H

#include "tcn_tensor.h"

/* Elements chosen along rows, columns and channels by tables of indices: -1 stands for the fill value, and a null
 * pointer for all in their order. Slices, pads, nearest resizing and channel shuffles are this. */
typedef struct {
    const TCN_FLASH int32_t *rows;
    int32_t columns; /* of the output */
    const TCN_FLASH int32_t *column_indices;
    int32_t input_channels;
    int32_t channels; /* of the output */
    const TCN_FLASH int32_t *channel_indices;
    int8_t fill;
} tcn_take_t;

static void tcn_take_row(const TCN_FLASH tcn_take_t *layer, int8_t *arena, const TCN_FLASH tcn_tensor_t *tensor,
                         int32_t row, int8_t *output)
{
    const int32_t source_row = layer->rows ? layer->rows[row] : row;
    const int8_t *const input = tcn_row(arena, tensor, source_row < 0 ? 0 : source_row);
    int32_t x;

    for (x = 0; x < layer->columns; x++) {
        const int32_t column = source_row < 0 ? -1 : layer->column_indices ? layer->column_indices[x] : x;
        int32_t c;

        for (c = 0; c < layer->channels; c++) {
            const int32_t channel = column < 0 ? -1 : layer->channel_indices ? layer->channel_indices[c] : c;

            output[c] = channel < 0 ? layer->fill : input[column * layer->input_channels + channel];
        }
        output += layer->channels;
    }
}

#endif /* TCN_TAKE_H */
