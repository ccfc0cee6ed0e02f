#ifndef TCN_HELIUM_CONV2D_H
#define TCN_HELIUM_CONV2D_H

#include "tcn_kernel.h"
#include "tcn_flash.h"
#include "tcn_helium_copy.h"
#include "tcn_helium_product.h"

/* Convolution without groups or dilation, two columns at a time. Kernel rows are read where they are in the input, or,
 * where that would leave much of the vectors empty (is_gathered) and at the edges, from a copy of the window. Channels
 * that are not in fours are filled up to fours in scratch, from where those that there are go to the output. */
typedef struct {
    int32_t input_width;
    int32_t input_channels;
    int32_t output_width;
    int32_t output_channels;
    int32_t padded_channels; /* the next multiple of 4 */
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t is_gathered;
    int32_t window_bytes;    /* filled up to whole vectors */
    int32_t copied_columns;  /* as many windows as fit the scratch, an even number */
    int32_t padded_columns;  /* the same of filled up outputs, 0 where there are none */
    int32_t pieces;          /* of a kernel row, or of the gathered window */
    int32_t vectors;         /* of a piece */
    int32_t rest;
    int32_t is_float;        /* tcn_helium_rescale.h */
    const TCN_FLASH int32_t *weights; /* tcn_helium_product_t; the input's zero point is folded into the bias */
} tcn_helium_conv2d_t;

#define TCN_HELIUM_PIECES 16 /* of a window at most */

/* The bytes under the window that begins at `column`. */
static void tcn_helium_conv2d_copy_window(const TCN_FLASH tcn_helium_conv2d_t *layer, int8_t *to,
                                          const int8_t *const *rows, int32_t column)
{
    const int32_t channels = layer->input_channels;
    const int32_t width = layer->kernel_width;
    const int32_t before = column >= 0 ? 0 : -column < width ? -column : width;
    const int32_t room = layer->input_width - column;
    const int32_t behind = room >= width ? 0 : room > 0 ? width - room : width;
    const int32_t inside = before + behind < width ? width - before - behind : 0;
    const int32_t bytes = width * channels;
    int32_t r;

    for (r = 0; r < layer->kernel_height; r++) {
        tcn_helium_fill(to, before * channels, layer->input_zero_point);
        tcn_helium_copy(to + before * channels, rows[r] + (column + before) * channels, inside * channels);
        tcn_helium_fill(to + (width - behind) * channels, behind * channels, layer->input_zero_point);
        to += bytes;
    }
}

/* How many windows from `column` on lie inside the row. */
static int32_t tcn_helium_conv2d_inside(const TCN_FLASH tcn_helium_conv2d_t *layer, int32_t column)
{
    const int32_t room = layer->input_width - layer->kernel_width - column;

    return column < 0 || room < 0 ? 0 : room / layer->stride + 1;
}

/* The bytes under `columns` windows, one behind the other. */
TCN_KERNEL static void tcn_helium_conv2d_copy_windows(const TCN_FLASH tcn_helium_conv2d_t *layer, int8_t *to,
                                                      const int8_t *const *rows, int32_t column, int32_t columns)
{
    const int32_t row_bytes = layer->kernel_width * layer->input_channels;

    while (columns > 0) {
        const int32_t inside = tcn_helium_conv2d_inside(layer, column);
        int32_t copied = inside < columns ? inside : columns;
        int32_t r;

        if (copied == 0 || row_bytes > 16) {
            tcn_helium_conv2d_copy_window(layer, to, rows, column);
            copied = 1;
        } else {
            for (r = 0; r < layer->kernel_height; r++) {
                tcn_helium_copy_each(to + r * row_bytes, layer->window_bytes,
                                     rows[r] + column * layer->input_channels, layer->stride * layer->input_channels,
                                     row_bytes, copied);
            }
        }
        to += copied * layer->window_bytes;
        column += copied * layer->stride;
        columns -= copied;
    }
}

/* Where the pieces of one window begin, in every other of `piece`; the window was `copied`, or else lies at `column` of
 * the input. Returns behind the last. */
TCN_KERNEL static const int8_t **tcn_helium_conv2d_pieces(const TCN_FLASH tcn_helium_conv2d_t *layer,
                                                          const int8_t **piece, const int8_t *const *rows,
                                                          int32_t column, const int8_t *copied)
{
    const int32_t kernel_rows = layer->is_gathered ? 1 : layer->kernel_height;
    int32_t r;
    int32_t i;

    for (r = 0; r < kernel_rows; r++) {
        const int8_t *from = rows[r] + column * layer->input_channels;

        if (copied) {
            from = copied;
            copied += layer->kernel_width * layer->input_channels;
        }
        for (i = 0; i < layer->pieces; i++) {
            *piece = from;
            piece += 2;
            from += 16 * layer->vectors;
        }
    }
    return piece;
}

