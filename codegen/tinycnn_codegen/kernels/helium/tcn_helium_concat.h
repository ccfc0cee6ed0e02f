#ifndef TCN_HELIUM_CONCAT_H
#define TCN_HELIUM_CONCAT_H

#include "tcn_helium_copy.h"
#include "tcn_helium_lookup.h"
#include "tcn_kernel.h"
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
} tcn_helium_concat_t;

TCN_KERNEL static void tcn_helium_concat_row(const TCN_FLASH tcn_helium_concat_t *layer, int8_t *arena,
                                             const TCN_FLASH tcn_tensor_t *tensor, int32_t row, int8_t *output)
{
    const int32_t bytes = layer->block_bytes;
    const int8_t *input;
    int32_t block;
    int32_t i;

    if (row < layer->first_row || row >= layer->end_row) {
        return;
    }
    input = tcn_row(arena, tensor, row - layer->first_row);
    output += layer->offset;
    if (layer->table) {
        for (block = 0; block < layer->blocks; block++) {
            tcn_helium_look_up(output, input, bytes, layer->table);
            input += bytes;
            output += layer->output_stride;
        }
    } else if (layer->blocks == 1) {
        tcn_helium_copy(output, input, bytes);
    } else {
        for (i = 0; i < bytes; i += 16) {
            tcn_helium_copy_each(output + i, layer->output_stride, input + i, bytes, bytes - i, layer->blocks);
        }
    }
}

#endif /* TCN_HELIUM_CONCAT_H */
