#ifndef TCN_DSP_PLANAR_OUTPUTS_H
#define TCN_DSP_PLANAR_OUTPUTS_H

#include "tcn_kernel.h"
#include "tcn_dsp.h"
#include "tcn_rescale.h"
#include "tcn_signed.h"

/* Depthwise convolution, 3 x 3, over planar rows: channel after channel, as int16 and with their padding, so that a
 * pair of taps is one word. */
typedef struct {
    int32_t input_width;
    int32_t channels;          /* a multiple of 4 */
    int32_t output_width;
    int32_t stride;            /* 1 or 2 */
    int32_t input_height;
    int32_t row_stride;
    int32_t row_pad;
    int32_t pad;
    int32_t row_width;         /* of a kept row, a multiple of 4 */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t is_proved;         /* every channel has a multiplier */
    const TCN_FLASH int32_t *weights; /* [channels][8]: 2^33 scale, plus 1 if it is the last channel;
                                         (w0, w1), (w1, w2) of each row as int16; bias */
    tcn_rescale_t rescale;            /* of channels without a multiplier */
} tcn_dsp_planar_t;

/* Blocks of six or three outputs of a row, of all channels. `last` is where the last two of three lie behind the first,
 * and the last of six; those that are not wanted lie on the first, which is stored behind them. */
typedef struct {
    const int16_t *rows[3];
    const int32_t *weights;
    int32_t zero_point;
    int32_t row_bytes; /* of a channel */
    int8_t *output;
    int32_t last[2];
    int32_t channels;
    int32_t blocks;
    int32_t next_block_bytes; /* from the row behind the last channel's to the next block of the first */
    int32_t kind;             /* 1 with stride 2, and 2 for blocks of three */
    int32_t next_block;       /* of the output */
} tcn_dsp_planar_part_t;

#if TCN_HAS_DSP
/* An even output with stride 1 takes (x0, x1) (w0, w1) by SMLAD and x2 w2 by SMLABT, an odd one x1 w0 by SMLATB and
 * (x2, x3) (w1, w2) by SMLAD, so no input has to be shifted; with stride 2 all are even. Loads stand in rows because
 * neighbours overlap.
 *
 * Six outputs: r0 to r2: rows, r3: weights of the channel; sums in r4 to r9, inputs in r10 and r11, weights in r12 and
 * lr. The four words of inputs of a row (stride 1; seven with stride 2) go through two registers, from the end. Those
 * of the first row begin in the registers of sums that are not begun, as does the bias. */
#define TCN_PLANAR_WEIGHTS6(offset) "ldr r12, [r3, #" offset "]\n\tldr lr, [r3, #" offset " + 4]\n\t"
#define TCN_PLANAR_FIRST(sum, x, from) "smlad " sum ", " x ", r12, " from "\n\t"
#define TCN_PLANAR_THIRD(sum, x) "smlabt " sum ", " x ", lr, " sum "\n\t"
#define TCN_PLANAR_FIRST_ODD(sum, x, from) "smlatb " sum ", " x ", r12, " from "\n\t"
#define TCN_PLANAR_THIRD_ODD(sum, x) "smlad " sum ", " x ", lr, " sum "\n\t"
#define TCN_PLANAR_BEGIN1_6                   \
    "ldr r8, [r3, #28]\n\t"                   \
    TCN_PLANAR_WEIGHTS6("4")                  \
    "ldr r5, [r0]\n\t"                        \
    "ldr r9, [r0, #4]\n\t"                    \
    "ldr r10, [r0, #8]\n\t"                   \
    "ldr r11, [r0, #12]\n\t"                  \
    TCN_PLANAR_FIRST("r6", "r9", "r8")        \
    TCN_PLANAR_THIRD("r6", "r10")             \
    TCN_PLANAR_FIRST_ODD("r7", "r9", "r8")    \
    TCN_PLANAR_THIRD_ODD("r7", "r10")         \
    TCN_PLANAR_FIRST("r4", "r5", "r8")        \
    TCN_PLANAR_THIRD("r4", "r9")              \
    TCN_PLANAR_FIRST_ODD("r5", "r5", "r8")    \
    TCN_PLANAR_THIRD_ODD("r5", "r9")          \
    TCN_PLANAR_FIRST_ODD("r9", "r10", "r8")   \
    TCN_PLANAR_THIRD_ODD("r9", "r11")         \
    TCN_PLANAR_FIRST("r8", "r10", "r8")       \
    TCN_PLANAR_THIRD("r8", "r11")
