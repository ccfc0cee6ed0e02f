#ifndef TCN_SHORT_BLOCK_H
#define TCN_SHORT_BLOCK_H

#include "tcn_flash.h"

/* A block of outputs that is summed at once: a pair of channels at two columns. A word of weights is w0 + 65536 w1, so
 * that one multiplication serves both; the sums of such products are split before either half could overflow. Where
 * that is was found from the weights when the network was generated.
 *
 * Inputs come from scratch, with 128 added, since the Cortex-M0 loads unsigned bytes at a constant distance, and those of
 * both columns in turn. What they add to a sum is subtracted by the bias. */
#define TCN_BLOCK_CHANNELS 2
#define TCN_BLOCK_SPREAD 2 /* bytes from an input of a column to the next */

/* Inputs that a chunk of weights has at most. */
#define TCN_SHORT_CHUNK 16

#if defined(__ARM_ARCH_6M__) && defined(__GNUC__) && !defined(TCN_PORTABLE)
#define TCN_HAS_SHORT 1
#if defined(__clang__)
#define TCN_SHORT_ASSEMBLY __attribute__((naked, noinline, unused))
#else
#define TCN_SHORT_ASSEMBLY __attribute__((naked, noipa, unused))
#endif
#define TCN_SHORT_UNUSED __attribute__((unused))
#else
#define TCN_HAS_SHORT 0
#endif

typedef struct {
    int32_t sums[2][2]; /* [columns][channels] */
} tcn_block_t;

static inline int8_t tcn_block_input(int8_t x)
{
    return (int8_t)(x ^ -128);
}

static inline void tcn_block_clear(tcn_block_t *block)
{
    block->sums[0][0] = 0;
    block->sums[0][1] = 0;
    block->sums[1][0] = 0;
    block->sums[1][1] = 0;
}

/* Call this between the last product and reading the sums. */
static inline void tcn_block_finish(tcn_block_t *block)
{
    (void)block;
}

#if TCN_HAS_SHORT
/* Both functions below enter 16 copies of what one input takes where the chunk has its first. Their registers:
 *
 * r0 weights, r1 inputs, r6 and r7 the sums of products, r8 to r11 the block's sums */
#define TCN_SHORT_BEGIN             \
    ".syntax unified\n\t"          \
    "push {r4-r7, lr}\n\t"          \
    "mov r4, r8\n\t"                \
    "mov r5, r9\n\t"                \
    "mov r6, r10\n\t"               \
    "mov r7, r11\n\t"               \
    "push {r0, r4-r7}\n\t"          \
    "ldm r0!, {r4-r7}\n\t"          \
    "mov r8, r4\n\t"                \
    "mov r9, r5\n\t"                \
    "mov r10, r6\n\t"               \
    "mov r11, r7\n\t"               \
    "mov r0, r1\n\t"                \
    "mov r1, r2\n\t"               \
    "b 1f\n"                       \
    "3:\n\t"                       \
    "mov r4, r8\n\t"               \
    "mov r5, r9\n\t"               \
    "mov r6, r10\n\t"              \
    "mov r7, r11\n\t"              \
    "pop {r3}\n\t"                 \
    "stm r3!, {r4-r7}\n\t"         \
    "pop {r4-r7}\n\t"              \
    "mov r8, r4\n\t"               \
    "mov r9, r5\n\t"               \
    "mov r10, r6\n\t"              \
    "mov r11, r7\n\t"              \
    "pop {r4-r7, pc}\n"
#define TCN_SHORT_SPLIT             \
    "uxth r4, r6\n\t"               \
    "add r8, r4\n\t"                \
    "asrs r6, r6, #16\n\t"          \
    "add r9, r6\n\t"                \
    "uxth r5, r7\n\t"               \
    "add r10, r5\n\t"               \
    "asrs r7, r7, #16\n\t"          \
    "add r11, r7\n\t"               \
    "b 1b"
#endif

/* Add the products of inputs at `x`. The weights are chunks: twice the number of inputs by which it is shorter than
 * TCN_SHORT_CHUNK, what the sum of products begins with, and a word for each input; a negative number and another one
 * end them. Returns the weights that come next.
 *
 * An input takes 7 instructions for 4 multiply-accumulates (LDM, 2 LDRB, 2 MULS, 2 ADDS), 1.75 each, and a chunk 17: with
 * 6 inputs a chunk 2.5 each. The bound without pairs is 3, since MULS overwrites a factor. */
