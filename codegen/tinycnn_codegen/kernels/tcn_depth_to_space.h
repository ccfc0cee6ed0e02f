#ifndef TCN_DEPTH_TO_SPACE_H
#define TCN_DEPTH_TO_SPACE_H

#include "tcn_tensor.h"

/* Channels become blocks of pixels: output row r is part r % block of input row r / block. */
typedef struct {
    int32_t input_width;
    int32_t block;
    int32_t channels;       /* of the output */
    int32_t block_stride;   /* in the input, from one place of a block to the next */
    int32_t channel_stride; /* in the input, from one channel of the output to the next */
} tcn_depth_to_space_t;

static void tcn_depth_to_space_row(const TCN_FLASH tcn_depth_to_space_t *layer, int8_t *arena,
                                   const TCN_FLASH tcn_tensor_t *tensor, int32_t row, int8_t *output)
{
    const int32_t block = layer->block;
    const int8_t *input = tcn_row(arena, tensor, row / block) + row % block * block * layer->block_stride;
    int32_t x;
    int32_t place;
    int32_t c;

    for (x = 0; x < layer->input_width; x++) {
        for (place = 0; place < block; place++) {
            for (c = 0; c < layer->channels; c++) {
                output[c] = input[place * layer->block_stride + c * layer->channel_stride];
            }
            output += layer->channels;
        }
        input += block * block * layer->channels;
    }
}

#endif /* TCN_DEPTH_TO_SPACE_H */
