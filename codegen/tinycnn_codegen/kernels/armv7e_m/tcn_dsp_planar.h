#ifndef TCN_DSP_PLANAR_H
#define TCN_DSP_PLANAR_H

#include "tcn_kernel.h"
#include "tcn_dsp.h"
#include "tcn_rescale.h"
#include "tcn_signed.h"

/* Depthwise convolution, 3 x 3, over rows that scratch keeps channel after channel, as int16 and with their padding: a
 * pair of taps is then one word. Each row is brought into that order once and stays for as long as windows reach it. */
typedef struct {
    int32_t input_width;
    int32_t channels;          /* a multiple of 4 */
    int32_t output_width;
    int32_t stride;            /* 1 or 2 */
    int32_t row_stride;
    int32_t pad;
    int32_t row_width;         /* of a kept row, a multiple of 4 */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t is_proved;         /* every channel has a multiplier */
    const TCN_FLASH int32_t *weights; /* [channels][8]: (w0, w1), (w1, w2) of each row as int16; bias; 2^32 scale */
    tcn_rescale_t rescale;            /* of channels without a multiplier */
} tcn_dsp_planar_t;

/* Blocks of six or three outputs of a row, of all channels. `last` is where the last two of a block lie behind its first;
 * those that are not wanted lie on the first, which is stored behind them. */
typedef struct {
    const int16_t *rows[3];
    const int32_t *weights;
    int32_t zero_point;
    int32_t row_bytes; /* of a channel */
    int8_t *output;
    int32_t last[2];
    int32_t channels;
    const int32_t *last_weights; /* of the last channel */
    int32_t blocks;
    int32_t next_block_bytes; /* from the row behind the last channel's to the next block of the first */
} tcn_dsp_planar_part_t;

#if TCN_HAS_DSP
/* `groups` times four pixels, next to each other, of all channels: from[i] is pixel i of the first four, which the others
 * follow without a gap; channel c of that goes to to[c * pitch]. It takes 30 instructions for 16 bytes (4 LDR, 4 PKH, 8
 * SXTB16, 8 STR, 6 for the pointer and the loop), 1.9 each; LDR and STR stand in rows because neighbours overlap.
 *
 * r0: to, r1 to r4: pixels, r5: pitch, r12: end of the channels; sp: to, channels. */
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
            "add r12, r1\n"
            "2:\n\t"
            "ldr r6, [r1], #4\n\t"
            "ldr r7, [r2], #4\n\t"
            "ldr r8, [r3], #4\n\t"
            "ldr r9, [r4], #4\n\t"
            "pkhbt r10, r6, r7, lsl #16\n\t"
            "pkhtb r6, r7, r6, asr #16\n\t"
            "pkhbt r11, r8, r9, lsl #16\n\t"
            "pkhtb r8, r9, r8, asr #16\n\t"
            "sxtb16 r7, r10\n\t"
            "sxtb16 r9, r11\n\t"
            "str r7, [r0]\n\t"
            "str r9, [r0, #4]\n\t"
            "add r0, r5\n\t"
            "sxtb16 r10, r10, ror #8\n\t"
            "sxtb16 r11, r11, ror #8\n\t"
            "str r10, [r0]\n\t"
            "str r11, [r0, #4]\n\t"
            "add r0, r5\n\t"
            "sxtb16 r7, r6\n\t"
            "sxtb16 r9, r8\n\t"
            "str r7, [r0]\n\t"
            "str r9, [r0, #4]\n\t"
            "add r0, r5\n\t"
            "sxtb16 r6, r6, ror #8\n\t"
            "sxtb16 r8, r8, ror #8\n\t"
            "str r6, [r0]\n\t"
            "str r8, [r0, #4]\n\t"
            "add r0, r5\n\t"
            "cmp r1, r12\n\t"
            "bne 2b\n\t"
            "ldrd r0, r12, [sp]\n\t"
            "add r0, #8\n\t"
            "str r0, [sp]\n\t"
            "mov r1, r4\n\t"
            "add r2, r1, r12\n\t"
            "add r3, r2, r12\n\t"
            "add r4, r3, r12\n\t"
            "subs lr, #1\n\t"
            "bne 1b\n\t"
            "add sp, #8\n\t"
            "pop {r4-r11, pc}");
}

