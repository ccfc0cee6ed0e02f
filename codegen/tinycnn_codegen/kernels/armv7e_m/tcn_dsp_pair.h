#ifndef TCN_DSP_PAIR_H
#define TCN_DSP_PAIR_H

#include "tcn_dsp_planar_fill.h"
#include "tcn_dsp_planar_outputs.h"
#include "tcn_dsp_product1.h"
#include "tcn_dsp_product2.h"
#include "tcn_dsp_widen.h"

typedef struct {
    int32_t width;
    int32_t input_channels;  /* a multiple of 4 */
    int32_t output_channels; /* a multiple of 4 */
    int32_t is_wide;
    const TCN_FLASH int32_t *weights; /* the input's zero point is folded into the bias */
    tcn_rescale_t rescale;            /* of channels without a multiplier */
} tcn_dsp_pointwise_t;

/* A 1 x 1 convolution and the depthwise 3 x 3 behind it. The products are written as int16 where the second layer wants
 * them (tcn_dsp_planar_outputs.h), 128 more than they are, which is folded into its bias. So the rows between are
 * neither stored as bytes nor brought into another order. */
typedef struct {
    tcn_dsp_pointwise_t pointwise;
    tcn_dsp_planar_t depthwise;
} tcn_dsp_pair_t;

/* One row between the layers from one of the input. */
TCN_KERNEL static void tcn_dsp_pair_make(const TCN_FLASH tcn_dsp_pointwise_t *layer, const int8_t *row,
                                         uint32_t *columns, int16_t *to, int32_t row_width)
{
    const int32_t channels = layer->input_channels;
    tcn_dsp_product_t product;

    product.columns = columns;
    product.output = (int8_t *)(void *)to;
    product.pitch = -2 * row_width;
    product.first_weights = (const uint32_t *)layer->weights;
    product.pairs = channels / 2;
    product.left = layer->width / 2;
    product.rows = &row;
    product.rows_end = &row + 1;
    product.offset = 0;
    product.step = channels;
    product.row_bytes = channels;
    product.more_bytes = 0;
    product.whole = columns;
    product.channels = layer->output_channels;
    tcn_dsp_channels2(&product, &layer->rescale, layer->is_wide);
    if (layer->width % 2 != 0) {
        product.output = (int8_t *)(void *)(to + layer->width - 1);
        tcn_dsp_widen(columns, row + (layer->width - 1) * channels, channels);
        tcn_dsp_channels1(&product, &layer->rescale, layer->is_wide);
    }
}

/* Row number `row` of the output; input[r] is the input under row r of the second kernel, where there is one. `scratch`
 * has three rows between the layers, which are kept from row to row, and room for two columns of the product. */
TCN_KERNEL static void tcn_dsp_pair_row(const TCN_FLASH tcn_dsp_pair_t *layer, const int8_t *const *input, int32_t row,
                                        int8_t *scratch, int8_t *output)
{
    const TCN_FLASH tcn_dsp_planar_t *const depthwise = &layer->depthwise;
    const int32_t kept_row = depthwise->channels * depthwise->row_width;
    int16_t *const kept = (int16_t *)(void *)scratch;
    uint32_t *const columns = (uint32_t *)(void *)(kept + 3 * kept_row);
    const int32_t first = row * depthwise->row_stride;
    int32_t slot = first % 3;
    const int16_t *rows[3];
    int32_t r;

    if (row == 0) {
        tcn_dsp_planar_fill(kept, depthwise->input_zero_point, 3 * kept_row);
    }
    for (r = 0; r < 3; r++) {
        int16_t *const to = kept + slot * kept_row;
        const int32_t at = first + r - depthwise->row_pad;

        rows[r] = to;
        slot = slot == 2 ? 0 : slot + 1;
        if (row > 0 && r < 3 - depthwise->row_stride) {
            continue;
        }
        if (at >= depthwise->input_height) {
            tcn_dsp_planar_fill(to, depthwise->input_zero_point, kept_row);
        } else if (at >= 0) {
            tcn_dsp_pair_make(&layer->pointwise, input[r], columns, to + depthwise->pad, depthwise->row_width);
        }
    }
    tcn_dsp_planar_outputs(depthwise, rows, output);
}

#ifdef TCN_TAP
/* Report the rows between the layers that were made for row `row` of the output, as bytes. */
static void tcn_dsp_pair_tap(const TCN_FLASH tcn_dsp_pair_t *layer, int tensor, int32_t row, const int8_t *scratch,
                             int8_t *bytes)
{
    const TCN_FLASH tcn_dsp_planar_t *const depthwise = &layer->depthwise;
    const int32_t channels = depthwise->channels;
    int32_t r;

    for (r = row == 0 ? 0 : 3 - depthwise->row_stride; r < 3; r++) {
        const int32_t place = row * depthwise->row_stride + r;
        const int16_t *kept = (const int16_t *)(const void *)scratch + place % 3 * channels * depthwise->row_width;
        int32_t channel;
        int32_t x;

        for (channel = 0; channel < channels; channel++) {
            for (x = 0; x < depthwise->input_width; x++) {
                bytes[x * channels + channel] = (int8_t)(kept[depthwise->pad + x] - 128);
            }
            kept += depthwise->row_width;
        }
        if (place >= depthwise->row_pad && place < depthwise->row_pad + depthwise->input_height) {
            TCN_TAP(tensor, place - depthwise->row_pad, bytes, depthwise->input_width * channels);
        }
    }
}
#endif

#endif /* TCN_DSP_PAIR_H */
