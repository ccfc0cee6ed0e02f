#ifndef TCN_SHORT_DENSE_H
#define TCN_SHORT_DENSE_H

#include "tcn_block_vector.h"
#include "tcn_word_store.h"

/* Dense layer, four channels at a time. */
typedef struct {
    int32_t inputs;
    int32_t channels;
    const TCN_FLASH tcn_weight_t *weights; /* by fours in the order of tcn_short_vector, 0 for no channel */
    tcn_word_outputs_t outputs;
} tcn_short_dense_t;

static void tcn_short_dense_row(const TCN_FLASH tcn_short_dense_t *layer, const int8_t *input, int8_t *scratch,
                                int8_t *output)
{
    const int32_t inputs = layer->inputs;
    const int32_t channels = layer->channels;
    const TCN_FLASH tcn_weight_t *weights = layer->weights;
    int32_t channel;
    int32_t i;

    for (i = 0; i < inputs; i++) {
        ((uint8_t *)scratch)[i] = tcn_block_input((uint8_t)input[i]);
    }
    for (channel = 0; channel < channels; channel += 4) {
        const int32_t left = channels - channel;
        int32_t sums[4];

        weights = tcn_short_vector(sums, weights, scratch);
        tcn_word_store(&layer->outputs, channel, sums, left < 4 ? left : 4, output + channel);
    }
}

#endif /* TCN_SHORT_DENSE_H */
