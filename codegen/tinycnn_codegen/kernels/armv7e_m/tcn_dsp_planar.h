#ifndef TCN_DSP_PLANAR_H
#define TCN_DSP_PLANAR_H

#include "tcn_kernel.h"
#include "tcn_dsp.h"
#include "tcn_dsp_planar_fill.h"
#include "tcn_dsp_planar_outputs.h"

/* Depthwise convolution, 3 x 3: each row of the input is brought into planar order once, and stays in scratch for as
 * long as windows reach it. */
#if TCN_HAS_DSP
/* `groups` times four pixels, next to each other, of all channels: from[i] is pixel i of the first four, which the
 * others follow without a gap; channel c of that goes to to[c * pitch]. It takes 29 instructions and 31 cycles for 16
 * bytes (4 LDR, 4 PKH, 8 SXTB16, 8 STR, 5 for the pointer and half a loop); LDR stand in a row because neighbours
 * overlap.
 *
 * r0: to, r1 to r4: pixels, r5: pitch, r12: end of the channels; sp: to, channels. */
#define TCN_PLANAR_PIXELS                     \
    "ldr r6, [r1], #4\n\t"                    \
    "ldr r7, [r2], #4\n\t"                    \
    "ldr r8, [r3], #4\n\t"                    \
    "ldr r9, [r4], #4\n\t"                    \
    "pkhbt r10, r6, r7, lsl #16\n\t"          \
    "pkhtb r6, r7, r6, asr #16\n\t"           \
    "pkhbt r11, r8, r9, lsl #16\n\t"          \
    "pkhtb r8, r9, r8, asr #16\n\t"           \
    "sxtb16 r7, r10\n\t"                      \
    "sxtb16 r9, r11\n\t"                      \
    "str r7, [r0]\n\t"                        \
    "str r9, [r0, #4]\n\t"                    \
    "add r0, r5\n\t"                          \
    "sxtb16 r10, r10, ror #8\n\t"             \
    "sxtb16 r11, r11, ror #8\n\t"             \
    "str r10, [r0]\n\t"                       \
    "str r11, [r0, #4]\n\t"                   \
    "add r0, r5\n\t"                          \
    "sxtb16 r7, r6\n\t"                       \
    "sxtb16 r9, r8\n\t"                       \
    "str r7, [r0]\n\t"                        \
    "str r9, [r0, #4]\n\t"                    \
    "add r0, r5\n\t"                          \
    "sxtb16 r6, r6, ror #8\n\t"               \
    "sxtb16 r8, r8, ror #8\n\t"               \
    "str r6, [r0]\n\t"                        \
    "str r8, [r0, #4]\n\t"                    \
    "add r0, r5\n\t"
#if defined(__OPTIMIZE_SIZE__)
#define TCN_PLANAR_TURN "add r12, r1\n2:\n\t" TCN_PLANAR_PIXELS
#else
#define TCN_PLANAR_TURN                       \
    "tst r12, #4\n\tadd r12, r1\n\tbne 3f\n2:\n\t" TCN_PLANAR_PIXELS "3:\n\t" TCN_PLANAR_PIXELS