#define TCN_PLANAR_STRIDE1_6(row, offset)     \
    TCN_PLANAR_WEIGHTS6(offset)               \
    "ldr r10, [" row ", #8]\n\t"              \
    "ldr r11, [" row ", #12]\n\t"             \
    TCN_PLANAR_THIRD("r6", "r10")             \
    TCN_PLANAR_THIRD_ODD("r7", "r10")         \
    TCN_PLANAR_FIRST("r8", "r10", "r8")       \
    TCN_PLANAR_THIRD("r8", "r11")             \
    TCN_PLANAR_FIRST_ODD("r9", "r10", "r9")   \
    TCN_PLANAR_THIRD_ODD("r9", "r11")         \
    "ldrd r10, r11, [" row "]\n\t"            \
    TCN_PLANAR_FIRST("r6", "r11", "r6")       \
    TCN_PLANAR_FIRST_ODD("r7", "r11", "r7")   \
    TCN_PLANAR_FIRST_ODD("r5", "r10", "r5")   \
    TCN_PLANAR_THIRD_ODD("r5", "r11")         \
    TCN_PLANAR_FIRST("r4", "r10", "r4")       \
    TCN_PLANAR_THIRD("r4", "r11")
#define TCN_PLANAR_BEGIN2_6                   \
    "ldr r11, [r3, #28]\n\t"                  \
    TCN_PLANAR_WEIGHTS6("4")                  \
    "ldr r4, [r0]\n\t"                        \
    "ldr r5, [r0, #4]\n\t"                    \
    "ldr r6, [r0, #8]\n\t"                    \
    "ldr r7, [r0, #12]\n\t"                   \
    "ldr r8, [r0, #16]\n\t"                   \
    "ldr r9, [r0, #20]\n\t"                   \
    "ldr r10, [r0, #24]\n\t"                  \
    TCN_PLANAR_FIRST("r4", "r4", "r11")       \
    TCN_PLANAR_THIRD("r4", "r5")              \
    TCN_PLANAR_FIRST("r5", "r5", "r11")       \
    TCN_PLANAR_THIRD("r5", "r6")              \
    TCN_PLANAR_FIRST("r6", "r6", "r11")       \
    TCN_PLANAR_THIRD("r6", "r7")              \
    TCN_PLANAR_FIRST("r7", "r7", "r11")       \
    TCN_PLANAR_THIRD("r7", "r8")              \
    TCN_PLANAR_FIRST("r8", "r8", "r11")       \
    TCN_PLANAR_THIRD("r8", "r9")              \
    TCN_PLANAR_FIRST("r9", "r9", "r11")       \
    TCN_PLANAR_THIRD("r9", "r10")
