#ifndef TCN_WORD_DEPTHWISE_CHANNEL_H
#define TCN_WORD_DEPTHWISE_CHANNEL_H

#include "tcn_word.h"

/* Depthwise convolution, 3 x 3, channel after channel. */
typedef struct {
    int32_t channels;
    int32_t output_width;
    int32_t stride;   /* 1 or 2, along the row */
    int32_t pad;      /* 0 or 1 */
    int32_t overhang; /* 0, or 1 where the last output's right column is outside */
    const TCN_FLASH int8_t *weights;    /* [channels][3 columns][3 rows] */
    const TCN_FLASH int32_t *additions; /* [channels][2]: for a left and for a right column outside */
    tcn_word_outputs_t outputs;
} tcn_word_depthwise_t;

/* Three numbers under each other: of the kernel, or of the input. */
typedef struct {
    int32_t top;
    int32_t middle;
    int32_t bottom;
} tcn_column_t;

static inline tcn_column_t tcn_kernel_column(const TCN_FLASH int8_t *weights)
{
    tcn_column_t column;

    column.top = weights[0];
    column.middle = weights[1];
    column.bottom = weights[2];
    return column;
}

static inline tcn_column_t tcn_input_column(const int8_t *top, const int8_t *middle, const int8_t *bottom, int32_t at)
{
    tcn_column_t column;

    column.top = top[at];
    column.middle = middle[at];
    column.bottom = bottom[at];
    return column;
}

static inline int32_t tcn_column_product(tcn_column_t x, tcn_column_t w)
{
    return x.top * w.top + x.middle * w.middle + x.bottom * w.bottom;
}

/* A channel of one row of the output, output after output: where it is rescaled otherwise. */
static void tcn_word_depthwise_otherwise(const TCN_FLASH tcn_word_depthwise_t *layer, const int8_t *const *rows,
                                         int32_t channel, int8_t *output)
{
    const TCN_FLASH int32_t *const additions = layer->additions + 2 * channel;
    const int32_t multiplier = layer->outputs.constants[2 * channel + 1];
    const int32_t outputs = layer->output_width;
    int32_t x;

    for (x = 0; x < outputs; x++) {
        int32_t sum = layer->outputs.constants[2 * channel];
        int32_t tap;

        for (tap = 0; tap < 3; tap++) {
            const int32_t column = x * layer->stride - layer->pad + tap;

            if (column < 0) {
                sum += additions[0];
            } else if (tap == 2 && x + layer->overhang == outputs) {
                sum += additions[1];
            } else {
                const int32_t at = column * layer->channels + channel;
                const tcn_column_t inputs = tcn_input_column(rows[0], rows[1], rows[2], at);

                sum += tcn_column_product(inputs, tcn_kernel_column(layer->weights + 9 * channel + 3 * tap));
            }
        }
        sum = tcn_word_rescale(&layer->outputs, channel, multiplier, layer->outputs.rounding, sum);
        output[x * layer->channels + channel] = (int8_t)sum;
    }
}

#endif /* TCN_WORD_DEPTHWISE_CHANNEL_H */
