#ifndef TCN_RESIZE_FLOAT_H
#define TCN_RESIZE_FLOAT_H

#include "tcn_flash.h"
#include "tcn_float.h"
#include "tcn_tensor.h"

/* Linear interpolation along rows and columns with the bytes that float32 gives, for a file that came quantized. Each
 * position has two neighbours and their weights. A neighbour of weight 0 is not read, since it may not be there. */
typedef struct {
    int32_t output_width;
    int32_t channels;
    const TCN_FLASH uint32_t *values; /* [256]: the float32 patterns of what -128 .. 127 stand for */
    const TCN_FLASH int32_t *row_low; /* [rows of the output] */
    const TCN_FLASH int32_t *row_high;
    const TCN_FLASH uint32_t *row_weights; /* [rows of the output][2]: float32 patterns */
    const TCN_FLASH int32_t *column_low;  /* [output_width] */
    const TCN_FLASH int32_t *column_high;
    const TCN_FLASH uint32_t *column_weights; /* [output_width][2] */
    const TCN_FLASH int32_t *steps;          /* [255]: the places of the least sums that give -127, -126, .. 127 */
} tcn_resize_float_t;

static void tcn_resize_float_row(const TCN_FLASH tcn_resize_float_t *layer, int8_t *arena,
                                 const TCN_FLASH tcn_tensor_t *input, int32_t row, int8_t *output)
{
    const int32_t channels = layer->channels;
    const TCN_FLASH uint32_t *const rows = layer->row_weights + 2 * row;
    const int8_t *lines[2];
    int32_t x;

    lines[0] = tcn_row(arena, input, layer->row_low[row]);
    lines[1] = rows[1] != 0 ? tcn_row(arena, input, layer->row_high[row]) : lines[0];
    for (x = 0; x < layer->output_width; x++) {
        const TCN_FLASH uint32_t *const columns = layer->column_weights + 2 * x;
        int32_t starts[2];
        tcn_float_t weights[4];
        int32_t c;

        starts[0] = layer->column_low[x] * channels;
        starts[1] = layer->column_high[x] * channels;
        for (c = 0; c < 4; c++) {
            weights[c] = tcn_float_product(tcn_float_of(rows[c / 2]), tcn_float_of(columns[c % 2]));
        }
        for (c = 0; c < channels; c++) {
            tcn_float_t sum = {0, 0};
            uint8_t i;

            for (i = 0; i < 4; i++) {
                const int8_t value = lines[i / 2][starts[i % 2] + c];
                const tcn_float_t number = tcn_float_of(layer->values[value + 128]);

                sum = tcn_float_sum(sum, tcn_float_product(weights[i], number));
            }
            *output++ = tcn_float_output(sum, layer->steps);
        }
    }
}

#endif /* TCN_RESIZE_FLOAT_H */
