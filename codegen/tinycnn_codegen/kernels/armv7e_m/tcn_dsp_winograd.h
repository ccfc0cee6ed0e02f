#ifndef TCN_DSP_WINOGRAD_H
#define TCN_DSP_WINOGRAD_H

#include "tcn_dsp_winograd_columns.h"
#include "tcn_kernel.h"
#include "tcn_rescale.h"
#include "tcn_signed.h"
#include "tcn_smlad.h"

/* Convolution 3 x 3 with stride 1 by Winograd's F(2, 3) along the row: two neighbouring outputs take four products
 * instead of six. With d0 .. d3 the four inputs under both and g0 .. g2 the weights of a kernel row,
 *
 *     m0 = (d0 - d2) 2 g0                    2 y0 = m0 + m1 + m2
 *     m1 = (d1 + d2) (g0 + g1 + g2)          2 y1 = m1 - m2 - m3
 *     m2 = (d2 - d1) (g0 - g1 + g2)
 *     m3 = (d1 - d3) 2 g2
 *
 * in integers, exactly (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015; here twice their
 * weights). Each row of the input is brought into differences and sums once and stays in scratch while windows reach
 * it. Eight outputs are computed at a time, of two channels. */
typedef struct {
    int32_t input_width;
    int32_t input_channels;    /* a multiple of 16 */
    int32_t output_width;
    int32_t output_channels;   /* even */
    int32_t pad;
    int32_t blocks;            /* of eight outputs in a row */
    int32_t input_zero_point;
    int32_t output_zero_point;
    /* For every two channels a and b: for each of m0 .. m3 what a's and b's sums begin with, then for each kernel row
     * and pair of inputs two int16 of a and two of b; last the multipliers of a and b, both 0 where one has none. */
    const TCN_FLASH int32_t *weights;
    tcn_rescale_t rescale;     /* of channels without a multiplier */
} tcn_dsp_winograd_t;

/* Eight outputs of all channels. */
typedef struct {
    const uint32_t *rows[3];   /* under the kernel's rows: [4][pairs][4], the m and the pair of outputs */
    const uint32_t *weights;   /* the next ones */
    int32_t m_bytes;           /* of one of the four in rows[] */
    int32_t zero_point;
    int32_t pitch;             /* from an output to the next */
    int8_t *output;            /* of the next channel a */
    const int8_t *end;
    uint32_t *sums;            /* m0 .. m3 of a's four pairs of outputs and b's, [4][2][4] */
} tcn_dsp_winograd_block_t;

#if TCN_HAS_DSP
/* A row's pairs are multiplied eight in a turn, and what finishes outputs stands there for each two: small instead
 * where that is asked for. */
#ifdef __OPTIMIZE_SIZE__
#define TCN_WINOGRAD_REPEATED "1"
#define TCN_WINOGRAD_FINISH(two_outputs)    \
    "add r11, r1, #16\n"                    \
    "6:\n\t"                                \
    two_outputs                             \
    "cmp r1, r11\n\t"                       \
    "bne 6b\n\t"
#else
#define TCN_WINOGRAD_REPEATED "7"
#define TCN_WINOGRAD_FINISH(two_outputs) ".rept 4\n\t" two_outputs ".endr\n\t"
#endif

/* The inner loop takes 11 instructions for 16 products (3 LDRD, 8 SMLAD), which stand for 24 multiply-accumulates: 0.46
 * each; the bound is 0.33, SMLAD alone. An output takes 15 more.
 *
 * r0: weights, r1: inputs, r2 and r3: two words of weights, r4 to r11: sums; sp: end of the inputs, next inputs of each
 * row, first inputs of each row, m_bytes, zero point, pitch, output, end, sums, next sums; the block. */
#define TCN_WINOGRAD_PAIR(a0, b0, a1, b1, a2, b2, a3, b3) \
    "ldrd r2, r3, [r0], #8\n\t"             \
    "ldrd r12, lr, [r1], #8\n\t"            \
    "smlad r4, r2, r12, " a0 "\n\t"         \
    "smlad r8, r3, r12, " b0 "\n\t"         \
    "smlad r5, r2, lr, " a1 "\n\t"          \
    "smlad r9, r3, lr, " b1 "\n\t"          \
    "ldrd r12, lr, [r1], #8\n\t"            \
    "smlad r6, r2, r12, " a2 "\n\t"         \
    "smlad r10, r3, r12, " b2 "\n\t"        \
    "smlad r7, r2, lr, " a3 "\n\t"          \
    "smlad r11, r3, lr, " b3 "\n\t"
#define TCN_WINOGRAD_NEXT TCN_WINOGRAD_PAIR("r4", "r8", "r5", "r9", "r6", "r10", "r7", "r11")
#define TCN_WINOGRAD_ROW(next, first)       \
    "ldr r1, [sp, #" next "]\n\t"           \
    "ldr r2, [sp, #28]\n\t"                 \
    "add r2, r1\n\t"                        \
    "str r2, [sp]\n\t"                      \
    first                                   \
    "3:\n\t"                                \
    TCN_WINOGRAD_NEXT                       \
    "4:\n\t"                                \
    ".rept " TCN_WINOGRAD_REPEATED "\n\t"   \
    TCN_WINOGRAD_NEXT                       \
    ".endr\n\t"                             \
    "ldr r2, [sp]\n\t"                      \
    "cmp r1, r2\n\t"                        \
    "bne 3b\n\t"                            \
    "str r1, [sp, #" next "]\n\t"
