#ifndef TCN_DSP_DENSE_H
#define TCN_DSP_DENSE_H

#include "tcn_dsp_product1.h"
#include "tcn_dsp_widen.h"
#include "tcn_kernel.h"

/* Dense layer: the input is widened to int16 in scratch once, then multiplied by four channels at a time
 * (tcn_dsp_product.h). */
typedef struct {
    int32_t inputs;
    int32_t outputs;
    int32_t pairs;           /* of inputs, filled up to an even number */
    int32_t is_wide;
    const TCN_FLASH int32_t *weights; /* the input's zero point is folded into the bias */
    tcn_rescale_t rescale;            /* of channels without a multiplier */
} tcn_dsp_dense_t;

TCN_KERNEL static void tcn_dsp_dense_row(const TCN_FLASH tcn_dsp_dense_t *layer, const int8_t *input, int8_t *scratch,
                                         int8_t *output)
{
    tcn_dsp_product_t product;

    product.columns = (uint32_t *)(void *)scratch;
    product.output = output;
    product.channels = layer->outputs;
    product.pitch = layer->outputs;
    product.first_weights = (const uint32_t *)layer->weights;
    product.pairs = layer->pairs;
    tcn_dsp_widen(product.columns, input, layer->inputs);
    tcn_dsp_channels1(&product, &layer->rescale, layer->is_wide);
}

#endif /* TCN_DSP_DENSE_H */
