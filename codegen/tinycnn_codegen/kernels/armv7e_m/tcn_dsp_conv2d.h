#ifndef TCN_DSP_CONV2D_H
#define TCN_DSP_CONV2D_H

#include "tcn_kernel.h"
#include "tcn_dsp_gather.h"
#include "tcn_dsp_product1.h"
#include "tcn_dsp_product4.h"
#include "tcn_dsp_widen.h"

/* Convolution without groups or dilation: the inputs under four windows are gathered as int16 into scratch, then
 * multiplied by two output channels at a time (tcn_dsp_product.h); one to three windows that are left one by one, or
 * all where scratch is short. */
typedef struct {
    int32_t input_width;
    int32_t input_channels;
    int32_t output_width;
    int32_t output_channels; /* even */
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t pairs;           /* of inputs under a window, filled up to an even number */
    int32_t is_wide;
    int32_t columns;         /* computed at once, 4 or 1 */
    const TCN_FLASH int32_t *weights; /* the input's zero point is folded into the bias */
    tcn_rescale_t rescale;            /* of channels without a multiplier */
} tcn_dsp_conv2d_t;

/* Four bytes. */
static inline void tcn_copy4(int8_t *to, const int8_t *from)
{
#if TCN_HAS_DSP
    __builtin_memcpy(to, from, 4);
#else
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
#endif
}

/* `count` bytes. Returns where the next one goes. */
static int8_t *tcn_dsp_copy(int8_t *to, const int8_t *from, int32_t count)
{
    for (; count >= 4; count -= 4) {
        tcn_copy4(to, from);
        to += 4;
        from += 4;
    }
    for (; count > 0; count--) {
        *to++ = *from++;
    }
    return to;
}

/* `count` times `value`. Returns where the next one goes. */
static int8_t *tcn_dsp_fill(int8_t *to, int32_t value, int32_t count)
{
    for (; count > 0; count--) {
        *to++ = (int8_t)value;
    }
    return to;
}

/* The bytes under the window that begins at `column`, then zeros up to `bytes` of them. */
static void tcn_dsp_conv2d_copy_window(const TCN_FLASH tcn_dsp_conv2d_t *layer, int8_t *to, const int8_t *const *rows,
                                       int32_t column, int32_t bytes)
{
    const int32_t channels = layer->input_channels;
    const int32_t width = layer->kernel_width;
    const int32_t room = layer->input_width - column;
    const int32_t first = column >= 0 ? 0 : -column < width ? -column : width;
    const int32_t last = room >= width ? width : room > first ? room : first;
    int8_t *const end = to + bytes;
    int32_t r;

    for (r = 0; r < layer->kernel_height; r++) {
        to = tcn_dsp_fill(to, layer->input_zero_point, first * channels);
        if (first < last) {
            to = tcn_dsp_copy(to, rows[r] + (column + first) * channels, (last - first) * channels);
        }
        to = tcn_dsp_fill(to, layer->input_zero_point, (width - last) * channels);
    }
    tcn_dsp_fill(to, 0, (int32_t)(end - to));
}

/* `words` words from each of four places that are `step` apart to four that are `pitch` apart: 10 instructions for 16
 * bytes, with loads in a row because neighbours overlap. */
#if TCN_HAS_DSP
TCN_ASSEMBLY(36)
static void tcn_dsp_copy_words(TCN_UNUSED int8_t *to, TCN_UNUSED const int8_t *from, TCN_UNUSED int32_t step,
                               TCN_UNUSED int32_t pitch, TCN_UNUSED int32_t words)
{
    __asm__("push {r4-r11, lr}\n\t"
            "add r4, r1, r2\n\t"
            "add r5, r4, r2\n\t"
            "add r6, r5, r2\n\t"
            "add r7, r0, r3\n\t"
            "add r8, r7, r3\n\t"
            "add r9, r8, r3\n\t"
            "ldr lr, [sp, #36]\n"
            "1:\n\t"
            "ldr r2, [r1], #4\n\t"
            "ldr r3, [r4], #4\n\t"
            "ldr r10, [r5], #4\n\t"
            "ldr r11, [r6], #4\n\t"
            "str r2, [r0], #4\n\t"
            "str r3, [r7], #4\n\t"
            "str r10, [r8], #4\n\t"
            "str r11, [r9], #4\n\t"
            "subs lr, #1\n\t"
            "bne 1b\n\t"
            "pop {r4-r11, pc}");
}
#else
static void tcn_dsp_copy_words(int8_t *to, const int8_t *from, int32_t step, int32_t pitch, int32_t words)
{
    int i;

    for (i = 0; i < 4; i++) {
        tcn_dsp_copy(to + i * pitch, from + i * step, 4 * words);
    }
}
#endif

