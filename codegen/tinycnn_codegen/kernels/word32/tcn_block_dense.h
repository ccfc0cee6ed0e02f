#ifndef TCN_BLOCK_DENSE_H
#define TCN_BLOCK_DENSE_H

#include "tcn_block_vector.h"
#include "tcn_word_store.h"

/* Dense layer, two blocks of channels at a time: what would be the block's other column is the channels after. */
typedef struct {
    int32_t inputs;
    int32_t channels;
    /* by blocks of channels in the order of tcn_block_vector, 0 for no channel */
    const TCN_FLASH tcn_weight_t *weights;
    tcn_word_outputs_t outputs;
} tcn_block_dense_t;

static void tcn_block_dense_row(const TCN_FLASH tcn_block_dense_t *layer, const int8_t *input, int8_t *output)
{
    const int32_t channels = layer->channels;
    const TCN_FLASH tcn_weight_t *weights = layer->weights;
    int32_t channel;

    for (channel = 0; channel < channels; channel += 2 * TCN_BLOCK_CHANNELS) {
        const int32_t left = channels - channel;
        const int32_t lanes = left < 2 * TCN_BLOCK_CHANNELS ? left : 2 * TCN_BLOCK_CHANNELS;
        tcn_block_t block;

        tcn_block_clear(&block);
        weights = tcn_block_vector(&block, weights, input, layer->inputs);
        tcn_block_finish(&block);
        tcn_word_store(&layer->outputs, channel, block.sums[0], lanes, output + channel);
    }
}

#endif /* TCN_BLOCK_DENSE_H */