/* Two outputs of a channel into r4 and r5, or r8 and r9. */
#define TCN_WINOGRAD_OUTPUTS(y0, y1, at0, at1, at2, at3, multiplier) \
    "ldr " y0 ", [r1" at0 "\n\t"            \
    "ldr " y1 ", [r1, #" at1 "]\n\t"        \
    "ldr r6, [r1, #" at2 "]\n\t"            \
    "ldr r7, [r1, #" at3 "]\n\t"            \
    "add " y0 ", " y1 "\n\t"                \
    "add " y0 ", r6\n\t"                    \
    "sub " y1 ", r6\n\t"                    \
    "sub " y1 ", r7\n\t"                    \
    "asr " y0 ", " y0 ", #1\n\t"            \
    "asr " y1 ", " y1 ", #1\n\t"            \
    "smmlar " y0 ", " y0 ", " multiplier ", r12\n\t" \
    "smmlar " y1 ", " y1 ", " multiplier ", r12\n\t" \
    "ssat " y0 ", #8, " y0 "\n\t"           \
    "ssat " y1 ", #8, " y1 "\n\t"

TCN_ASSEMBLY(96)
static void tcn_dsp_winograd_channels(TCN_UNUSED tcn_dsp_winograd_block_t *block)
{
    __asm__("push {r0, r4-r11, lr}\n\t"
            "sub sp, #56\n\t"
            "ldm r0, {r1-r10}\n\t"
            "strd r1, r2, [sp, #16]\n\t"
            "strd r3, r5, [sp, #24]\n\t"
            "strd r6, r7, [sp, #32]\n\t"
            "strd r8, r9, [sp, #40]\n\t"
            "str r10, [sp, #48]\n\t"
            "mov r0, r4\n"
            "1:\n\t"
            "ldrd r1, r2, [sp, #16]\n\t"
            "ldr r3, [sp, #24]\n\t"
            "ldr r4, [sp, #48]\n\t"
            "strd r1, r2, [sp, #4]\n\t"
            "str r3, [sp, #12]\n\t"
            "str r4, [sp, #52]\n"
            "2:\n\t"
            "ldrd r7, r11, [r0], #8\n\t"
            TCN_WINOGRAD_ROW("4", TCN_WINOGRAD_PAIR("r7", "r11", "r7", "r11", "r7", "r11", "r7", "r11") "b 4f\n")
            TCN_WINOGRAD_ROW("8", "\n")
            TCN_WINOGRAD_ROW("12", "\n")
            "ldr r1, [sp, #52]\n\t"
            "ldr r2, [sp, #48]\n\t"
            "stm r1!, {r4-r11}\n\t"
            "add r2, #128\n\t"
            "str r1, [sp, #52]\n\t"
            "cmp r1, r2\n\t"
            "bne 2b\n\t"
            "ldrd r2, r3, [r0], #8\n\t"
            "cmp r2, #0\n\t"
            "beq 5f\n\t"
            "sub r1, #128\n\t"
            "ldrd r12, r10, [sp, #32]\n\t"
            "ldr lr, [sp, #40]\n\t"
            TCN_WINOGRAD_FINISH(
                TCN_WINOGRAD_OUTPUTS("r4", "r5", "], #4", "28", "60", "92", "r2")
                TCN_WINOGRAD_OUTPUTS("r8", "r9", ", #12]", "44", "76", "108", "r3")
                "bfi r4, r8, #8, #8\n\t"
                "bfi r5, r9, #8, #8\n\t"
                "strh r4, [lr]\n\t"
                "strh r5, [lr, r10]\n\t"
                "add lr, lr, r10, lsl #1\n\t")
            "ldrd r1, r2, [sp, #40]\n\t"
            "add r1, #2\n\t"
            "str r1, [sp, #40]\n\t"
            "cmp r1, r2\n\t"
            "bne 1b\n"
            "5:\n\t"
            "ldr r1, [sp, #56]\n\t"
            "ldr r2, [sp, #40]\n\t"
            "str r0, [r1, #12]\n\t"
            "str r2, [r1, #28]\n\t"
            "add sp, #60\n\t"
            "pop {r4-r11, pc}");
}
#endif