/* An even output with stride 1 takes (x0, x1) (w0, w1) by SMLAD and x2 w2 by SMLABT, an odd one x1 w0 by SMLATB and
 * (x2, x3) (w1, w2) by SMLAD, so no input has to be shifted; with stride 2 all are even. The first row begins with the
 * bias, in the sum that begins last. Loads stand in rows because neighbours overlap.
 *
 * Six outputs: r0 to r2: rows, r3: weights of the channel; sums in r4 to r9, inputs in r10 and r11, weights in r12 and
 * lr. The four words of inputs of a row (stride 1; seven with stride 2) go through two registers, from the end. */
#define TCN_PLANAR_WEIGHTS6(offset) "ldr r12, [r3, #" offset "]\n\tldr lr, [r3, #" offset " + 4]\n\t"
#define TCN_PLANAR_FIRST(sum, x, from) "smlad " sum ", " x ", r12, " from "\n\t"
#define TCN_PLANAR_THIRD(sum, x, from) "smlabt " sum ", " x ", lr, " from "\n\t"
#define TCN_PLANAR_FIRST_ODD(sum, x, from) "smlatb " sum ", " x ", r12, " from "\n\t"
#define TCN_PLANAR_THIRD_ODD(sum, x, from) "smlad " sum ", " x ", lr, " from "\n\t"
#define TCN_PLANAR_STRIDE1_6(row, f4, f5, f6, f7, f8, f9, more) \
    "ldr r10, [" row ", #8]\n\tldr r11, [" row ", #12]\n\t" more \
    TCN_PLANAR_THIRD("r6", "r10", f6)         \
    TCN_PLANAR_THIRD_ODD("r7", "r10", f7)     \
    TCN_PLANAR_FIRST("r8", "r10", f8)         \
    TCN_PLANAR_THIRD("r8", "r11", "r8")       \
    TCN_PLANAR_FIRST_ODD("r9", "r10", f9)     \
    TCN_PLANAR_THIRD_ODD("r9", "r11", "r9")   \
    "ldrd r10, r11, [" row "]\n\t"            \
    TCN_PLANAR_FIRST("r6", "r11", "r6")       \
    TCN_PLANAR_FIRST_ODD("r7", "r11", "r7")   \
    TCN_PLANAR_FIRST_ODD("r5", "r10", f5)     \
    TCN_PLANAR_THIRD_ODD("r5", "r11", "r5")   \
    TCN_PLANAR_FIRST("r4", "r10", f4)         \
    TCN_PLANAR_THIRD("r4", "r11", "r4")
#define TCN_PLANAR_STRIDE2_6(row, f4, f5, f6, f7, f8, f9, more) \
    "ldr r10, [" row ", #20]\n\tldr r11, [" row ", #24]\n\t" more \
    TCN_PLANAR_FIRST("r9", "r10", f9)         \
    TCN_PLANAR_THIRD("r9", "r11", "r9")       \
    TCN_PLANAR_THIRD("r8", "r10", f8)         \
    "ldrd r10, r11, [" row ", #12]\n\t"       \
    TCN_PLANAR_FIRST("r8", "r11", "r8")       \
    TCN_PLANAR_FIRST("r7", "r10", f7)         \
    TCN_PLANAR_THIRD("r7", "r11", "r7")       \
    TCN_PLANAR_THIRD("r6", "r10", f6)         \
    "ldrd r10, r11, [" row ", #4]\n\t"        \
    TCN_PLANAR_FIRST("r6", "r11", "r6")       \
    TCN_PLANAR_FIRST("r5", "r10", f5)         \
    TCN_PLANAR_THIRD("r5", "r11", "r5")       \
    TCN_PLANAR_THIRD("r4", "r10", f4)         \
    "ldr r10, [" row "]\n\t"                  \
    TCN_PLANAR_FIRST("r4", "r10", "r4")
#define TCN_PLANAR_INT8(sum, multiplier, zero_point) \
    "smmlar " sum ", " sum ", " multiplier ", " zero_point "\n\tssat " sum ", #8, " sum "\n\t"
