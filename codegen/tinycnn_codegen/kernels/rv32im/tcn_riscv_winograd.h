#ifndef TCN_RISCV_WINOGRAD_H
#define TCN_RISCV_WINOGRAD_H

#include "tcn_riscv.h"
#include "tcn_signed.h"
#include "tcn_word.h"

/* Convolution 3 x 3 with stride 1 by Winograd's F(4 x 4, 3 x 3): 36 products make 16 outputs, 4 x 4, of 6 x 6 inputs of
 * a channel, instead of 144. Lavin and Gray, "Fast algorithms for convolutional neural networks", has the matrices.
 * Here all are of integers: the sums are 576 times what is wanted, modulo 2^32. Times the inverse of 9 modulo 2^32 they
 * are exactly 64 times that, which fits int32.
 *
 * The tensors lie in memory with all their rows. Four rows of the output are made at a time, when all that they read
 * was transformed, since they may lie where earlier rows of the input were. */
typedef struct {
    int32_t input_height;
    int32_t input_width;
    int32_t input_channels; /* even */
    int32_t output_height;
    int32_t output_width;
    int32_t output_channels; /* a multiple of 8 */
    int32_t pad;
    int32_t input_zero_point;
    const TCN_FLASH int16_t *weights; /* [output_channels / 8][6 rows x 6 columns][input_channels][8] */
    tcn_word_outputs_t outputs;
} tcn_riscv_winograd_t;

#define TCN_WINOGRAD_PRODUCTS (36 * 8 * 2)

/* Without this compilers copy the largest functions for each layer. */
#if defined(__clang__)
#define TCN_ONE_COPY __attribute__((noinline))
#elif defined(__GNUC__)
#define TCN_ONE_COPY __attribute__((noinline, noclone))
#else
#define TCN_ONE_COPY
#endif

/* Six inputs next to each other, transformed, to numbers that are `step` apart: at most 10 times as large. */
static inline void tcn_winograd_six(int32_t d0, int32_t d1, int32_t d2, int32_t d3, int32_t d4, int32_t d5, int16_t *to,
                                    int32_t step)
{
    const int32_t even = d4 - d2;
    const int32_t odd = 2 * (d3 - d1);
    const int32_t even4 = d4 - 4 * d2;
    const int32_t odd4 = d3 - 4 * d1;
    const int32_t first = 4 * (d0 - d2) + even;
    const int32_t second = even4 + odd4;
    const int32_t third = even4 - odd4;
    const int32_t fourth = even + odd;
    const int32_t fifth = even - odd;
    const int32_t sixth = d5 - d3 - 2 * odd;

    *to = (int16_t)first;
    to += step;
    *to = (int16_t)second;
    to += step;
    *to = (int16_t)third;
    to += step;
    *to = (int16_t)fourth;
    to += step;
    *to = (int16_t)fifth;
    to += step;
    *to = (int16_t)sixth;
}

/* All channels of a tile, whose first column is `column`, to [6 x 6][channels][2]. Of `columns`, [6 rows][6], those
 * outside the input have what the zero point gives. */
TCN_ONE_COPY static void tcn_winograd_input(const TCN_FLASH tcn_riscv_winograd_t *layer, const int8_t *const *rows,
                                            int32_t column, int16_t *columns, int16_t *to)
{
    const int32_t channels = layer->input_channels;
    const int32_t zero_point = layer->input_zero_point;
    const int32_t end = layer->input_width - column;
    const int8_t *const row0 = rows[0];
    const int8_t *const row1 = rows[1];
    const int8_t *const row2 = rows[2];
    const int8_t *const row3 = rows[3];
    const int8_t *const row4 = rows[4];
    const int8_t *const row5 = rows[5];
    int32_t channel;
    int32_t i;

    for (i = 0; i < 6; i++) {
        tcn_winograd_six(zero_point, zero_point, zero_point, zero_point, zero_point, zero_point, columns + i, 6);
    }
    for (channel = 0; channel < channels; channel++) {
        int32_t at = column * channels + channel;
        int16_t *v = to;

        for (i = 0; i < 6; i++) {
            if (column + i >= 0 && i < end) {
                tcn_winograd_six(row0[at], row1[at], row2[at], row3[at], row4[at], row5[at], columns + i, 6);
            }
            at += channels;
        }
        for (i = 0; i < 36; i += 6) {
            tcn_winograd_six(columns[i], columns[i + 1], columns[i + 2], columns[i + 3], columns[i + 4], columns[i + 5],
                             v, 2 * channels);
            v += 12 * channels;
        }
        to += 2;
    }
}

/* The products of 8 output channels and 2 tiles, added up over the input channels: [6 x 6][8][2]. `inputs` are
 * [6 x 6][channels][2].
 *
 * An input channel takes 42 instructions for 16 products (10 LH, 16 MUL, 16 ADD) and 1.5 for the loop: 2.7 each, 0.68
 * for a multiply-accumulate of the convolution. The bound is 0.5, MUL and ADD. */
