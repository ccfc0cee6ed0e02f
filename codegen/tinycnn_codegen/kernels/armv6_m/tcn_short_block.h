#ifndef TCN_SHORT_BLOCK_H
#define TCN_SHORT_BLOCK_H

#include "tcn_flash.h"
#include "tcn_short.h"

/* A block of outputs that is summed at once: two pairs of channels, one after the other, at two columns. A word of
 * weights is w0 + 65536 w1, so that one multiplication serves both; the sums of such products are split before either
 * half could overflow. Where that is was found from the weights when the network was generated.
 *
 * Inputs come from scratch, with 128 added, since the Cortex-M0 loads unsigned bytes at a constant distance, and those
 * of both columns in turn. What they add to a sum is subtracted by the bias. */
#define TCN_BLOCK_CHANNELS 4
#define TCN_BLOCK_COLUMNS 2
#define TCN_BLOCK_ASSEMBLY 0 /* that sets the sums of all runs at once */
#define TCN_BLOCK_SPREAD 2 /* bytes from an input of a column to the next */

/* Inputs that a chunk of weights has at most. */
#define TCN_SHORT_CHUNK 16

typedef int32_t tcn_weight_t;

typedef struct {
    int32_t sums[2][4]; /* [columns][channels] */
} tcn_block_t;

static inline uint8_t tcn_block_input(uint8_t x)
{
    return (uint8_t)(x ^ 128u);
}

/* tcn_block_product sets all sums at once, so there is nothing to begin or to finish. */
static inline void tcn_block_clear(tcn_block_t *block)
{
    (void)block;
}

static inline void tcn_block_finish(tcn_block_t *block)
{
    (void)block;
}

#if TCN_HAS_SHORT
/* Both functions below enter 16 copies of what one input takes where the chunk has its first; the end of the weights
 * enters before label 1. Their registers:
 *
 * r0 weights, r1 inputs, r6 and r7 the sums of products, r8 to r11 the sums over all chunks; sp: where those go,
 * inputs */
#define TCN_SHORT_BEGIN             \
    ".syntax unified\n\t"           \
    "push {r4-r7, lr}\n\t"          \
    "mov r4, r8\n\t"                \
    "mov r5, r9\n\t"                \
    "mov r6, r10\n\t"               \
    "mov r7, r11\n\t"               \
    "push {r0, r2, r4-r7}\n\t"      \
    "mov r0, r1\n\t"
#define TCN_SHORT_ZERO              \
    "movs r1, #0\n\t"               \
    "mov r8, r1\n\t"                \
    "mov r9, r1\n\t"                \
    "mov r10, r1\n\t"               \
    "mov r11, r1\n\t"               \
    "ldr r1, [sp, #4]\n\t"          \
    "b 1f\n"
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
#define TCN_SHORT_SUMS              \
    "mov r4, r8\n\t"                \
    "mov r5, r9\n\t"                \
    "mov r6, r10\n\t"               \
    "mov r7, r11\n\t"               \
    "ldr r3, [sp]\n\t"
#define TCN_SHORT_RETURN            \
    "add sp, #8\n\t"                \
    "pop {r4-r7}\n\t"               \
    "mov r8, r4\n\t"                \
    "mov r9, r5\n\t"                \
    "mov r10, r6\n\t"               \
    "mov r11, r7\n\t"               \
    "pop {r4-r7, pc}\n"
#endif

/* The products of inputs at `x`. For each pair of channels the weights are chunks: the bytes of code and of inputs by
 * which a chunk is shorter than TCN_SHORT_CHUNK, what the sums of products begin with, and a word for each input; four
 * words end them, the first negative. Returns the weights that come next.
 *
 * An input takes 7 instructions for 4 multiply-accumulates (LDM, 2 LDRB, 2 MULS, 2 ADDS), 1.75 each, and a chunk 13:
 * with 6 inputs a chunk 2.3 each. The bound without pairs is 3, since MULS overwrites a factor. */
