#ifndef TCN_SPACE_TO_DEPTH_H
#define TCN_SPACE_TO_DEPTH_H

#include "tcn_tensor.h"

/* Blocks of pixels become channels: output row r is made of the input rows r * block and following. */
typedef struct {
    int32_t output_width;
    int32_t block;
    int32_t block_bytes; /* of one row of a block */
} tcn_space_to_depth_t;

static void tcn_space_to_depth_row(const TCN_FLASH tcn_space_to_depth_t *layer, int8_t *arena,
                                   const TCN_FLASH tcn_tensor_t *tensor, int32_t row, int8_t *output)
{
    const int32_t bytes = layer->block_bytes;
    int32_t line;
    int32_t x;
    int32_t i;

    for (line = 0; line < layer->block; line++) {
        const int8_t *input = tcn_row(arena, tensor, row * layer->block + line);
        int8_t *place = output + line * bytes;

        for (x = 0; x < layer->output_width; x++) {
            for (i = 0; i < bytes; i++) {
                place[i] = input[i];
            }
            input += bytes;
            place += layer->block * bytes;
        }
    }
}

#endif /* TCN_SPACE_TO_DEPTH_H */