#endif
TCN_ASSEMBLY(44)
static void tcn_dsp_planar_pixels(TCN_UNUSED int16_t *to, TCN_UNUSED const int8_t *const *from,
                                  TCN_UNUSED int32_t channels, TCN_UNUSED int32_t pitch_bytes,
                                  TCN_UNUSED int32_t groups)
{
    __asm__("push {r0, r2, r4-r11, lr}\n\t"
            "mov r5, r3\n\t"
            "ldm r1, {r1, r2, r3, r4}\n\t"
            "ldr lr, [sp, #44]\n"
            "1:\n\t"
            "ldrd r0, r12, [sp]\n\t"
            TCN_PLANAR_TURN
            "cmp r1, r12\n\t"
            "bne 2b\n\t"
            "ldrd r0, r12, [sp]\n\t"
            "mov r1, r4\n\t"
            "add r0, #8\n\t"
            "str r0, [sp]\n\t"
            "add r2, r1, r12\n\t"
            "add r3, r2, r12\n\t"
            "add r4, r3, r12\n\t"
            "subs lr, #1\n\t"
            "bne 1b\n\t"
            "add sp, #8\n\t"
            "pop {r4-r11, pc}");
}
#else
static void tcn_dsp_planar_pixels(int16_t *to, const int8_t *const *from, int32_t channels, int32_t pitch_bytes,
                                  int32_t groups)
{
    const int8_t *pixels[4] = {from[0], from[1], from[2], from[3]};
    int32_t c;
    int pixel;

    for (; groups > 0; groups--) {
        for (c = 0; c < channels; c++) {
            for (pixel = 0; pixel < 4; pixel++) {
                to[c * (pitch_bytes / 2) + pixel] = pixels[pixel][c];
            }
        }
        pixels[0] = pixels[3] + channels;
        for (pixel = 1; pixel < 4; pixel++) {
            pixels[pixel] = pixels[pixel - 1] + channels;
        }
        to += 4;
    }
}
#endif

/* Bring a row of the input into planar order, `left` times four columns; `zeros` is a pixel of zero points. */
TCN_KERNEL static void tcn_dsp_planar_keep(const TCN_FLASH tcn_dsp_planar_t *layer, int16_t *to, const int8_t *row,
                                           const int8_t *zeros, int32_t left)
{
    const int32_t channels = layer->channels;
    int32_t column = -layer->pad;

    do {
        const int32_t room = layer->input_width - column;
        const int32_t end = room < 4 ? room : 4;
        int32_t pixel = column < 0 ? -column : 0;
        int32_t groups = 1;
        const int8_t *from[4];

        from[0] = from[1] = from[2] = from[3] = zeros;
        if (pixel < end) {
            const int8_t *at = row + (column + pixel) * channels;

            for (; pixel < end; pixel++) {
                from[pixel] = at;
                at += channels;
            }
            if (room >= 8) {
                groups = room / 4 < left ? room / 4 : left;
            }
        }
        tcn_dsp_planar_pixels(to, from, channels, 2 * layer->row_width, groups);
        to += 4 * groups;
        column += 4 * groups;
        left -= groups;
    } while (left > 0);
}

/* Row number `row` of the output; input[r] is the input under row r of the kernel, where there is one. `scratch` has
 * three rows, and a pixel of zero points, up to a multiple of 32 bytes; it is kept from row to row. */
TCN_KERNEL static void tcn_dsp_planar_row(const TCN_FLASH tcn_dsp_planar_t *layer, const int8_t *const *input,
                                          int32_t row, int8_t *scratch, int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t kept_row = channels * layer->row_width;
    const int32_t filled = (layer->pad + layer->input_width + 3) / 4;
    const int32_t fours = layer->row_width / 4;
    int16_t *const kept = (int16_t *)(void *)scratch;
    int16_t *const zeros = kept + 3 * kept_row;
    const int32_t first = row * layer->row_stride;
    int32_t slot = first % 3;
    const int16_t *rows[3];
    int32_t r;

    if (row == 0) {
        tcn_dsp_planar_fill(zeros, layer->input_zero_point * 256 + (layer->input_zero_point & 255),
                            (channels + 31) / 32 * 16);
    }
    for (r = 0; r < 3; r++) {
        int16_t *const to = kept + slot * kept_row;
        const int32_t at = first + r - layer->row_pad;

        rows[r] = to;
        slot = slot == 2 ? 0 : slot + 1;
        if (row > 0 && r < 3 - layer->row_stride) {
            continue;
        }
        if (at >= 0 && at < layer->input_height) {
            /* Padding behind the last column stays what the first row made it. */
            tcn_dsp_planar_keep(layer, to, input[r], (int8_t *)zeros, row == 0 || fours < filled ? fours : filled);
        } else {
            tcn_dsp_planar_fill(to, layer->input_zero_point, kept_row);
        }
    }
    tcn_dsp_planar_outputs(layer, rows, output);
}

#endif /* TCN_DSP_PLANAR_H */