#define TCN_PLANAR_6(row_of)                  \
    "ldr r4, [r3, #24]\n\t"                   \
    TCN_PLANAR_WEIGHTS6("0")                  \
    row_of("r0", "r4", "r4", "r4", "r4", "r4", "r4", "ldr r5, [sp, #24]\n\tcmp r3, r5\n\t") \
    TCN_PLANAR_WEIGHTS6("8")                  \
    row_of("r1", "r4", "r5", "r6", "r7", "r8", "r9", "") \
    TCN_PLANAR_WEIGHTS6("16")                 \
    row_of("r2", "r4", "r5", "r6", "r7", "r8", "r9", "") \
    "ldr r10, [r3, #28]\n\t"                  \
    "ldr r11, [sp]\n\t"                       \
    "ldr r12, [sp, #4]\n\t"                   \
    "ldr lr, [sp, #8]\n\t"                    \
    TCN_PLANAR_INT8("r4", "r10", "r11")       \
    TCN_PLANAR_INT8("r5", "r10", "r11")       \
    TCN_PLANAR_INT8("r6", "r10", "r11")       \
    TCN_PLANAR_INT8("r7", "r10", "r11")       \
    TCN_PLANAR_INT8("r8", "r10", "r11")       \
    TCN_PLANAR_INT8("r9", "r10", "r11")       \
    "add r0, r12\n\t"                         \
    "add r1, r12\n\t"                         \
    "add r2, r12\n\t"                         \
    "ldr r10, [sp, #12]\n\t"                  \
    "ldr r11, [sp, #16]\n\t"                  \
    "ldr r12, [sp, #20]\n\t"                  \
    "add lr, lr, r3, lsr #5\n\t"              \
    "add r3, r3, #32\n\t"                     \
    "strb r9, [lr, r11]\n\t"                  \
    "strb r8, [lr, r10]\n\t"                  \
    "add r10, lr, r12\n\t"                    \
    "strb r5, [lr, r12]\n\t"                  \
    "strb r6, [lr, r12, lsl #1]\n\t"          \
    "strb r7, [r10, r12, lsl #1]\n\t"         \
    "strb r4, [lr]\n\t"
/* Three outputs: r0 to r2: rows, r3: weights of the channel; sums in r4 to r6, inputs in r7 to r10, weights in r11 and
 * r12. */
#define TCN_PLANAR_EVEN(sum, x0, x1, from) \
    "smlad " sum ", " x0 ", r11, " from "\n\tsmlabt " sum ", " x1 ", r12, " sum "\n\t"
#define TCN_PLANAR_ODD(sum, x0, x1, from) \
    "smlatb " sum ", " x0 ", r11, " from "\n\tsmlad " sum ", " x1 ", r12, " sum "\n\t"
#define TCN_PLANAR_LOAD3(row, offset)         \
    "ldr r11, [r3, #" offset "]\n\tldr r12, [r3, #" offset " + 4]\n\t" \
    "ldr r7, [" row "]\n\tldr r8, [" row ", #4]\n\tldr r9, [" row ", #8]\n\t"
#define TCN_PLANAR_STRIDE1_3(row, offset, f4, f5) \
    TCN_PLANAR_LOAD3(row, offset)             \
    TCN_PLANAR_EVEN("r4", "r7", "r8", f4)     \
    "add " row ", lr\n\t"                     \
    TCN_PLANAR_ODD("r5", "r7", "r8", f5)      \
    TCN_PLANAR_EVEN("r6", "r8", "r9", "r6")
#define TCN_PLANAR_STRIDE2_3(row, offset, f4, f5) \
    TCN_PLANAR_LOAD3(row, offset)             \
    "ldr r10, [" row ", #12]\n\t"             \
    TCN_PLANAR_EVEN("r4", "r7", "r8", f4)     \
    "add " row ", lr\n\t"                     \
    TCN_PLANAR_EVEN("r5", "r8", "r9", f5)     \
    TCN_PLANAR_EVEN("r6", "r9", "r10", "r6")
#define TCN_PLANAR_3(row_of)                  \
    "ldr r6, [r3, #24]\n\t"                   \
    "ldr lr, [sp, #4]\n\t"                    \
    row_of("r0", "0", "r6", "r6")             \
    row_of("r1", "8", "r4", "r5")             \
    row_of("r2", "16", "r4", "r5")            \
    "ldr r7, [r3, #28]\n\t"                   \
    "ldr r8, [sp]\n\t"                        \
    "ldr r9, [sp, #8]\n\t"                    \
    "ldr r10, [sp, #12]\n\t"                  \
    "ldr r11, [sp, #16]\n\t"                  \
    "ldr r12, [sp, #24]\n\t"                  \
    TCN_PLANAR_INT8("r4", "r7", "r8")         \
    TCN_PLANAR_INT8("r5", "r7", "r8")         \
    TCN_PLANAR_INT8("r6", "r7", "r8")         \
    "add r9, r9, r3, lsr #5\n\t"              \
    "cmp r3, r12\n\t"                         \
    "add r3, r3, #32\n\t"                     \
    "strb r6, [r9, r11]\n\t"                  \
    "strb r5, [r9, r10]\n\t"                  \
    "strb r4, [r9]\n\t"
