#ifndef TCN_RESIZE_FLOAT_H
#define TCN_RESIZE_FLOAT_H

#include "tcn_flash.h"
#include "tcn_float.h"
#include "tcn_tensor.h"

/* Linear interpolation along rows and columns with the bytes that float32 gives, for a file that came quantized. Each
 * position has two neighbours and their weights: mantissa and exponent of the first, then of the second. A neighbour of
 * weight 0 is not read, since it may not be there. */
typedef struct {
    int32_t output_width;
    int32_t channels;
    int32_t input_zero_point;
    tcn_float_t input_scale;
    const TCN_FLASH int32_t *row_low; /* [rows of the output] */
    const TCN_FLASH int32_t *row_high;
    const TCN_FLASH int32_t *row_weights; /* [rows of the output][4] */
    const TCN_FLASH int32_t *column_low;  /* [output_width] */
    const TCN_FLASH int32_t *column_high;
    const TCN_FLASH int32_t *column_weights; /* [output_width][4] */
    const TCN_FLASH int32_t *steps;          /* [255]: the places of the least sums that give -127, -126, .. 127 */
} tcn_resize_float_t;

/* The product of the weight of a row and that of a column. */
static tcn_float_t tcn_resize_float_weight(const TCN_FLASH int32_t *row, const TCN_FLASH int32_t *column)
{
    return tcn_float_rounded((int64_t)row[0] * column[0], row[1] + column[1]);
}

static void tcn_resize_float_row(const TCN_FLASH tcn_resize_float_t *layer, int8_t *arena,
                                 const TCN_FLASH tcn_tensor_t *input, int32_t row, int8_t *output)
{
    const int32_t channels = layer->channels;
    const TCN_FLASH int32_t *const rows = layer->row_weights + 4 * row;
    const int8_t *lines[2];
    int32_t x;

    lines[0] = tcn_row(arena, input, layer->row_low[row]);
    lines[1] = rows[2] != 0 ? tcn_row(arena, input, layer->row_high[row]) : lines[0];
    for (x = 0; x < layer->output_width; x++) {
        const TCN_FLASH int32_t *const columns = layer->column_weights + 4 * x;
        int32_t starts[2];
        tcn_float_t weights[4];
        int32_t c;

        starts[0] = layer->column_low[x] * channels;
        starts[1] = layer->column_high[x] * channels;
        weights[0] = tcn_resize_float_weight(rows, columns);
        weights[1] = tcn_resize_float_weight(rows, columns + 2);
        weights[2] = tcn_resize_float_weight(rows + 2, columns);
        weights[3] = tcn_resize_float_weight(rows + 2, columns + 2);
        for (c = 0; c < channels; c++) {
            tcn_float_t sum = {0, 0};
            uint8_t i;

            for (i = 0; i < 4; i++) {
                const int64_t distance = lines[i / 2][starts[i % 2] + c] - layer->input_zero_point;
                const int64_t product = distance * layer->input_scale.mantissa;
                const tcn_float_t value = tcn_float_rounded(product, layer->input_scale.exponent);

                sum = tcn_float_sum(sum, tcn_float_product(weights[i], value));
            }
            *output++ = tcn_float_output(sum, layer->steps);
        }
    }
}

#endif /* TCN_RESIZE_FLOAT_H */