/* The outputs of `columns` from between those that fill the channels up. */
static void tcn_helium_conv2d_unpad(const TCN_FLASH tcn_helium_conv2d_t *layer, int8_t *output, const int8_t *padded,
                                    int32_t columns)
{
    const int32_t channels = layer->output_channels;
    int32_t c;

    for (c = 0; c < channels; c += 16) {
        tcn_helium_copy_each(output + c, channels, padded + c, layer->padded_channels,
                             channels - c < 16 ? channels - c : 16, columns);
    }
}

/* One row of the output, or several that follow each other where no window leaves its column; rows[r] is the input
 * under row r of the kernel, or a row of zero points. `scratch` has room for `copied_columns` windows, and behind them
 * for `padded_columns` outputs. */
TCN_KERNEL static void tcn_helium_conv2d_row(const TCN_FLASH tcn_helium_conv2d_t *layer, const int8_t *const *rows,
                                             int8_t *scratch, int8_t *output)
{
    const int8_t *pieces[2 * TCN_HELIUM_PIECES + 2];
    const int32_t step = layer->stride * layer->input_channels;
    const int32_t window_bytes = layer->window_bytes;
    const int32_t channels = layer->padded_channels;
    int8_t *const padded = layer->padded_columns ? scratch + layer->copied_columns * layer->window_bytes : 0;
    const int32_t most_inside = padded ? layer->padded_columns : layer->output_width;
    int32_t column = -layer->pad;
    int32_t left = layer->output_width;
    tcn_helium_product_t product;

    product.pieces = pieces;
    product.weights = (const int32_t *)layer->weights;
    product.channels = channels;
    product.zero_point = layer->output_zero_point;
    product.vectors = layer->vectors;
    product.rest = layer->rest;
    while (left > 0) {
        const int32_t found = layer->is_gathered ? 0 : tcn_helium_conv2d_inside(layer, column);
        const int32_t inside = found < left ? found : left;
        const int32_t room = inside > 1 ? most_inside : layer->copied_columns;
        const int32_t there = inside > 1 ? inside : left;
        const int32_t some = there < room ? there : room;
        const int32_t columns = some > 1 ? some - some % 2 : 1;
        const int32_t is_direct = inside > 0;
        const int32_t is_next_direct =
            inside > 1 || (!layer->is_gathered && tcn_helium_conv2d_inside(layer, column + layer->stride) > 0);
        const int8_t **piece;

        if (layer->is_gathered) {
            tcn_helium_conv2d_copy_windows(layer, scratch, rows, column, columns);
        } else {
            if (!is_direct) {
                tcn_helium_conv2d_copy_window(layer, scratch, rows, column);
            }
            if (columns > 1 && !is_next_direct) {
                tcn_helium_conv2d_copy_window(layer, scratch + window_bytes, rows, column + layer->stride);
            }
        }
        piece = tcn_helium_conv2d_pieces(layer, pieces, rows, column, is_direct ? 0 : scratch);
        if (columns == 1) {
            tcn_helium_conv2d_pieces(layer, pieces + 1, rows, column, is_direct ? 0 : scratch);
        } else {
            tcn_helium_conv2d_pieces(layer, pieces + 1, rows, column + layer->stride,
                                     is_next_direct ? 0 : scratch + window_bytes);
        }
        piece[0] = 0;
        piece[1] = 0;
        product.columns[0] = pieces[0];
        product.columns[1] = pieces[1];
        product.step = 2 * (is_direct ? step : window_bytes);
        product.output = padded ? padded : output;
        product.pairs = columns == 1 ? 1 : columns / 2;
        product.pitch = columns == 1 ? 0 : channels;
        if (layer->is_float) {
            tcn_helium_pairs_float(&product);
        } else if (piece == pieces + 2) {
            tcn_helium_whole_pairs(&product);
        } else {
            tcn_helium_pairs(&product);
        }
        if (padded) {
            tcn_helium_conv2d_unpad(layer, output, padded, columns);
        }
        output += columns * layer->output_channels;
        column += columns * layer->stride;
        left -= columns;
    }
}

#endif /* TCN_HELIUM_CONV2D_H */
