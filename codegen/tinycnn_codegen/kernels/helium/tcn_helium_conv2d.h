#ifndef TCN_HELIUM_CONV2D_H
#define TCN_HELIUM_CONV2D_H

#include "tcn_helium_conv2d_copy.h"
#include "tcn_helium_product.h"

#define TCN_HELIUM_PIECES 14 /* of a window at most */

/* Where the pieces of two windows begin, one `distance` bytes behind the other; the first lies `offset` bytes from the
 * beginning of each row, or was `copied`. */
TCN_KERNEL static void tcn_helium_conv2d_pieces(const TCN_FLASH tcn_helium_conv2d_t *layer, const int8_t **piece,
                                    const int8_t *const *rows, int32_t offset, const int8_t *copied,
                                    int32_t distance)
{
    const int32_t kernel_rows = layer->is_gathered ? 1 : layer->kernel_height;
    const int32_t row_bytes = layer->runs * layer->run_bytes;
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
}

static void tcn_helium_conv2d_multiply(const TCN_FLASH tcn_helium_conv2d_t *layer, tcn_helium_product_t *product)
{
    if (layer->is_float) {
        tcn_helium_pairs_float(product);
    } else if (layer->is_gathered ? layer->pieces > 1 : layer->kernel_height * layer->pieces > 1) {
        tcn_helium_pairs(product);
    } else {
        tcn_helium_whole_pairs(product);
    }
}

/* The same into `padded`, where channels are filled up to fours; from there `columns` go to the outputs. */
TCN_KERNEL static void tcn_helium_conv2d_fill_up(const TCN_FLASH tcn_helium_conv2d_t *layer,
                                                 tcn_helium_product_t *product, int8_t *padded, int32_t columns)
{
    const int32_t channels = layer->output_channels;
    const int32_t step = product->pitch;
    int8_t *const output = product->output;
    int32_t c;

    product->output = padded;
    product->pitch = step ? layer->padded_channels : 0;
    tcn_helium_conv2d_multiply(layer, product);
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
    int32_t column = -layer->pad;
    int32_t left = layer->output_width;
    int8_t *waiting = 0;
    tcn_helium_product_t product;

    output += layer->first_output;
    product.pieces = pieces;
    product.weights = (const int32_t *)layer->weights;
    product.channels = layer->padded_channels;
    product.zero_point = layer->output_zero_point;
    product.vectors = layer->vectors;
    product.rest = layer->rest;
    while (left > 0 || waiting) {
        const int8_t *copied = scratch;
        int32_t distance = layer->window_bytes;
        int32_t columns = layer->is_gathered ? layer->copied_columns : tcn_helium_conv2d_inside(layer, column);
        int32_t passed;

        columns = columns < left ? columns : left;
        if (layer->padded_columns && columns > layer->padded_columns) {
            columns = layer->padded_columns;
        }
        columns -= columns > 1 ? columns % 2 : 0;
        passed = columns;
        product.output = output;
        product.pitch = layer->output_step;
        if (layer->is_gathered) {
            tcn_helium_conv2d_copy_windows(layer, scratch, rows, column, columns);
        } else if (columns > 1) {
            copied = 0;
            distance = layer->stride * layer->input_channels;
        } else if (left == 0) {
            product.output = waiting;
            waiting = 0;
            columns = 1;
        } else if (waiting) {
            tcn_helium_conv2d_copy_window(layer, scratch + layer->window_bytes, rows, column);
            product.output = waiting;
            product.pitch = (int32_t)(output - waiting);
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
        product.pairs = (columns + 1) / 2;
        product.step = 2 * distance;
        if (columns == 1) {
            product.pitch = 0;
            distance = 0;
        }
        tcn_helium_conv2d_pieces(layer, pieces, rows, column * layer->input_channels + layer->first_input, copied,
                                 distance);
        if (layer->padded_columns) {
            tcn_helium_conv2d_fill_up(layer, &product, scratch + layer->copied_columns * layer->window_bytes, columns);
        } else {
            tcn_helium_conv2d_multiply(layer, &product);
        }
        output += passed * layer->output_step;
        column += passed * layer->stride;
        left -= passed;
    }
}

#endif /* TCN_HELIUM_CONV2D_H */