#define TCN_PLANAR_STRIDE2_6(row, offset)     \
    TCN_PLANAR_WEIGHTS6(offset)               \
    "ldr r10, [" row ", #20]\n\t"             \
    "ldr r11, [" row ", #24]\n\t"             \
    TCN_PLANAR_FIRST("r9", "r10", "r9")       \
    TCN_PLANAR_THIRD("r9", "r11")             \
    TCN_PLANAR_THIRD("r8", "r10")             \
    "ldrd r10, r11, [" row ", #12]\n\t"       \
    TCN_PLANAR_FIRST("r8", "r11", "r8")       \
    TCN_PLANAR_FIRST("r7", "r10", "r7")       \
    TCN_PLANAR_THIRD("r7", "r11")             \
    TCN_PLANAR_THIRD("r6", "r10")             \
    "ldrd r10, r11, [" row ", #4]\n\t"        \
    TCN_PLANAR_FIRST("r6", "r11", "r6")       \
    TCN_PLANAR_FIRST("r5", "r10", "r5")       \
    TCN_PLANAR_THIRD("r5", "r11")             \
    TCN_PLANAR_THIRD("r4", "r10")             \
    "ldr r10, [" row "]\n\t"                  \
    TCN_PLANAR_FIRST("r4", "r10", "r4")
#define TCN_PLANAR_INT8(sum, multiplier, zero_point) \
    "smmlar " sum ", " sum ", " multiplier ", " zero_point "\n\tssat " sum ", #8, " sum "\n\t"
#define TCN_PLANAR_6(begin, row_of)           \
    begin                                     \
    row_of("r1", "12")                        \
    row_of("r2", "20")                        \
    "ldr r10, [r3], #32\n\t"                  \
    "ldr r11, [sp]\n\t"                       \
    "ldr r12, [sp, #4]\n\t"                   \
    "ldr lr, [sp, #8]\n\t"                    \
    "lsrs r10, r10, #1\n\t"                   \
    TCN_PLANAR_INT8("r4", "r10", "r11")       \
    TCN_PLANAR_INT8("r5", "r10", "r11")       \
    TCN_PLANAR_INT8("r6", "r10", "r11")       \
    TCN_PLANAR_INT8("r7", "r10", "r11")       \
    TCN_PLANAR_INT8("r8", "r10", "r11")       \
    TCN_PLANAR_INT8("r9", "r10", "r11")       \
    "add lr, lr, r3, lsr #5\n\t"              \
    "add r0, r12\n\t"                         \
    "add r1, r12\n\t"                         \
    "ldr r10, [sp, #20]\n\t"                  \
    "ldr r11, [sp, #16]\n\t"                  \
    "strb r8, [lr, r10, lsl #2]\n\t"          \
    "strb r9, [lr, r11]\n\t"                  \
    "strb r4, [lr]\n\t"                       \
    "add lr, r10\n\t"                         \
    "add r2, r12\n\t"                         \
    "strb r5, [lr]\n\t"                       \
    "strb r6, [lr, r10]\n\t"                  \
    "strb r7, [lr, r10, lsl #1]\n\t"
/* Three outputs: r0 to r2: rows, r3: weights of the channel; sums in r4 to r6, the third from the bias on, inputs in r7
 * to r10, weights in r11 and r12; lr: row_bytes. */
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
    "ldr r6, [r3, #28]\n\t"                   \
    row_of("r0", "4", "r6", "r6")             \
    row_of("r1", "12", "r4", "r5")             \
    row_of("r2", "20", "r4", "r5")            \
    "ldr r7, [r3], #32\n\t"                   \
    "ldr r8, [sp]\n\t"                        \
    "ldr r9, [sp, #8]\n\t"                    \
    "ldr r10, [sp, #12]\n\t"                  \
    "ldr r11, [sp, #16]\n\t"                  \
    "lsrs r7, r7, #1\n\t"                     \
    "add r9, r9, r3, lsr #5\n\t"              \
    TCN_PLANAR_INT8("r4", "r7", "r8")         \
    TCN_PLANAR_INT8("r5", "r7", "r8")         \
    TCN_PLANAR_INT8("r6", "r7", "r8")         \
    "strb r6, [r9, r11]\n\t"                  \
    "strb r5, [r9, r10]\n\t"                  \
    "strb r4, [r9]\n\t"
/* How many outputs a block has with stride 2; threes, which take a sixth longer, save 400 bytes. */
#if defined(__OPTIMIZE_SIZE__)
#define TCN_PLANAR_MOST2 3
#else
#define TCN_PLANAR_MOST2 6
#endif

