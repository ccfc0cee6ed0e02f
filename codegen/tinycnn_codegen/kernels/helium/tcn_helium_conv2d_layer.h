#ifndef TCN_HELIUM_CONV2D_LAYER_H
#define TCN_HELIUM_CONV2D_LAYER_H

#include "tcn_flash.h"
#include "tcn_helium_copy.h"
#include "tcn_kernel.h"

/* Convolution, of one group of channels, two columns at a time. Kernel rows are read where they are in the input, or,
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
    int32_t runs;            /* of bytes in a kernel row; several with dilation, or where a group has some channels */
    int32_t run_bytes;
    int32_t dilation;        /* columns from a run to the next */
    int32_t extent;          /* columns from the first of a window to behind the last */
    int32_t first_input;     /* of the group's channels */
    int32_t first_output;
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

/* How many windows from `column` on lie inside the row. */
static int32_t tcn_helium_conv2d_inside(const TCN_FLASH tcn_helium_conv2d_t *layer, int32_t column)
{
    const int32_t room = layer->input_width - layer->extent - column;

    return column < 0 || room < 0 ? 0 : room / layer->stride + 1;
}

#endif /* TCN_HELIUM_CONV2D_LAYER_H */