#if TCN_HAS_SHORT
TCN_SHORT_ASSEMBLY
static const int32_t *tcn_block_product(TCN_SHORT_UNUSED tcn_block_t *block, TCN_SHORT_UNUSED const int32_t *weights,
                                        TCN_SHORT_UNUSED const int8_t *x, TCN_SHORT_UNUSED int32_t step,
                                        TCN_SHORT_UNUSED int32_t taps)
{
    __asm__(TCN_SHORT_BEGIN
            "1:\n\t"
            "ldm r0!, {r3, r6}\n\t"
            "movs r2, #7\n\t"
            "muls r2, r3, r2\n\t"
            "bmi 3b\n\t"
            "mov r7, r6\n\t"
            "subs r1, r1, r3\n\t"
            "add pc, r2\n\t"
            "nop\n\t"
            ".irp at, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30\n\t"
            "ldm r0!, {r4}\n\t"
            "ldrb r5, [r1, #\\at]\n\t"
            "muls r5, r4, r5\n\t"
            "adds r6, r6, r5\n\t"
            "ldrb r5, [r1, #\\at + 1]\n\t"
            "muls r5, r4, r5\n\t"
            "adds r7, r7, r5\n\t"
            ".endr\n\t"
            "adds r1, #32\n\t"
            TCN_SHORT_SPLIT);
}
#else
static const TCN_FLASH int32_t *tcn_block_product(tcn_block_t *block, const TCN_FLASH int32_t *weights, const int8_t *x,
                                                  int32_t step, int32_t taps)
{
    const uint8_t *byte = (const uint8_t *)x;

    (void)step;
    (void)taps;
    for (; weights[0] >= 0; weights += 2) {
        int32_t inputs = TCN_SHORT_CHUNK - weights[0] / 2;
        int32_t left = weights[1];
        int32_t right = weights[1];
        const TCN_FLASH int32_t *weight = weights + 2;

        for (; inputs > 0; inputs--) {
            left += *weight * byte[0];
            right += *weight++ * byte[1];
            byte += 2;
        }
        block->sums[0][0] += left & 0xFFFF;
        block->sums[0][1] += left >> 16;
        block->sums[1][0] += right & 0xFFFF;
        block->sums[1][1] += right >> 16;
        weights = weight - 2;
    }
    return weights + 2;
}
#endif

/* The same for one column, whose inputs follow each other, and two blocks of channels: two words for each input. A chunk
 * begins with the number of inputs by which it is shorter and two sums; a negative number and two others end them.
 *
 * An input takes 6 instructions for 4 multiply-accumulates (LDM, LDRB, 2 MULS, 2 ADDS), 1.5 each, and a chunk 16. */
#if TCN_HAS_SHORT
TCN_SHORT_ASSEMBLY
static const int32_t *tcn_block_vector(TCN_SHORT_UNUSED tcn_block_t *block, TCN_SHORT_UNUSED const int32_t *weights,
                                       TCN_SHORT_UNUSED const int8_t *x, TCN_SHORT_UNUSED int32_t inputs)
{
    __asm__(TCN_SHORT_BEGIN
            "1:\n\t"
            "ldm r0!, {r3, r6, r7}\n\t"
            "movs r2, #12\n\t"
            "muls r2, r3, r2\n\t"
            "bmi 3b\n\t"
            "subs r1, r1, r3\n\t"
            "add pc, r2\n\t"
            "nop\n\t"
            ".irp at, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n\t"
            "ldm r0!, {r4, r5}\n\t"
            "ldrb r3, [r1, #\\at]\n\t"
            "muls r4, r3, r4\n\t"
            "adds r6, r6, r4\n\t"
            "muls r5, r3, r5\n\t"
            "adds r7, r7, r5\n\t"
            ".endr\n\t"
            "adds r1, #16\n\t"
            TCN_SHORT_SPLIT);
}
#else
static const TCN_FLASH int32_t *tcn_block_vector(tcn_block_t *block, const TCN_FLASH int32_t *weights, const int8_t *x,
                                                 int32_t inputs)
{
    const uint8_t *byte = (const uint8_t *)x;

    (void)inputs;
    for (; weights[0] >= 0; weights += 3) {
        int32_t left = TCN_SHORT_CHUNK - weights[0];
        int32_t first = weights[1];
        int32_t second = weights[2];
        const TCN_FLASH int32_t *weight = weights + 3;

        for (; left > 0; left--) {
            first += weight[0] * *byte;
            second += weight[1] * *byte++;
            weight += 2;
        }
        block->sums[0][0] += first & 0xFFFF;
        block->sums[0][1] += first >> 16;
        block->sums[1][0] += second & 0xFFFF;
        block->sums[1][1] += second >> 16;
        weights = weight - 3;
    }
    return weights + 3;
}
#endif

#endif /* TCN_SHORT_BLOCK_H */
