#ifndef TCN_BLOCK_CONV2D_H
#define TCN_BLOCK_CONV2D_H

#include "tcn_kernel.h"
#include "tcn_block_product.h"
#include "tcn_word_store2.h"

/* Convolution in blocks of TCN_BLOCK_CHANNELS channels and TCN_BLOCK_COLUMNS columns. The inputs under a column are
 * `runs` runs of `taps` that follow each other in memory. Where a column reaches over the edge, and everywhere if
 * `gathers`, they are brought together in scratch first. */
typedef struct {
    int32_t input_width;
    int32_t input_channels;
    int32_t output_width;
    int32_t output_channels;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t dilation;
    int32_t input_zero_point;
    int32_t gathers;
    int32_t runs;
    int32_t taps;
    /* by blocks of channels in the order of tcn_block_product, 0 for no channel */
    const TCN_FLASH tcn_weight_t *weights;
    tcn_word_outputs_t outputs;
} tcn_block_conv2d_t;

/* The inputs under the column at `column`, row after row of the kernel. */
TCN_RARE static void tcn_block_gather(const TCN_FLASH tcn_block_conv2d_t *layer, int8_t *scratch,
                             const int8_t *const *rows, int32_t column)
{
    const uint8_t zero_point = tcn_block_input((uint8_t)layer->input_zero_point);
    const int32_t channels = layer->input_channels;
    const int32_t last = column + (layer->kernel_width - 1) * layer->dilation;
    const int together = column >= 0 && last < layer->input_width && layer->dilation == 1;
    const int32_t taps = together ? 1 : layer->kernel_width;
    const int32_t inputs = together ? layer->kernel_width * channels : channels; /* that follow each other */
    uint8_t *to = (uint8_t *)scratch;
    int32_t row;
    int32_t tap;

    for (row = 0; row < layer->kernel_height; row++) {
        int32_t at = column;

        for (tap = 0; tap < taps; tap++) {
            const uint8_t *from = (const uint8_t *)rows[row] + at * channels;
            const uint8_t *const end = to + inputs * TCN_BLOCK_SPREAD;

            if (at >= 0 && at < layer->input_width) {
                if (inputs % 2 != 0) {
                    *to = tcn_block_input(*from++);
                    to += TCN_BLOCK_SPREAD;
                }
                for (; to != end; to += 2 * TCN_BLOCK_SPREAD) {
                    to[0] = tcn_block_input(from[0]);
                    to[TCN_BLOCK_SPREAD] = tcn_block_input(from[1]);
                    from += 2;
                }
            } else {
                for (; to != end; to += TCN_BLOCK_SPREAD) {
                    *to = zero_point;
                }
            }
            at += layer->dilation;
        }
    }
}

/* All channels of `columns` columns. runs[r] is run r of the first one, `step` bytes before the next one's. */
#if TCN_BLOCK_ASSEMBLY
static void tcn_block_columns(const TCN_FLASH tcn_block_conv2d_t *layer, const int8_t *const *runs, int32_t at,
                              int32_t run_bytes, int32_t step, int32_t columns, int8_t *output)
{
    const int32_t channels = layer->output_channels;
    const tcn_word_outputs_t *const outputs = &layer->outputs;
    const int32_t *weights = layer->weights;
    int32_t channel = outputs->rescale.multiplier == 0 ? channels - channels % TCN_BLOCK_CHANNELS : 0;
    tcn_columns_t block;

    block.runs = runs;
    block.at = at;
    block.run_bytes = run_bytes;
    block.step = step;
    block.constants = outputs->constants;
    block.output = output;
    block.channels = columns > 1 ? channels : 0; /* one column is computed and stored twice */
    block.rounding = outputs->rounding;
    if (channel != 0) {
        block.end = output + channel;
        weights = tcn_assembly_columns(&block, weights, columns);
    }
    block.end = 0;
    for (; channel < channels; channel += TCN_BLOCK_CHANNELS) {
        const int32_t rest = channels - channel;
        const int32_t lanes = rest < TCN_BLOCK_CHANNELS ? rest : TCN_BLOCK_CHANNELS;
        int8_t *const left = output + channel;
        int8_t *const right = left + (columns - 1) * channels;

        weights = tcn_assembly_columns(&block, weights, columns);
        tcn_word_store2(outputs, channel, lanes, block.sums[0], left, block.sums[columns - 1], right);
        if (columns == 3) {
            int8_t *const middle = left + channels;

            tcn_word_store2(outputs, channel, lanes, block.sums[1], middle, block.sums[1], middle);
        }
    }
}
#else
static void tcn_block_columns(const TCN_FLASH tcn_block_conv2d_t *layer, const int8_t *const *runs, int32_t at,
                              int32_t run_bytes, int32_t step, int32_t columns, int8_t *output)
{
    const int32_t channels = layer->output_channels;
    const TCN_FLASH tcn_weight_t *weights = layer->weights;
    int8_t *left = output;
    int8_t *right = output + (columns - 1) * channels; /* one column is computed and stored twice */
    int32_t channel;

    for (channel = 0; channel < channels; channel += TCN_BLOCK_CHANNELS) {
        const int32_t rest = channels - channel;
        const int32_t lanes = rest < TCN_BLOCK_CHANNELS ? rest : TCN_BLOCK_CHANNELS;
        tcn_block_t block;
        int32_t run;

        tcn_block_clear(&block);
        for (run = 0; run < layer->runs; run++) {
            const int8_t *const x = run_bytes != 0 ? runs[0] + run * run_bytes : runs[run] + at;

            weights = tcn_block_product(&block, weights, x, step, layer->taps);
        }
        tcn_block_finish(&block);
        tcn_word_store2(&layer->outputs, channel, lanes, block.sums[0], left, block.sums[columns - 1], right);
        left += lanes;
        right += lanes;
    }
}
#endif

/* One row of the output, or all of a pointwise layer; rows[r] is the input under row r of the kernel, or a row of zero
 * points. */
TCN_KERNEL static void tcn_block_conv2d_row(const TCN_FLASH tcn_block_conv2d_t *layer, const int8_t *const *rows,
                                            int8_t *scratch, int8_t *output)
{
    const int32_t stride = layer->stride;
    const int32_t reach = (layer->kernel_width - 1) * layer->dilation;
    int32_t column = -layer->pad;
    int32_t x;

    for (x = 0; x < layer->output_width;) {
        const int32_t rest = layer->output_width - x;
        const int32_t columns = rest == 4 ? 2 : rest < TCN_BLOCK_COLUMNS ? rest : TCN_BLOCK_COLUMNS;
        const int32_t last = column + (columns - 1) * stride + reach;

        if (layer->gathers || column < 0 || last >= layer->input_width) {
            const int8_t *const gathered = scratch;
            const int32_t step = TCN_BLOCK_SPREAD != 1 ? 1 : columns > 1 ? layer->runs * layer->taps : 0;
            int32_t i;

            for (i = 0; i < columns; i++) {
                tcn_block_gather(layer, scratch + i * step, rows, column + i * stride);
            }
            tcn_block_columns(layer, &gathered, 0, layer->taps, step, columns, output);
        } else {
            const int32_t step = columns > 1 ? stride * layer->input_channels : 0;

            tcn_block_columns(layer, rows, column * layer->input_channels, 0, step, columns, output);
        }
        output += columns * layer->output_channels;
        column += columns * stride;
        x += columns;
    }
}

#endif /* TCN_BLOCK_CONV2D_H */