#if TCN_HAS_SHORT
TCN_ASSEMBLY(44)
static const int32_t *tcn_block_product(TCN_UNUSED tcn_block_t *block, TCN_UNUSED const int32_t *weights,
                                        TCN_UNUSED const int8_t *x, TCN_UNUSED int32_t step,
                                        TCN_UNUSED int32_t taps)
{
    __asm__(TCN_SHORT_BEGIN
            "movs r2, #2\n\t"
            "mov lr, r2\n"
            "2:\n\t"
            TCN_SHORT_ZERO
            "3:\n\t"
            TCN_SHORT_SUMS
            "stm r3!, {r4, r5}\n\t"
            "str r6, [r3, #8]\n\t"
            "str r7, [r3, #12]\n\t"
            "str r3, [sp]\n\t"
            "mov r2, lr\n\t"
            "subs r2, r2, #1\n\t"
            "mov lr, r2\n\t"
            "bne 2b\n\t"
            TCN_SHORT_RETURN
            "b 3b\n"
            "1:\n\t"
            "ldm r0!, {r2, r3, r6, r7}\n\t"
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
static inline const TCN_FLASH int32_t *tcn_block_product(tcn_block_t *block, const TCN_FLASH int32_t *weights,
                                                         const int8_t *x, int32_t step, int32_t taps)
{
    int pair;

    (void)step;
    (void)taps;
    for (pair = 0; pair < 4; pair += 2) {
        int32_t *const left = block->sums[0] + pair;
        int32_t *const right = block->sums[1] + pair;
        const uint8_t *byte = (const uint8_t *)x;

        left[0] = left[1] = right[0] = right[1] = 0;
        while (weights[0] >= 0) {
            int32_t inputs = TCN_SHORT_CHUNK - weights[1] / TCN_BLOCK_SPREAD;
            int32_t left_both = weights[2];
            int32_t right_both = weights[3];

            for (weights += 4; inputs > 0; inputs--) {
                left_both += *weights * byte[0];
                right_both += *weights++ * byte[1];
                byte += TCN_BLOCK_SPREAD;
            }
            left[0] += left_both & 0xFFFF;
            left[1] += left_both >> 16;
            right[0] += right_both & 0xFFFF;
            right[1] += right_both >> 16;
        }
        weights += 4;
    }
    return weights;
}
#endif

/* Four channels of one column, whose inputs follow each other: two words for each input. `sums` are set.
 *
 * An input takes 6 instructions for 4 multiply-accumulates (LDM, LDRB, 2 MULS, 2 ADDS), 1.5 each, and a chunk 13. */
#if TCN_HAS_SHORT
TCN_ASSEMBLY(44)
static const int32_t *tcn_short_vector(TCN_UNUSED int32_t *sums, TCN_UNUSED const int32_t *weights,
                                       TCN_UNUSED const int8_t *x)
{
    __asm__(TCN_SHORT_BEGIN
            TCN_SHORT_ZERO
            "3:\n\t"
            TCN_SHORT_SUMS
            "stm r3!, {r4-r7}\n\t"
            TCN_SHORT_RETURN
            "b 3b\n"
            "1:\n\t"
            "ldm r0!, {r2, r3, r6, r7}\n\t"
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
static inline const TCN_FLASH int32_t *tcn_short_vector(int32_t *sums, const TCN_FLASH int32_t *weights,
                                                        const int8_t *x)
{
    const uint8_t *byte = (const uint8_t *)x;

    sums[0] = sums[1] = sums[2] = sums[3] = 0;
    while (weights[0] >= 0) {
        int32_t inputs = TCN_SHORT_CHUNK - weights[1];
        int32_t first = weights[2];
        int32_t second = weights[3];

        for (weights += 4; inputs > 0; inputs--) {
            first += weights[0] * *byte;
            second += weights[1] * *byte++;
            weights += 2;
        }
        sums[0] += first & 0xFFFF;
        sums[1] += first >> 16;
        sums[2] += second & 0xFFFF;
        sums[3] += second >> 16;
    }
    return weights + 4;
}
#endif

#endif /* TCN_SHORT_BLOCK_H */
