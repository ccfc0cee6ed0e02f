#ifndef TCN_CONCAT_H
#define TCN_CONCAT_H

#include "tcn_tensor.h"

/* What one input adds to the rows of a concatenation: rows of its own, or a block of bytes in each of `blocks` places
 * of every row. */
typedef struct {
    int32_t first_row; /* the output rows [first_row, end_row) have something of this input */
    int32_t end_row;
    int32_t offset; /* of its first block in an output row */
    int32_t blocks;
    int32_t block_bytes;
    int32_t output_stride;         /* from block to block */
    const TCN_FLASH int8_t *table; /* [256]: what -128 .. 127 become, null where they stay */
} tcn_concat_t;

static void tcn_concat_row(const TCN_FLASH tcn_concat_t *layer, int8_t *arena, const TCN_FLASH tcn_tensor_t *tensor,
                           int32_t row, int8_t *output)
{
    const int8_t *input;
    int32_t block;
    int32_t i;

    if (row < layer->first_row || row >= layer->end_row) {
        return;
    }
    input = tcn_row(arena, tensor, row - layer->first_row);
    output += layer->offset;
    for (block = 0; block < layer->blocks; block++) {
        for (i = 0; i < layer->block_bytes; i++) {
            output[i] = layer->table ? layer->table[input[i] + 128] : input[i];
        }
        input += layer->block_bytes;
        output += layer->output_stride;
    }
}

#endif /* TCN_CONCAT_H */
