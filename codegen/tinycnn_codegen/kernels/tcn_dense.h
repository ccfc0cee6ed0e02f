#ifndef TCN_DENSE_H
#define TCN_DENSE_H

#include "tcn_dot.h"
#include "tcn_lanes.h"

/* output[o] = rescale(bias[o] + sum over i of input[i] * weights[o][i]) for `outputs` output channels from
 * `first_output` on; a layer with more weights than one array may hold is several of these. */
typedef struct {
    int32_t inputs;
    int32_t first_output;
    int32_t outputs;
    const TCN_FLASH int8_t *weights; /* [outputs / 4][inputs][4], then [outputs % 4][inputs] */
    const TCN_FLASH int32_t *bias;   /* [outputs], the input's zero point folded in */
    tcn_rescale_t rescale;           /* one entry per output */
} tcn_dense_t;

static void tcn_dense_row(const TCN_FLASH tcn_dense_t *layer, const int8_t *input, int8_t *output)
{
    const TCN_FLASH int8_t *weights = layer->weights;
    const int32_t inputs = layer->inputs;
    const int32_t outputs = layer->outputs;
    int32_t channel;
    int32_t lanes;

    output += layer->first_output;
    for (channel = 0; channel < outputs; channel += lanes) {
        int32_t sums[4];

        lanes = tcn_lanes(outputs - channel);
        tcn_load(sums, layer->bias + channel, lanes);
        tcn_dot(input, weights, inputs, lanes, sums);
        tcn_store(output + channel, sums, lanes, &layer->rescale, channel);
        weights += inputs * lanes;
    }
}

#endif /* TCN_DENSE_H */