#if TCN_HAS_RISCV
#define TCN_WINOGRAD_WEIGHT(at, weight, product, left, right) \
    "lh " weight ", " #at "(a1)\n\t"                          \
    "mul " product ", " weight ", t4\n\t"                     \
    "mul " weight ", " weight ", t5\n\t"                      \
    "add " left ", " left ", " product "\n\t"                 \
    "add " right ", " right ", " weight "\n\t"
#define TCN_WINOGRAD_CHANNEL(at)                                      \
    "lh t4, 4 * " #at "(a2)\n\t"                                      \
    "lh t5, 4 * " #at " + 2(a2)\n\t"                                  \
    TCN_WINOGRAD_WEIGHT(16 * at + 0, "t6", "ra", "s0", "s1")          \
    TCN_WINOGRAD_WEIGHT(16 * at + 2, "a6", "a7", "s2", "s3")          \
    TCN_WINOGRAD_WEIGHT(16 * at + 4, "t6", "ra", "s4", "s5")          \
    TCN_WINOGRAD_WEIGHT(16 * at + 6, "a6", "a7", "s6", "s7")          \
    TCN_WINOGRAD_WEIGHT(16 * at + 8, "t6", "ra", "s8", "s9")          \
    TCN_WINOGRAD_WEIGHT(16 * at + 10, "a6", "a7", "s10", "s11")       \
    TCN_WINOGRAD_WEIGHT(16 * at + 12, "t6", "ra", "t0", "t1")         \
    TCN_WINOGRAD_WEIGHT(16 * at + 14, "a6", "a7", "t2", "t3")
/* a0: products, a3: their end; a1: weights; a2: inputs, a4: their end, a5: bytes of them. */
TCN_ASSEMBLY(64)
static void tcn_winograd_products(TCN_UNUSED uint32_t *products, TCN_UNUSED const int16_t *weights,
                                  TCN_UNUSED const int16_t *inputs, TCN_UNUSED int32_t channels)
{
    __asm__("addi sp, sp, -64\n\t"
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n\t"
            "sw s\\n, 4 * \\n(sp)\n\t"
            ".endr\n\t"
            "sw ra, 48(sp)\n\t"
            "slli a5, a3, 2\n\t"
            "addi a3, a0, 1152\n\t"
            "addi a3, a3, 1152\n"
            "1:\n\t"
            ".irp sum, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t0, t1, t2, t3\n\t"
            "li \\sum, 0\n\t"
            ".endr\n\t"
            "add a4, a2, a5\n"
            "2:\n\t"
            TCN_WINOGRAD_CHANNEL(0)
            TCN_WINOGRAD_CHANNEL(1)
            "addi a1, a1, 32\n\t"
            "addi a2, a2, 8\n\t"
            "bne a2, a4, 2b\n\t"
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n\t"
            "sw s\\n, 4 * \\n(a0)\n\t"
            ".endr\n\t"
            ".irp n, 0, 1, 2, 3\n\t"
            "sw t\\n, 4 * \\n + 48(a0)\n\t"
            ".endr\n\t"
            "addi a0, a0, 64\n\t"
            "bne a0, a3, 1b\n\t"
            "lw ra, 48(sp)\n\t"
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n\t"
            "lw s\\n, 4 * \\n(sp)\n\t"
            ".endr\n\t"
            "addi sp, sp, 64\n\t"
            "ret");
}
#else
static void tcn_winograd_products(uint32_t *products, const TCN_FLASH int16_t *weights, const int16_t *inputs,
                                  int32_t channels)
{
    const uint32_t *const end = products + TCN_WINOGRAD_PRODUCTS;

    while (products != end) {
        uint32_t sums[8][2] = {{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}};
        int32_t channel;
        int i;

        for (channel = 0; channel < channels; channel++) {
            for (i = 0; i < 8; i++) {
                sums[i][0] += (uint32_t)((int32_t)*weights * inputs[0]);
                sums[i][1] += (uint32_t)((int32_t)*weights * inputs[1]);
                weights++;
            }
            inputs += 2;
        }
        for (i = 0; i < 8; i++) {
            *products++ = sums[i][0];
            *products++ = sums[i][1];
        }
    }
}
#endif

/* Six sums of products next to each other, `step` apart, to four outputs. */
static inline void tcn_winograd_four(const uint32_t *m, int32_t step, uint32_t *to)
{
    const uint32_t sum = m[step] + m[2 * step];
    const uint32_t difference = m[step] - m[2 * step];
    const uint32_t sum2 = m[3 * step] + m[4 * step];
    const uint32_t difference2 = m[3 * step] - m[4 * step];

    to[0] = m[0] + sum + sum2;
    to[1] = difference + 2 * difference2;
    to[2] = sum + 4 * sum2;
    to[3] = difference + 8 * difference2 + 2 * m[5 * step];
}

