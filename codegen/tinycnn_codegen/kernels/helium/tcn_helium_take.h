#ifndef TCN_HELIUM_TAKE_H
#define TCN_HELIUM_TAKE_H

#include "tcn_helium_copy.h"
#include "tcn_kernel.h"
#include "tcn_tensor.h"

/* Rows and columns chosen by tables of indices: -1 stands for the fill value, and a null pointer for all in their
 * order. */
typedef struct {
    const TCN_FLASH int32_t *rows;
    int32_t columns; /* of the output */
    const TCN_FLASH int32_t *column_indices;
    int32_t channels;
    int8_t fill;
} tcn_helium_take_t;

TCN_KERNEL static void tcn_helium_take_row(const TCN_FLASH tcn_helium_take_t *layer, int8_t *arena,
                                           const TCN_FLASH tcn_tensor_t *tensor, int32_t row, int8_t *output)
{
    const TCN_FLASH int32_t *const indices = layer->column_indices;
    const int32_t source_row = layer->rows ? layer->rows[row] : row;
    const int32_t columns = layer->columns;
    const int32_t channels = layer->channels;
    const int8_t *const input = tcn_row(arena, tensor, source_row < 0 ? 0 : source_row);
    int32_t x;

    if (source_row < 0) {
        tcn_helium_fill(output, columns * channels, layer->fill);
        return;
    }
    if (!indices) {
        tcn_helium_copy(output, input, columns * channels);
        return;
    }
    for (x = 0; x < columns; x++) {
        const int32_t column = indices[x];

        if (column < 0) {
            tcn_helium_fill(output, channels, layer->fill);
        } else {
            tcn_helium_copy(output, input + column * channels, channels);
        }
        output += channels;
    }
}

#endif /* TCN_HELIUM_TAKE_H */