/* The bytes under four windows that lie inside the input, a word at a time: up to three bytes behind each kernel row
 * are read as well, and written over by the next. */
static void tcn_dsp_conv2d_copy_inside(const TCN_FLASH tcn_dsp_conv2d_t *layer, int8_t *to, const int8_t *const *rows,
                                       int32_t column, int32_t pitch)
{
    const int32_t row_bytes = layer->kernel_width * layer->input_channels;
    const int32_t step = layer->stride * layer->input_channels;
    int32_t r;

    for (r = 0; r < layer->kernel_height; r++) {
        tcn_dsp_copy_words(to, rows[r] + column * layer->input_channels, step, pitch, (row_bytes + 3) / 4);
        to += row_bytes;
    }
}

/* The inputs under four windows, the first of which begins at `column`. Where kernel rows are whole words of the input
 * they need not be copied first. */
static void tcn_dsp_conv2d_gather(const TCN_FLASH tcn_dsp_conv2d_t *layer, const int8_t *const *rows, int32_t column,
                                  uint32_t *gathered)
{
    const int32_t channels = layer->input_channels;
    const int32_t row_bytes = layer->kernel_width * channels;
    const int32_t bytes = 2 * layer->pairs;
    const int32_t step = layer->stride * channels;
    const int32_t behind = (layer->input_width - column - 3 * layer->stride - layer->kernel_width) * channels;
    int8_t *copy = (int8_t *)(gathered + 4 * layer->pairs);
    const int8_t *from[4];
    int32_t i;

    if (row_bytes % 4 == 0 && column >= 0 && behind >= 0) {
        for (i = 0; i < layer->kernel_height; i++) {
            from[0] = rows[i] + column * channels;
            from[1] = from[0] + step;
            from[2] = from[1] + step;
            from[3] = from[2] + step;
            gathered = tcn_dsp_gather(gathered, from, row_bytes);
        }
        return;
    }
    for (i = 0; i < 4; i++) {
        from[i] = copy + i * (bytes + 4);
    }
    if (column >= 0 && behind >= 3) {
        tcn_dsp_conv2d_copy_inside(layer, copy, rows, column, bytes + 4);
    } else {
        for (i = 0; i < 4; i++) {
            tcn_dsp_conv2d_copy_window(layer, copy, rows, column, bytes);
            copy += bytes + 4;
            column += layer->stride;
        }
    }
    tcn_dsp_gather(gathered, from, bytes);
}

/* One row of the output, or several that follow each other where no window leaves its column; rows[r] is the input
 * under row r of the kernel, or a row of zero points. `scratch` has room for as many columns of int16 as are computed
 * at once, and of bytes where they are copied. */
TCN_KERNEL static void tcn_dsp_conv2d_row(const TCN_FLASH tcn_dsp_conv2d_t *layer, const int8_t *const *rows,
                                          int8_t *scratch, int8_t *output)
{
    uint32_t *const gathered = (uint32_t *)(void *)scratch;
    int8_t *const copy = scratch + 4 * layer->pairs;
    const int32_t channels = layer->output_channels;
    int32_t column = -layer->pad;
    int32_t left = layer->output_width;
    tcn_dsp_product_t product;

    product.zero_point = layer->output_zero_point;
    product.columns = gathered;
    product.pitch = channels;
    product.pitch3 = 3 * channels;
    product.pairs = layer->pairs;
    while (left > 0) {
        const int32_t columns = left < 4 ? 1 : layer->columns;

        product.output = output;
        product.end = output + channels;
        product.weights = (const uint32_t *)layer->weights;
        if (columns == 4) {
            tcn_dsp_conv2d_gather(layer, rows, column, gathered);
            tcn_dsp_channels4(&product, &layer->rescale, layer->is_wide);
        } else {
            tcn_dsp_conv2d_copy_window(layer, copy, rows, column, 2 * layer->pairs);
            tcn_dsp_widen(gathered, copy, 2 * layer->pairs);
            tcn_dsp_channels1(&product, &layer->rescale, layer->is_wide);
        }
        output += columns * channels;
        column += columns * layer->stride;
        left -= columns;
    }
}

#endif /* TCN_DSP_CONV2D_H */