/* sp: zero point, row_bytes, output as the address of the weights / 32 less, last, channels, last_weights, blocks,
 * next_block_bytes. */
#define TCN_PLANAR_BLOCKS(block)              \
    __asm__("push {r4-r11, lr}\n\t"           \
            "sub sp, #36\n\t"                 \
            "mov r12, r0\n\t"                 \
            "ldm r12!, {r0-r3}\n\t"           \
            "ldm r12, {r4-r12}\n\t"           \
            "sub r6, r6, r3, lsr #5\n\t"      \
            "stm sp, {r4-r12}\n"              \
            "1:\n\t"                          \
            block                             \
            "bne 1b\n\t"                      \
            "ldr r4, [sp, #28]\n\t"           \
            "ldr r5, [sp, #32]\n\t"           \
            "ldr r6, [sp, #20]\n\t"           \
            "ldr r7, [sp, #8]\n\t"            \
            "add r0, r5\n\t"                  \
            "add r1, r5\n\t"                  \
            "add r2, r5\n\t"                  \
            "sub r3, r3, r6, lsl #5\n\t"      \
            "add r6, r6, r6, lsl #1\n\t"      \
            "add r7, r7, r6, lsl #1\n\t"      \
            "str r7, [sp, #8]\n\t"            \
            "subs r4, #1\n\t"                 \
            "str r4, [sp, #28]\n\t"           \
            "bne 1b\n\t"                      \
            "add sp, #36\n\t"                 \
            "pop {r4-r11, pc}")

/* The inner loop takes 83 instructions and 99 cycles for six outputs, 54 multiply-accumulates, with stride 1 (36 to
 * multiply, 20 loads of inputs and weights, 27 for the six outputs and the loop), 86 and 114 with stride 2; the bound is
 * 27 instructions, SMLAD alone, and 36 for what is multiplied here. Three outputs take FIXME. */
TCN_ASSEMBLY(72)
static void tcn_dsp_planar_six_stride1(TCN_UNUSED const tcn_dsp_planar_part_t *part)
{
    TCN_PLANAR_BLOCKS(TCN_PLANAR_6(TCN_PLANAR_STRIDE1_6));
}

TCN_ASSEMBLY(72)
static void tcn_dsp_planar_six_stride2(TCN_UNUSED const tcn_dsp_planar_part_t *part)
{
    TCN_PLANAR_BLOCKS(TCN_PLANAR_6(TCN_PLANAR_STRIDE2_6));
}

TCN_ASSEMBLY(72)
static void tcn_dsp_planar_three_stride1(TCN_UNUSED const tcn_dsp_planar_part_t *part)
{
    TCN_PLANAR_BLOCKS(TCN_PLANAR_3(TCN_PLANAR_STRIDE1_3));
}

TCN_ASSEMBLY(72)
static void tcn_dsp_planar_three_stride2(TCN_UNUSED const tcn_dsp_planar_part_t *part)
{
    TCN_PLANAR_BLOCKS(TCN_PLANAR_3(TCN_PLANAR_STRIDE2_3));
}

/* All channels of a row, as blocks of six outputs, and one for the last that are left; with three at most it is a
 * block of three. */