/* The loop over channels takes 84 instructions and 98 cycles for six outputs, 54 multiply-accumulates, with stride 1
 * (36 to multiply, 20 loads of inputs and weights, 28 for the six outputs and the loop), 91 and 111 with stride 2: 1.6
 * and 1.8, 1.7 and 2.1 each. The bound is 0.5, SMLAD alone, and 0.67 for what is multiplied here. Three outputs take 54
 * and 62, 57 and 65.
 *
 * sp: zero point, row_bytes, output as the address of the next channel's weights / 32 less, last, channels, blocks,
 * next_block_bytes, kind, next_block. "lsrs" alone changes the carry; behind a channel it tells whether that was the
 * last. */
TCN_ASSEMBLY(76)
static void tcn_dsp_planar_part(TCN_UNUSED const tcn_dsp_planar_part_t *part)
{
    __asm__("push {r4-r11, lr}\n\t"
            "sub sp, #40\n\t"
            "mov r12, r0\n\t"
            "ldm r12!, {r0-r3}\n\t"
            "ldm r12, {r4-r12, lr}\n\t"
            "sub r6, r6, r3, lsr #5\n\t"
            "sub r6, #1\n\t"
            "stm sp, {r4-r12, lr}\n"
            "1:\n\t"
            "ldr r4, [sp, #32]\n\t"
            "lsrs r4, r4, #1\n\t"
            "bne 4f\n");
#if TCN_PLANAR_MOST2 == 6
    __asm__("bcs 3f\n");
#endif
    __asm__("2:\n\t"
            TCN_PLANAR_6(TCN_PLANAR_BEGIN1_6, TCN_PLANAR_STRIDE1_6)
            "bcc 2b\n\t"
            "b 7f\n");
#if TCN_PLANAR_MOST2 == 6
    __asm__("3:\n\t"
            TCN_PLANAR_6(TCN_PLANAR_BEGIN2_6, TCN_PLANAR_STRIDE2_6)
            "bcc 3b\n\t"
            "b 7f\n");
#endif
    __asm__("4:\n\t"
            "ldr lr, [sp, #4]\n\t"
            "bcs 6f\n"
            "5:\n\t"
            TCN_PLANAR_3(TCN_PLANAR_STRIDE1_3)
            "bcc 5b\n\t"
            "b 7f\n");
    __asm__("6:\n\t"
            TCN_PLANAR_3(TCN_PLANAR_STRIDE2_3)
            "bcc 6b\n"
            "7:\n\t"
            "ldr r4, [sp, #24]\n\t"
            "ldr r5, [sp, #28]\n\t"
            "ldr r6, [sp, #20]\n\t"
            "ldr r7, [sp, #8]\n\t"
            "ldr r8, [sp, #36]\n\t"
            "add r0, r5\n\t"
            "add r1, r5\n\t"
            "add r2, r5\n\t"
            "sub r3, r3, r6, lsl #5\n\t"
            "add r7, r8\n\t"
            "str r7, [sp, #8]\n\t"
            "subs r4, #1\n\t"
            "str r4, [sp, #24]\n\t"
            "bne 1b\n\t"
            "add sp, #40\n\t"
            "pop {r4-r11, pc}");
}

/* `blocks` times `outputs` from column x of the output on, of all channels: six or three, or one block of any number
 * but four. */
