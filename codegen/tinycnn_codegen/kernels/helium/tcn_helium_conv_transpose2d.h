#ifndef TCN_HELIUM_CONV_TRANSPOSE2D_H
#define TCN_HELIUM_CONV_TRANSPOSE2D_H

#include "tcn_helium_conv2d.h"

/* One of the convolutions that a transposed convolution is: the outputs of the rows `phase`, phase + stride, ... and of
 * every so many columns, which are made with the same taps. Inputs stand `stride` rows apart, with zeros between. */
typedef struct {
    int32_t stride; /* of rows */
    int32_t phase;
    int32_t first_row;     /* of the kernel, that stands on an input; every `stride` rows another does */
    int32_t first_column;  /* of the outputs, in bytes */
    int32_t scratch_bytes; /* behind which there is room for a row of zero points */
    tcn_helium_conv2d_t conv;
} tcn_helium_conv_transpose2d_t;

#define TCN_HELIUM_PHASE_ROWS 4 /* of the kernel at most */

/* Its part of output row `row`; rows[r] is the input under row r of the kernel, or 0 where zeros are. */
TCN_KERNEL static void tcn_helium_conv_transpose2d_row(const TCN_FLASH tcn_helium_conv_transpose2d_t *layer,
                                                       const int8_t *const *rows, int32_t row, int8_t *scratch,
                                                       int8_t *output)
{
    const int8_t *under[TCN_HELIUM_PHASE_ROWS];
    int8_t *const padding = scratch + layer->scratch_bytes;
    int32_t r;

    if (row % layer->stride != layer->phase) {
        return;
    }
    rows += layer->first_row;
    for (r = 0; r < layer->conv.kernel_height; r++) {
        under[r] = *rows;
        if (!under[r]) {
            under[r] = padding;
            tcn_helium_fill(padding, layer->conv.input_width * layer->conv.input_channels,
                            layer->conv.input_zero_point);
        }
        rows += layer->stride;
    }
    tcn_helium_conv2d_row(&layer->conv, under, scratch, output + layer->first_column);
}

#endif /* TCN_HELIUM_CONV_TRANSPOSE2D_H */
