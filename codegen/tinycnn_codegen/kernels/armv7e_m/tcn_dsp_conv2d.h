#ifndef TCN_DSP_CONV2D_H
#define TCN_DSP_CONV2D_H

#include "tcn_dsp_product.h"
#include "tcn_dsp_rescale.h"

/* Convolution without groups or dilation: the inputs under four windows are gathered as int16 into scratch, then
 * multiplied by two output channels at a time (tcn_dsp_product.h). */
typedef struct {
    int32_t input_width;
    int32_t input_channels;
    int32_t output_width;
    int32_t output_channels;             /* even */
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t pairs;                       /* of inputs under a window; each kernel row is filled up to fours */
    const TCN_FLASH int32_t *weights;    /* [output_channels / 2][pairs]: two int16, a + 256 b */
    const TCN_FLASH int32_t *bias;       /* [output_channels], the input's zero point folded in */
    const TCN_FLASH int32_t *high_multiplier; /* [output_channels]: 2^32 times the scale; 0: see `rescale` */
    tcn_rescale_t rescale;
} tcn_dsp_conv2d_t;

/* `count` bytes as pairs (0, 2), (1, 3) .. of int16 into every fourth word; the last one to three are filled up. */
static inline uint32_t *tcn_dsp_widen(uint32_t *to, const int8_t *from, int32_t count)
{
    uint32_t word;

    for (; count >= 8; count -= 8) {
        const uint32_t next = tcn_load4(from + 4);

        word = tcn_load4(from);
        to[0] = tcn_sxtb16(word);
        to[4] = tcn_sxtb16_odd(word);
        to[8] = tcn_sxtb16(next);
        to[12] = tcn_sxtb16_odd(next);
        from += 8;
        to += 16;
    }
    if (count >= 4) {
        word = tcn_load4(from);
        to[0] = tcn_sxtb16(word);
        to[4] = tcn_sxtb16_odd(word);
        from += 4;
        to += 8;
        count -= 4;
    }
    if (count > 0) {
        word = (uint8_t)from[0];
        word |= count > 1 ? (uint32_t)(uint8_t)from[1] << 8 : 0u;
        word |= count > 2 ? (uint32_t)(uint8_t)from[2] << 16 : 0u;
        to[0] = tcn_sxtb16(word);
        to[4] = tcn_sxtb16_odd(word);
        to += 8;
    }
    return to;
}

/* One kernel row at an edge: taps outside the input read its zero point. */
static uint32_t *tcn_dsp_widen_edge(const TCN_FLASH tcn_dsp_conv2d_t *layer, uint32_t *to, const int8_t *row,
                                    int32_t column)
{
    const int32_t count = layer->kernel_width * layer->input_channels;
    const int32_t begin = column * layer->input_channels;
    const int32_t end = layer->input_width * layer->input_channels;
    int32_t i;
    int32_t lane;

    for (i = 0; i < count; i += 4) {
        uint32_t word = 0;

        for (lane = 3; lane >= 0; lane--) {
            const int32_t at = begin + i + lane;
            const int32_t inside = at >= 0 && at < end && i + lane < count;

            word = word << 8 | (uint8_t)(inside ? row[at] : layer->input_zero_point);
        }
        to[0] = tcn_sxtb16(word);
        to[4] = tcn_sxtb16_odd(word);
        to += 8;
    }
    return to;
}

/* One to four gathered columns times all output channels. Sums of the columns that are not there land on the first
 * one, which is stored last. */
static void tcn_dsp_conv2d_block(const TCN_FLASH tcn_dsp_conv2d_t *layer, const uint32_t *gathered, int32_t columns,
                                 int8_t *output)
{
    const int32_t pitch = layer->output_channels;
    const int32_t offset1 = columns > 1 ? pitch : 0;
    const int32_t offset2 = columns > 2 ? 2 * pitch : 0;
    const int32_t offset3 = columns > 3 ? 3 * pitch : 0;
    const int8_t *const end = output + pitch;
    const int32_t zero_point = layer->output_zero_point;
    const int32_t pairs = layer->pairs;
    const uint32_t *weights = (const uint32_t *)layer->weights;
    const TCN_FLASH int32_t *bias = layer->bias;
    const TCN_FLASH int32_t *multiplier = layer->high_multiplier;
    int32_t channel = 0;

    do {
        const int32_t a = multiplier[0];
        const int32_t b = multiplier[1];
        const int32_t b_bias = bias[1];
        uint32_t sums[8];


        /* Written out, so that compilers keep the sums in registers. */
        sums[0] = sums[1] = sums[2] = sums[3] = (uint32_t)bias[0];
        sums[4] = sums[5] = sums[6] = sums[7] = (uint32_t)bias[0];
        weights = tcn_dsp_product(weights, gathered, pairs, sums);
#define TCN_DSP_STORE(offset, column)                                                                   \
    output[offset] = tcn_rescale_high(tcn_signed(sums[column]), a, zero_point);                         \
    output[(offset) + 1] =                                                                              \
        tcn_rescale_high((tcn_signed(sums[(column) + 4] - sums[column]) >> 8) + b_bias, b, zero_point)
        if (a != 0 && b != 0) {
            TCN_DSP_STORE(offset3, 3);
            TCN_DSP_STORE(offset2, 2);
            TCN_DSP_STORE(offset1, 1);
            TCN_DSP_STORE(0, 0);
        } else {
            const int32_t offsets[4] = {0, offset1, offset2, offset3};
            const uint32_t kept[8] = {sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7]};
            int32_t column;

            for (column = 3; column >= 0; column--) {
                int8_t *const to = output + offsets[column];

                to[0] = tcn_dsp_rescale(&layer->rescale, channel, a, zero_point, tcn_signed(kept[column]));
                to[1] = tcn_dsp_rescale(&layer->rescale, channel + 1, b, zero_point,
                                        (tcn_signed(kept[column + 4] - kept[column]) >> 8) + b_bias);
            }
        }
#undef TCN_DSP_STORE
        channel += 2;
        bias += 2;
        multiplier += 2;
        output += 2;
    } while (output != end);
}

/* One row of the output, or several that follow each other where no window leaves its column; rows[r] is the input
 * under row r of the kernel, or a row of zero points. */
static void tcn_dsp_conv2d_row(const TCN_FLASH tcn_dsp_conv2d_t *layer, const int8_t *const *rows, int8_t *scratch,
                               int8_t *output)
{
    uint32_t *const gathered = (uint32_t *)(void *)scratch;
    const int32_t height = layer->kernel_height;
    const int32_t bytes = layer->kernel_width * layer->input_channels;
    const int32_t last_inside = layer->input_width - layer->kernel_width;
    int32_t column = -layer->pad;
    int32_t x;

    for (x = 0; x < layer->output_width; x += 4) {
        const int32_t columns = layer->output_width - x < 4 ? layer->output_width - x : 4;
        int32_t i;
        int32_t r;

        for (i = 0; i < columns; i++) {
            uint32_t *to = gathered + i;

            for (r = 0; r < height; r++) {
                if (column >= 0 && column <= last_inside) {
                    to = tcn_dsp_widen(to, rows[r] + column * layer->input_channels, bytes);
                } else {
                    to = tcn_dsp_widen_edge(layer, to, rows[r], column);
                }
            }
            column += layer->stride;
        }
        tcn_dsp_conv2d_block(layer, gathered, columns, output);
        output += columns * layer->output_channels;
    }
}

#endif /* TCN_DSP_CONV2D_H */