TCN_KERNEL static void tcn_dsp_planar_blocks(const TCN_FLASH tcn_dsp_planar_t *layer, const int16_t *const *rows,
                                             int8_t *output, int32_t x, int32_t outputs, int32_t blocks)
{
    const int32_t channels = layer->channels;
    tcn_dsp_planar_part_t part;
    int32_t r;

    for (r = 0; r < 3; r++) {
        part.rows[r] = rows[r] + x * layer->stride;
    }
    part.weights = layer->weights;
    part.zero_point = layer->output_zero_point;
    part.row_bytes = 2 * layer->row_width;
    part.output = output + x * channels;
    part.channels = channels;
    part.blocks = blocks;
    part.next_block_bytes = 2 * outputs * layer->stride - channels * part.row_bytes;
    part.kind = layer->stride - 1;
    part.next_block = outputs * channels;
    if (outputs > 3) {
        part.last[0] = 0;
        part.last[1] = outputs > 5 ? 5 * channels : 0;
    } else {
        part.last[0] = outputs > 1 ? channels : 0;
        part.last[1] = outputs > 2 ? 2 * channels : 0;
        part.kind += 2;
    }
    tcn_dsp_planar_part(&part);
}

/* All channels of a row. A column where a block begins is even, for the words of its inputs. */
static void tcn_dsp_planar_sixes(const TCN_FLASH tcn_dsp_planar_t *layer, const int16_t *const *rows, int8_t *output)
{
    const int32_t most = layer->stride == 1 ? 6 : TCN_PLANAR_MOST2;
    const int32_t sixes = layer->output_width / most;
    const int32_t rest = layer->output_width - most * sixes;

    if (sixes > 0) {
        tcn_dsp_planar_blocks(layer, rows, output, 0, most, sixes);
    }
    if (rest == 4 && sixes > 0) {
        tcn_dsp_planar_blocks(layer, rows, output, 6 * sixes - 2, 6, 1);
    } else if (rest == 4) {
        tcn_dsp_planar_blocks(layer, rows, output, 0, 2, 1);
        tcn_dsp_planar_blocks(layer, rows, output, 2, 2, 1);
    } else if (rest > 0) {
        tcn_dsp_planar_blocks(layer, rows, output, most * sixes, rest, 1);
    }
}
#endif

/* One channel in C: where there is no assembly, and where the channel has no multiplier. */
TCN_SELDOM static void tcn_dsp_planar_channel(const TCN_FLASH tcn_dsp_planar_t *layer, const int16_t *const *rows,
                                              int32_t channel, int8_t *output)
{
    const uint32_t *const weights = (const uint32_t *)(layer->weights + 8 * channel);
    const int32_t multiplier = (int32_t)(weights[0] >> 1);
    int32_t x;

    for (x = 0; x < layer->output_width; x++) {
        int32_t sum = tcn_signed(weights[7]);
        int32_t r;

        for (r = 0; r < 3; r++) {
            const int16_t *const at = rows[r] + channel * layer->row_width + x * layer->stride;

            sum += tcn_signed(weights[2 * r + 1] << 16) / 65536 * at[0];
            sum += tcn_signed(weights[2 * r + 2] << 16) / 65536 * at[1];
            sum += (tcn_signed(weights[2 * r + 2]) >> 16) * at[2];
        }
        if (!TCN_HAS_DSP && multiplier != 0) {
            const int64_t product = (int64_t)sum * multiplier + INT64_C(0x80000000);
            const int32_t y = (int32_t)(product >> 32) + layer->output_zero_point;

            *output = (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
        } else {
            *output = tcn_rescale(&layer->rescale, channel, sum);
        }
        output += layer->channels;
    }
}

/* A row of the output from the planar rows under the kernel's. */
static void tcn_dsp_planar_outputs(const TCN_FLASH tcn_dsp_planar_t *layer, const int16_t *const *rows, int8_t *output)
{
    int32_t channel;

#if TCN_HAS_DSP
    tcn_dsp_planar_sixes(layer, rows, output);
    if (layer->is_proved) {
        return;
    }
#endif
    for (channel = 0; channel < layer->channels; channel++) {
        if (!TCN_HAS_DSP || layer->weights[8 * channel] >> 1 == 0) {
            tcn_dsp_planar_channel(layer, rows, channel, output + channel);
        }
    }
}

#endif /* TCN_DSP_PLANAR_OUTPUTS_H */