static void tcn_dsp_planar_blocks(const TCN_FLASH tcn_dsp_planar_t *layer, const int16_t *const *rows, int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t rest = layer->output_width % 6;
    tcn_dsp_planar_part_t part;
    int32_t r;

    part.rows[0] = rows[0];
    part.rows[1] = rows[1];
    part.rows[2] = rows[2];
    part.weights = layer->weights;
    part.zero_point = layer->output_zero_point;
    part.row_bytes = 2 * layer->row_width;
    part.output = output;
    part.last[0] = 4 * channels;
    part.last[1] = 5 * channels;
    part.channels = channels;
    part.last_weights = layer->weights + 8 * (channels - 1);
    part.blocks = layer->output_width / 6;
    part.next_block_bytes = 12 * layer->stride - channels * part.row_bytes;
    if (part.blocks > 0) {
        if (layer->stride == 1) {
            tcn_dsp_planar_six_stride1(&part);
        } else {
            tcn_dsp_planar_six_stride2(&part);
        }
    }
    if (rest > 0) {
        for (r = 0; r < 3; r++) {
            part.rows[r] += 6 * layer->stride * part.blocks;
        }
        part.output += 6 * part.blocks * channels;
        part.blocks = 1;
        part.last[1] = 0;
        if (rest > 3) {
            part.last[0] = rest > 4 ? 4 * channels : 0;
            if (layer->stride == 1) {
                tcn_dsp_planar_six_stride1(&part);
            } else {
                tcn_dsp_planar_six_stride2(&part);
            }
        } else {
            part.last[0] = rest > 1 ? channels : 0;
            part.last[1] = rest > 2 ? 2 * channels : 0;
            if (layer->stride == 1) {
                tcn_dsp_planar_three_stride1(&part);
            } else {
                tcn_dsp_planar_three_stride2(&part);
            }
        }
    }
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

/* One channel in C, for those without a multiplier, and for all where there is no assembly. */
TCN_KERNEL static void tcn_dsp_planar_channel(const TCN_FLASH tcn_dsp_planar_t *layer, const int16_t *const *rows,
                                              int32_t channel, int8_t *output)
{
    const uint32_t *const weights = (const uint32_t *)(layer->weights + 8 * channel);
    const int32_t multiplier = tcn_signed(weights[7]);
    int32_t x;

    for (x = 0; x < layer->output_width; x++) {
        int32_t sum = tcn_signed(weights[6]);
        int32_t r;

        for (r = 0; r < 3; r++) {
            const int16_t *const at = rows[r] + x * layer->stride;

            sum += tcn_signed(weights[2 * r] << 16) / 65536 * at[0];
            sum += tcn_signed(weights[2 * r + 1] << 16) / 65536 * at[1];
            sum += (tcn_signed(weights[2 * r + 1]) >> 16) * at[2];
        }
        if (multiplier != 0) {
            const int64_t product = (int64_t)sum * multiplier + INT64_C(0x80000000);
            const int32_t y = (int32_t)(product >> 32) + layer->output_zero_point;

            *output = (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
        } else {
            *output = tcn_rescale(&layer->rescale, channel, sum);
        }
        output += layer->channels;
    }
}

/* Bring a row of the input into the order of scratch; `zeros` is a pixel of zero points. */
static void tcn_dsp_planar_keep(const TCN_FLASH tcn_dsp_planar_t *layer, int16_t *to, const int8_t *row,
                                const int8_t *zeros)
{
    const int32_t channels = layer->channels;
    int32_t column = -layer->pad;
    int32_t left = layer->row_width / 4;

    while (left > 0) {
        const int32_t inside = column >= 0 ? (layer->input_width - column) / 4 : 0;
        const int32_t groups = inside < 1 ? 1 : inside < left ? inside : left;
        const int8_t *from[4];
        int32_t pixel;

        for (pixel = 0; pixel < 4; pixel++) {
            const int32_t at = column + pixel;

            from[pixel] = at >= 0 && at < layer->input_width ? row + at * channels : zeros;
        }
        tcn_dsp_planar_pixels(to, from, channels, 2 * layer->row_width, groups);
        to += 4 * groups;
        column += 4 * groups;
        left -= groups;
    }
}

/* Row number `row` of the output; input[r] is the input under row r of the kernel, or a row of zero points. `scratch`
 * has three rows, and a pixel of zero points; it is kept from row to row. */
TCN_KERNEL static void tcn_dsp_planar_row(const TCN_FLASH tcn_dsp_planar_t *layer, const int8_t *const *input,
                                          int32_t row, int8_t *scratch, int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t kept_row = channels * layer->row_width;
    int16_t *const kept = (int16_t *)(void *)scratch;
    int8_t *const zeros = scratch + 6 * kept_row;
    const int16_t *rows[3];
    int32_t channel;
    int32_t r;

    for (channel = 0; row == 0 && channel < channels; channel++) {
        zeros[channel] = (int8_t)layer->input_zero_point;
    }
    for (r = 0; r < 3; r++) {
        int16_t *const to = kept + (row * layer->row_stride + r) % 3 * kept_row;

        if (row == 0 || r >= 3 - layer->row_stride) {
            tcn_dsp_planar_keep(layer, to, input[r], zeros);
        }
        rows[r] = to;
    }
#if TCN_HAS_DSP
    tcn_dsp_planar_blocks(layer, rows, output);
#endif
    for (channel = 0; channel < channels && !(TCN_HAS_DSP && layer->is_proved); channel++) {
        if (!TCN_HAS_DSP || layer->weights[8 * channel + 7] == 0) {
            tcn_dsp_planar_channel(layer, rows, channel, output + channel);
        }
        for (r = 0; r < 3; r++) {
            rows[r] += layer->row_width;
        }
    }
}

#endif /* TCN_DSP_PLANAR_H */