/* The sums of two channels in C. */
TCN_UNUSED static void tcn_dsp_winograd_sums(tcn_dsp_winograd_block_t *block)
{
    const uint32_t *weights = block->weights;
    int32_t m;
    int32_t r;
    int32_t pair;
    int32_t tile;

    for (m = 0; m < 4; m++) {
        uint32_t *const sums = block->sums + 8 * m;

        for (tile = 0; tile < 4; tile++) {
            sums[tile] = weights[0];
            sums[tile + 4] = weights[1];
        }
        weights += 2;
        for (r = 0; r < 3; r++) {
            const uint32_t *x = block->rows[r] + m * block->m_bytes / 4;

            for (pair = 0; pair < block->m_bytes / 16; pair++) {
                for (tile = 0; tile < 4; tile++) {
                    sums[tile] = tcn_smlad(weights[0], *x, sums[tile]);
                    sums[tile + 4] = tcn_smlad(weights[1], *x++, sums[tile + 4]);
                }
                weights += 2;
            }
        }
    }
    block->weights = weights + 2;
}

/* Finish the two channels whose sums are there. */
static void tcn_dsp_winograd_finish(tcn_dsp_winograd_block_t *block, const TCN_FLASH tcn_rescale_t *rescale,
                                    int32_t channel)
{
    int8_t *output = block->output;
    int32_t i;

    for (i = 0; i < 8; i++) {
        int lane;

        for (lane = 0; lane < 2; lane++) {
            const uint32_t *const m = block->sums + 4 * lane + i / 2;
            const uint32_t twice = i % 2 == 0 ? m[0] + m[8] + m[16] : m[8] - m[16] - m[24];
            const int32_t sum = tcn_signed(twice) >> 1;
            const int32_t multiplier = tcn_signed((block->weights - 2)[lane]);

            if (multiplier == 0) {
                output[lane] = tcn_rescale(rescale, channel + lane, sum);
            } else {
                const int64_t product = (int64_t)sum * multiplier + INT64_C(0x80000000);
                const int32_t y = (int32_t)(product >> 32) + block->zero_point;

                output[lane] = (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
            }
        }
        output += block->pitch;
    }
    block->output += 2;
}

/* Bring a row of the input into sums and differences, [blocks][4][pairs][4]; `zeros` is a pixel of zero points. */
static void tcn_dsp_winograd_keep(const TCN_FLASH tcn_dsp_winograd_t *layer, uint32_t *to, const int8_t *row,
                                  const int8_t *zeros)
{
    const int32_t channels = layer->input_channels;
    int32_t column = -layer->pad;
    int32_t block;
    int i;

    for (block = 0; block < layer->blocks; block++) {
        const int8_t *from[10];

        for (i = 0; i < 10; i++) {
            /* unsigned: a column before the first one is not below the width either */
            const int is_inside = (uint32_t)(column + i) < (uint32_t)layer->input_width;

            from[i] = is_inside ? row + (column + i) * channels : zeros;
        }
        tcn_dsp_winograd_columns(to, from, channels);
        to += 8 * channels;
        column += 8;
    }
}

/* Row number `row` of the output; input[r] is the input under row r of the kernel, or a row of zero points. `scratch`
 * has three rows, the sums, a pixel of zero points and, where the last eight outputs are not all there, room for eight.
 * It is kept from row to row. */
TCN_KERNEL static void tcn_dsp_winograd_row(const TCN_FLASH tcn_dsp_winograd_t *layer, const int8_t *const *input,
                                            int32_t row, int8_t *scratch, int8_t *output)
{
    const int32_t channels = layer->output_channels;
    const int32_t block_words = 8 * layer->input_channels;
    const int32_t kept_row = layer->blocks * block_words;
    uint32_t *const kept = (uint32_t *)(void *)scratch;
    int8_t *const zeros = (int8_t *)(kept + 3 * kept_row + 32);
    int8_t *const eight = zeros + layer->input_channels;
    tcn_dsp_winograd_block_t block;
    int32_t x;
    int32_t i;

    for (i = 0; row == 0 && i < layer->input_channels; i++) {
        zeros[i] = (int8_t)layer->input_zero_point;
    }
    for (i = 0; i < 3; i++) {
        uint32_t *const to = kept + (row + i) % 3 * kept_row;

        if (row == 0 || i == 2) {
            tcn_dsp_winograd_keep(layer, to, input[i], zeros);
        }
        block.rows[i] = to;
    }
    block.m_bytes = 8 * layer->input_channels;
    block.zero_point = layer->output_zero_point;
    block.pitch = channels;
    block.sums = kept + 3 * kept_row;
    for (x = 0; x < layer->output_width; x += 8) {
        const int32_t columns = layer->output_width - x < 8 ? layer->output_width - x : 8;
        int8_t *const begin = columns == 8 ? output : eight;

        block.weights = (const uint32_t *)layer->weights;
        block.output = begin;
        block.end = begin + channels;
        while (block.output != block.end) {
#if TCN_HAS_DSP
            tcn_dsp_winograd_channels(&block);
#else
            tcn_dsp_winograd_sums(&block);
#endif
            if (block.output != block.end) {
                tcn_dsp_winograd_finish(&block, &layer->rescale, (int32_t)(block.output - begin));
            }
        }
        for (i = 0; columns < 8 && i < columns * channels; i++) {
            output[i] = eight[i];
        }
        output += columns * channels;
        block.rows[0] += block_words;
        block.rows[1] += block_words;
        block.rows[2] += block_words;
    }
}

#endif /* TCN_DSP_WINOGRAD_H */
