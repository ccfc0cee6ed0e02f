#ifndef TCN_TRANSPOSE_H
#define TCN_TRANSPOSE_H

#include "tcn_tensor.h"

/* Axes exchanged: for each axis of the output, from the rows to the innermost, how far apart its elements lie in the
 * input, which is there as a whole. */
typedef struct {
    int32_t row_stride;
    int32_t outer;
    int32_t outer_stride;
    int32_t middle;
    int32_t middle_stride;
    int32_t inner;
    int32_t inner_stride;
} tcn_transpose_t;

static void tcn_transpose_row(const TCN_FLASH tcn_transpose_t *layer, int8_t *arena,
                              const TCN_FLASH tcn_tensor_t *tensor, int32_t row, int8_t *output)
{
    const int8_t *const input = tcn_row(arena, tensor, 0) + row * layer->row_stride;
    int32_t i;
    int32_t j;
    int32_t k;

    for (i = 0; i < layer->outer; i++) {
        for (j = 0; j < layer->middle; j++) {
            const int8_t *const line = input + i * layer->outer_stride + j * layer->middle_stride;

            for (k = 0; k < layer->inner; k++) {
                output[k] = line[k * layer->inner_stride];
            }
            output += layer->inner;
        }
    }
}

#endif /* TCN_TRANSPOSE_H */
