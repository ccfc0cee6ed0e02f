#ifndef TCN_DSP_CONV2D_H
#define TCN_DSP_CONV2D_H

#include "tcn_kernel.h"
#include "tcn_store4.h"
#include "tcn_dsp_product1.h"
#include "tcn_dsp_product2.h"
#include "tcn_dsp_widen.h"

/* Convolution without groups or dilation: the inputs under two windows are gathered as int16 into scratch, then
 * multiplied by four output channels at a time (tcn_dsp_product.h); a window that is left by itself, or all of them one
 * by one where scratch is short. */
typedef struct {
    int32_t input_width;
    int32_t input_channels;
    int32_t output_width;
    int32_t output_channels;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t input_zero_point;
    int32_t row_bytes;       /* of a window in whole words; what fills them up has the weight 0 */
    int32_t more_bytes;      /* of each row behind them */
    int32_t is_wide;
    int32_t columns;         /* computed at once, 2 or 1 */
    const TCN_FLASH int32_t *weights; /* the input's zero point is folded into the bias */
    tcn_rescale_t rescale;            /* of channels without a multiplier */
} tcn_dsp_conv2d_t;

/* `count` bytes. */
static void tcn_dsp_copy(int8_t *to, const int8_t *from, int32_t count)
{
    for (; count >= 4; count -= 4) {
        tcn_store4(to, tcn_load4(from));
        to += 4;
        from += 4;
    }
    for (; count > 0; count--) {
        *to++ = *from++;
    }
}

/* Under a window behind the whole words of its rows, filled up to words themselves. */
static int32_t tcn_dsp_conv2d_more_bytes(const TCN_FLASH tcn_dsp_conv2d_t *layer)
{
    return (layer->kernel_height * layer->more_bytes + 3) / 4 * 4;
}

/* The bytes under the window that begins at `column` in the order of tcn_dsp_gather.h, so that they are whole words. Up
 * to three bytes behind them are written as well. */
TCN_RARE static void tcn_dsp_conv2d_copy(const TCN_FLASH tcn_dsp_conv2d_t *layer, int8_t *to,
                                         const int8_t *const *rows, int32_t column)
{
    const int32_t channels = layer->input_channels;
    const int32_t width = layer->kernel_width;
    const int32_t room = layer->input_width - column;
    const int32_t first = column >= 0 ? 0 : -column < width ? -column : width;
    const int32_t last = room >= width ? width : room > first ? room : first;
    const int32_t inside = (last - first) * channels;
    const uint32_t padding = ((uint32_t)layer->input_zero_point & 0xFFu) * UINT32_C(0x01010101);
    const int8_t *const *const end = rows + layer->kernel_height;
    int8_t *const more = to;
    uint32_t count = 0;
    int32_t i;

    to += tcn_dsp_conv2d_more_bytes(layer);
    for (; rows != end; rows++) {
        if (inside < width * channels) {
            for (i = 0; i < width * channels; i += 4) {
                tcn_store4(to + i, padding);
            }
        }
        if (inside > 0) {
            tcn_dsp_copy(to + first * channels, *rows + (column + first) * channels, inside);
        }
        to += layer->row_bytes;
        for (i = 0; i < layer->more_bytes; i++) {
            more[(count & ~UINT32_C(3)) + (count & 1) * 2 + (count >> 1 & 1)] = to[i];
            count++;
        }
    }
}

/* How many pairs of windows from `column` on, out of `count` windows, lie inside the input with all that is read. */
static int32_t tcn_dsp_conv2d_inside(const TCN_FLASH tcn_dsp_conv2d_t *layer, int32_t column, int32_t count)
{
    const int32_t room = (layer->input_width - column) * layer->input_channels - layer->row_bytes - layer->more_bytes;
    const int32_t windows = room < 0 || column < 0 ? 0 : room / (layer->stride * layer->input_channels) + 1;

    return (windows < count ? windows : count) / 2;
}

/* One row of the output, or several that follow each other where no window leaves its column; rows[r] is the input
 * under row r of the kernel, or a row of zero points. `scratch` has room for as many columns of int16 as are computed
 * at once, and of bytes where they are copied. */
TCN_KERNEL static void tcn_dsp_conv2d_row(const TCN_FLASH tcn_dsp_conv2d_t *layer, const int8_t *const *rows,
                                          int8_t *scratch, int8_t *output)
{
    const int32_t more_bytes = tcn_dsp_conv2d_more_bytes(layer);
    const int32_t bytes = layer->kernel_height * layer->row_bytes + more_bytes;
    const int8_t *const copy = scratch + 2 * layer->columns * bytes;
    int32_t column = -layer->pad;
    int32_t left = layer->output_width;
    tcn_dsp_product_t product;

    product.columns = (uint32_t *)(void *)scratch;
    product.channels = layer->output_channels;
    product.pitch = layer->output_channels;
    product.first_weights = (const uint32_t *)layer->weights;
    product.pairs = bytes / 2;
    while (left > 0) {
        int32_t columns = left < 2 ? 1 : layer->columns;

        product.output = output;
        if (columns == 2) {
            product.left = tcn_dsp_conv2d_inside(layer, column, left);
            if (product.left > 0) {
                product.rows = rows;
                product.rows_end = rows + layer->kernel_height;
                product.offset = column * layer->input_channels;
                product.step = layer->stride * layer->input_channels;
                product.row_bytes = layer->row_bytes;
                product.more_bytes = layer->more_bytes;
                product.whole = product.columns + more_bytes;
            } else {
                tcn_dsp_conv2d_copy(layer, scratch + 4 * bytes, rows, column);
                tcn_dsp_conv2d_copy(layer, scratch + 5 * bytes, rows, column + layer->stride);
                product.left = 1;
                product.rows = &copy;
                product.rows_end = &copy + 1;
                product.offset = 0;
                product.step = bytes;
                product.row_bytes = bytes;
                product.more_bytes = 0;
                product.whole = product.columns;
            }
            columns = 2 * product.left;
            tcn_dsp_channels2(&product, &layer->rescale, layer->is_wide);
        } else {
            tcn_dsp_conv2d_copy(layer, scratch + 2 * bytes, rows, column);
            tcn_dsp_widen(product.columns, scratch + 2 * bytes, bytes);
            tcn_dsp_channels1(&product, &layer->rescale, layer->is_wide);
        }
        output += columns * layer->output_channels;
        column += columns * layer->stride;
        left -= columns;
    }
}

#endif /* TCN_DSP_CONV2D_H */
