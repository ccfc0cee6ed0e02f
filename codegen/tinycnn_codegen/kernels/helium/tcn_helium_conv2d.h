#ifndef TCN_HELIUM_CONV2D_H
#define TCN_HELIUM_CONV2D_H

#include "tcn_kernel.h"
#include "tcn_flash.h"
#include "tcn_helium_copy.h"
#include "tcn_helium_product.h"

/* Convolution without groups or dilation, two columns at a time. Kernel rows are read where they are in the input, or,
 * where that would leave much of the vectors empty (is_gathered) and at the edges, from a copy of the window. Channels
 * that are not in fours are filled up to fours in scratch, from where those that are true go to the output. */
typedef struct {
    int32_t input_width;
    int32_t input_channels;
    int32_t output_width;
    int32_t output_channels;
    int32_t output_step;     /* bytes from a column's outputs to the next one's */
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
TCN_KERNEL static void tcn_helium_conv2d_copy_window(const TCN_FLASH tcn_helium_conv2d_t *layer, int8_t *to,
                                                     const int8_t *const *rows, int32_t column)
{
    const int32_t channels = layer->input_channels;
    const int32_t height = layer->kernel_height;
    const int32_t bytes = layer->kernel_width * channels;
    const int32_t first = column < 0 ? -column * channels : 0;
    const int32_t end = (layer->input_width - column) * channels;
    const int32_t inside = (end < bytes ? end : bytes) - first;
    const int32_t offset = column * channels + first;
    int32_t r;

    tcn_helium_fill(to, height * bytes, layer->input_zero_point);
    to += first;
    for (r = 0; r < height && inside > 0; r++) {
        tcn_helium_copy(to, rows[r] + offset, inside);
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
    const int32_t stride = layer->stride;
    const int32_t channels = layer->input_channels;
    const int32_t height = layer->kernel_height;
    const int32_t row_bytes = layer->kernel_width * channels;
    const int32_t window_bytes = layer->window_bytes;
    int32_t i;
    int32_t r;

    while (columns > 0) {
        const int32_t inside = tcn_helium_conv2d_inside(layer, column);
        const int32_t copied = inside < columns ? inside : columns;

        for (i = 0; i < row_bytes && copied > 0; i += 16) {
            const int32_t offset = column * channels + i;
            int8_t *row = to + i;

            for (r = 0; r < height; r++) {
                tcn_helium_copy_each(row, window_bytes, rows[r] + offset, stride * channels, row_bytes - i, copied);
                row += row_bytes;
            }
        }
        if (copied == 0) {
            tcn_helium_conv2d_copy_window(layer, to, rows, column);
        }
        to += (copied ? copied : 1) * window_bytes;
        column += (copied ? copied : 1) * stride;
        columns -= copied ? copied : 1;
    }
}

/* Where the pieces of two windows begin, one `distance` bytes behind the other; the first lies `offset` bytes from the
 * beginning of each row, or was `copied`. Whether there are several. */
TCN_KERNEL static int tcn_helium_conv2d_pieces(const TCN_FLASH tcn_helium_conv2d_t *layer, const int8_t **piece,
                                    const int8_t *const *rows, int32_t offset, const int8_t *copied,
                                    int32_t distance)
{
    const int32_t kernel_rows = layer->is_gathered ? 1 : layer->kernel_height;
    const int32_t row_bytes = layer->kernel_width * layer->input_channels;
    const int32_t piece_bytes = 16 * layer->vectors;
    const int32_t all_bytes = piece_bytes * layer->pieces;
    int32_t r;

    for (r = 0; r < kernel_rows; r++) {
        const int8_t *from = copied ? copied + r * row_bytes : rows[r] + offset;
        const int8_t *const end = from + all_bytes;

        for (; from != end; from += piece_bytes) {
            piece[0] = from;
            piece[1] = from + distance;
            piece += 2;
        }
    }
    piece[0] = 0;
    return kernel_rows * layer->pieces > 1;
}

/* The outputs of `columns`, `step` bytes from each to the next, from between those that fill the channels up. */
TCN_KERNEL static void tcn_helium_conv2d_unpad(const TCN_FLASH tcn_helium_conv2d_t *layer, int8_t *output, int32_t step,
                                               const int8_t *padded, int32_t columns)
{
    const int32_t channels = layer->output_channels;
    int32_t c;

    for (c = 0; c < channels; c += 16) {
        tcn_helium_copy_each(output + c, step, padded + c, layer->padded_channels, channels - c, columns);
    }
}

/* One row of the output, or several that follow each other where no window leaves its column; rows[r] is the input
 * under row r of the kernel, or a row of zero points. `scratch` has room for `copied_columns` windows, and behind them
 * for `padded_columns` outputs.
 *
 * Windows at the edges, and one within where their number is odd, wait for another to be a pair. */
TCN_KERNEL static void tcn_helium_conv2d_row(const TCN_FLASH tcn_helium_conv2d_t *layer, const int8_t *const *rows,
                                             int8_t *scratch, int8_t *output)
{
    const int8_t *pieces[2 * TCN_HELIUM_PIECES + 1];
    int8_t *const padded = layer->padded_columns ? scratch + layer->copied_columns * layer->window_bytes : 0;
    int32_t column = -layer->pad;
    int32_t left = layer->output_width;
    int8_t *waiting = 0;
    tcn_helium_product_t product;

    product.pieces = pieces;
    product.weights = (const int32_t *)layer->weights;
    product.channels = layer->padded_channels;
    product.zero_point = layer->output_zero_point;
    product.vectors = layer->vectors;
    product.rest = layer->rest;
    while (left > 0 || waiting) {
        const int8_t *copied = scratch;
        int8_t *to = output;
        int32_t distance = layer->window_bytes;
        int32_t step = layer->output_step;
        int32_t columns = layer->is_gathered ? layer->copied_columns : tcn_helium_conv2d_inside(layer, column);
        int32_t passed;
        int is_in_pieces;

        columns = columns < left ? columns : left;
        if (padded && columns > layer->padded_columns) {
            columns = layer->padded_columns;
        }
        columns -= columns > 1 ? columns % 2 : 0;
        passed = columns;
        if (layer->is_gathered) {
            tcn_helium_conv2d_copy_windows(layer, scratch, rows, column, columns);
        } else if (columns > 1) {
            copied = 0;
            distance = layer->stride * layer->input_channels;
        } else if (left == 0) {
            to = waiting;
            waiting = 0;
            columns = 1;
        } else if (waiting) {
            tcn_helium_conv2d_copy_window(layer, scratch + layer->window_bytes, rows, column);
            to = waiting;
            step = (int32_t)(output - waiting);
            waiting = 0;
            columns = 2;
            passed = 1;
        } else {
            tcn_helium_conv2d_copy_window(layer, scratch, rows, column);
            waiting = output;
            output += layer->output_step;
            column += layer->stride;
            left--;
            continue;
        }
        is_in_pieces = tcn_helium_conv2d_pieces(layer, pieces, rows, column * layer->input_channels, copied,
                                                columns > 1 ? distance : 0);
        product.step = 2 * distance;
        product.output = padded ? padded : to;
        product.pairs = (columns + 1) / 2;
        product.pitch = columns == 1 ? 0 : padded ? layer->padded_channels : step;
        if (layer->is_float) {
            tcn_helium_pairs_float(&product);
        } else if (is_in_pieces) {
            tcn_helium_pairs(&product);
        } else {
            tcn_helium_whole_pairs(&product);
        }
        if (padded) {
            tcn_helium_conv2d_unpad(layer, to, step, padded, columns);
        }
        output += passed * layer->output_step;
        column += passed * layer->stride;
        left -= passed;
    }
}

#endif /* TCN_HELIUM_CONV2D_H */
