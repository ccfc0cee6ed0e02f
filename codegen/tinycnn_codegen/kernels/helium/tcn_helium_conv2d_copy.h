#ifndef TCN_HELIUM_CONV2D_COPY_H
#define TCN_HELIUM_CONV2D_COPY_H

#include "tcn_helium_conv2d_layer.h"

/* The bytes under the window that begins at `column`. */
TCN_KERNEL static void tcn_helium_conv2d_copy_window(const TCN_FLASH tcn_helium_conv2d_t *layer, int8_t *to,
                                                     const int8_t *const *rows, int32_t column)
{
    const int32_t channels = layer->input_channels;
    const int32_t height = layer->kernel_height;
    const int32_t bytes = layer->run_bytes;
    const int32_t first = column < 0 ? -column * channels : 0;
    const int32_t end = (layer->input_width - column) * channels;
    const int32_t inside = (end < bytes ? end : bytes) - first;
    const int32_t offset = column * channels + layer->first_input + first;
    int32_t r;

    tcn_helium_fill(to, height * bytes, layer->input_zero_point);
    to += first;
    for (r = 0; r < height && inside > 0; r++) {
        tcn_helium_copy(to, rows[r] + offset, inside);
        to += bytes;
    }
}

/* The bytes under `columns` windows, one behind the other. */
TCN_KERNEL static void tcn_helium_conv2d_copy_windows(const TCN_FLASH tcn_helium_conv2d_t *layer, int8_t *to,
                                                      const int8_t *const *rows, int32_t column, int32_t columns)
{
    const int32_t stride = layer->stride;
    const int32_t channels = layer->input_channels;
    const int32_t height = layer->kernel_height;
    const int32_t row_bytes = layer->run_bytes;
    const int32_t window_bytes = layer->window_bytes;
    int32_t i;
    int32_t r;

    while (columns > 0) {
        const int32_t inside = tcn_helium_conv2d_inside(layer, column);
        const int32_t copied = inside < columns ? inside : columns;

        for (i = 0; i < row_bytes && copied > 0; i += 16) {
            const int32_t offset = column * channels + layer->first_input + i;
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

#endif /* TCN_HELIUM_CONV2D_COPY_H */