/* 954437177 is the inverse of 9. */
static inline int32_t tcn_winograd_sum(uint32_t sum)
{
    return tcn_signed(sum * 954437177u) >> 6;
}

static inline int8_t tcn_winograd_rescale(uint32_t sum, int32_t bias, int32_t multiplier, int32_t rounding)
{
    return (int8_t)tcn_halve(tcn_high_word(tcn_winograd_sum(sum) + bias, multiplier) + rounding);
}

/* A channel of a tile: the outputs inside [rows][columns], at most 4 x 4. `products` are those of this channel and
 * tile, `half` has room for [6 columns][4 rows]. */
TCN_ONE_COPY static void tcn_winograd_output(const TCN_FLASH tcn_riscv_winograd_t *layer, const uint32_t *products,
                                             uint32_t *half, int32_t channel, int32_t rows, int32_t columns,
                                             int8_t *output)
{
    const int32_t channels = layer->output_channels;
    const int32_t bias = layer->outputs.constants[2 * channel];
    const int32_t multiplier = layer->outputs.constants[2 * channel + 1];
    const int32_t rounding = layer->outputs.rounding;
    int32_t row;
    int i;

    for (i = 0; i < 6; i++) {
        tcn_winograd_four(products + 16 * i, 6 * 16, half + 4 * i);
    }
    for (row = 0; row < rows; row++) {
        uint32_t four[4];

        tcn_winograd_four(half + row, 4, four);
        if (columns == 4 && multiplier != 0) {
            int8_t *to = output;

            *to = tcn_winograd_rescale(four[0], bias, multiplier, rounding);
            to += channels;
            *to = tcn_winograd_rescale(four[1], bias, multiplier, rounding);
            to += channels;
            *to = tcn_winograd_rescale(four[2], bias, multiplier, rounding);
            to += channels;
            *to = tcn_winograd_rescale(four[3], bias, multiplier, rounding);
        } else {
            for (i = 0; i < columns; i++) {
                const int32_t sum = tcn_winograd_sum(four[i]) + bias;

                output[i * channels] = (int8_t)tcn_word_rescale(&layer->outputs, channel, multiplier, rounding, sum);
            }
        }
        output += layer->output_width * channels;
    }
}

/* The whole tensor; rows[r] is the input under row r of the kernel at the output's first row, or a row of zero
 * points. */
TCN_ONE_COPY static void tcn_riscv_winograd_row(const TCN_FLASH tcn_riscv_winograd_t *layer,
                                                const int8_t *const *rows, int8_t *scratch, int8_t *output)
{
    const int32_t width = layer->output_width;
    const int32_t channels = layer->input_channels;
    const int32_t pair = TCN_WINOGRAD_PRODUCTS / 8 * channels; /* inputs of two tiles */
    uint32_t *const products = (uint32_t *)(void *)scratch;
    uint32_t *const half = products + TCN_WINOGRAD_PRODUCTS;
    int16_t *const six = (int16_t *)(void *)half;
    int16_t *const inputs = (int16_t *)(void *)(half + 24);
    int32_t row;

    for (row = 0; row < layer->output_height; row += 4) {
        const int32_t height = layer->output_height - row < 4 ? layer->output_height - row : 4;
        const int8_t *window[6];
        int16_t *two = inputs;
        int32_t column;
        int32_t channel;

        for (column = 0; column < 6; column++) {
            const int32_t at = row - layer->pad + column;

            window[column] = at < 0 || at >= layer->input_height
                                 ? rows[0]
                                 : rows[layer->pad] + at * layer->input_width * channels;
        }
        for (column = 0; column < width; column += 8) {
            tcn_winograd_input(layer, window, column - layer->pad, six, two);
            tcn_winograd_input(layer, window, column - layer->pad + 4, six, two + 1);
            two += pair;
        }
        for (channel = 0; channel < layer->output_channels; channel += 8) {
            const TCN_FLASH int16_t *const weights = layer->weights + 36 * channels * channel;

            two = inputs;
            for (column = 0; column < width; column += 4) {
                const int32_t tile = column / 4 % 2;
                const int32_t columns = width - column < 4 ? width - column : 4;
                int32_t lane;

                if (tile == 0) {
                    tcn_winograd_products(products, weights, two, channels);
                    two += pair;
                }
                for (lane = 0; lane < 8; lane++) {
                    tcn_winograd_output(layer, products + 2 * lane + tile, half, channel + lane, height,
                                        columns, output + column * layer->output_channels + channel + lane);
                }
            }
        }
        output += 4 * width * layer->output_channels;
    }
}

#endif /* TCN_RISCV_WINOGRAD_H */
