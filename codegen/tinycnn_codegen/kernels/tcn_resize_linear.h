#ifndef TCN_RESIZE_LINEAR_H
#define TCN_RESIZE_LINEAR_H

#include "tcn_tensor.h"

/* C99 leaves the right shift of a negative number to the compiler; this does not compile where it is not arithmetic. */
typedef char tcn_resize_linear_needs_arithmetic_shift[(INT32_C(-3) >> 1) == -2 ? 1 : -1];

/* Linear interpolation along rows and columns. Weights are in 1/2048, those of the next row or column; with a weight of
 * 0 the next one is not read, since it may not be there. */
typedef struct {
    int32_t output_width;
    int32_t channels;
    const TCN_FLASH int32_t *row_low; /* [rows of the output]: the upper of the two rows of the input */
    const TCN_FLASH int32_t *row_weights;
    const TCN_FLASH int32_t *column_low; /* [output_width] */
    const TCN_FLASH int32_t *column_weights;
} tcn_resize_linear_t;

static void tcn_resize_linear_row(const TCN_FLASH tcn_resize_linear_t *layer, int8_t *arena,
                                  const TCN_FLASH tcn_tensor_t *input, int32_t row, int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t low = layer->row_low[row];
    const int32_t lower_weight = layer->row_weights[row];
    const int8_t *const upper = tcn_row(arena, input, low);
    const int8_t *const lower = lower_weight > 0 ? tcn_row(arena, input, low + 1) : upper;
    int32_t x;

    for (x = 0; x < layer->output_width; x++) {
        const int32_t right_weight = layer->column_weights[x];
        const int32_t left = layer->column_low[x] * channels;
        const int32_t right = right_weight > 0 ? left + channels : left;
        int32_t c;

        for (c = 0; c < channels; c++) {
            const int32_t above = upper[left + c] * (2048 - right_weight) + upper[right + c] * right_weight;
            const int32_t below = lower[left + c] * (2048 - right_weight) + lower[right + c] * right_weight;
            const int32_t sum = above * (2048 - lower_weight) + below * lower_weight;

            *output++ = (int8_t)((sum + INT32_C(0x200000)) >> 22);
        }
    }
}

#endif /* TCN_RESIZE_LINEAR_H */
