#ifndef TCN_HELIUM_CONV2D_COPY_RUNS_H
#define TCN_HELIUM_CONV2D_COPY_RUNS_H

#include "tcn_helium_conv2d_layer.h"

/* For networks with a layer that has several runs in a kernel row; this takes the place of
 * tcn_helium_conv2d_copy.h. */

/* The bytes under the window that begins at `column`. */
TCN_KERNEL static void tcn_helium_conv2d_copy_window(const TCN_FLASH tcn_helium_conv2d_t *layer, int8_t *to,
                                                     const int8_t *const *rows, int32_t column)
{
    const int32_t channels = layer->input_channels;
    const int32_t height = layer->kernel_height;
    const int32_t bytes = layer->run_bytes;
    const int32_t row_bytes = layer->runs * bytes;
    int32_t run;
    int32_t r;

    tcn_helium_fill(to, height * row_bytes, layer->input_zero_point);
    for (run = 0; run < layer->runs; run++) {
        const int32_t first = column < 0 ? -column * channels : 0;
        const int32_t end = (layer->input_width - column) * channels;
        const int32_t inside = (end < bytes ? end : bytes) - first;
        const int32_t offset = column * channels + layer->first_input + first;
        int8_t *row = to + first;

        for (r = 0; r < height && inside > 0; r++) {
            tcn_helium_copy(row, rows[r] + offset, inside);
            row += row_bytes;
        }
        to += bytes;
        column += layer->dilation;
    }
}

/* The bytes under `count` windows inside the row, one behind the other. */
static void tcn_helium_conv2d_copy_inside(const TCN_FLASH tcn_helium_conv2d_t *layer, int8_t *to,
                                          const int8_t *const *rows, int32_t column, int32_t count)
{
    const int32_t channels = layer->input_channels;
    const int32_t height = layer->kernel_height;
    const int32_t bytes = layer->run_bytes;
    const int32_t row_bytes = layer->runs * bytes;
    const int32_t window_bytes = layer->window_bytes;
    const int32_t step = layer->stride * channels;
    int32_t offset = column * channels + layer->first_input;
    int32_t run;
    int32_t i;
    int32_t r;

    for (run = 0; run < layer->runs; run++) {
        for (i = 0; i < bytes; i += 16) {
            int8_t *row = to + i;

            for (r = 0; r < height; r++) {
                tcn_helium_copy_each(row, window_bytes, rows[r] + offset + i, step, bytes - i, count);
                row += row_bytes;
            }
        }
        to += bytes;
        offset += layer->dilation * channels;
    }
}

/* The bytes under `columns` windows, one behind the other. */
TCN_KERNEL static void tcn_helium_conv2d_copy_windows(const TCN_FLASH tcn_helium_conv2d_t *layer, int8_t *to,
                                                      const int8_t *const *rows, int32_t column, int32_t columns)
{
    while (columns > 0) {
        const int32_t inside = tcn_helium_conv2d_inside(layer, column);
        int32_t copied = inside < columns ? inside : columns;

        if (copied > 0) {
            tcn_helium_conv2d_copy_inside(layer, to, rows, column, copied);
        } else {
            tcn_helium_conv2d_copy_window(layer, to, rows, column);
            copied = 1;
        }
        to += copied * layer->window_bytes;
        column += copied * layer->stride;
        columns -= copied;
    }
}

#endif /* TCN_HELIUM_CONV2D_COPY_RUNS_H */
