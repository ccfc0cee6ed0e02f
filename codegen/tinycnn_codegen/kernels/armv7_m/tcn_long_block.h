#ifndef TCN_LONG_BLOCK_H
#define TCN_LONG_BLOCK_H

#include "tcn_flash.h"
#include "tcn_long.h"

/* A block of outputs that is summed at once: two pairs of channels at two columns. A word of weights is w0 + 2^24 w1 of
 * a pair of channels, so that one SMLAL, which adds a product to 64 bits, serves both. The lower 24 bits begin with
 * 2^23, which keeps them from being negative and is subtracted by the bias; that the sum of w0 fits them was proved
 * from the weights when the network was generated. */
#define TCN_BLOCK_CHANNELS 4
#define TCN_BLOCK_COLUMNS 2
#define TCN_BLOCK_ASSEMBLY 0 /* that sets the sums of all runs at once */
#define TCN_BLOCK_SPREAD 1 /* bytes from an input of a column to the next, where they are gathered */

typedef int32_t tcn_weight_t;

typedef struct {
    int64_t pairs[2][2]; /* [columns][channels / 2] */
    int32_t sums[2][4];  /* [columns][channels] */
} tcn_block_t;

static inline uint8_t tcn_block_input(uint8_t x)
{
    return x;
}

static inline void tcn_block_clear(tcn_block_t *block)
{
    block->pairs[0][0] = 1 << 23;
    block->pairs[0][1] = 1 << 23;
    block->pairs[1][0] = 1 << 23;
    block->pairs[1][1] = 1 << 23;
}

/* Call this between the last product and reading the sums. */
static inline void tcn_block_finish(tcn_block_t *block)
{
    int i;

    for (i = 0; i < 2; i++) {
        block->sums[i][0] = (int32_t)(block->pairs[i][0] & 0xFFFFFF);
        block->sums[i][1] = (int32_t)(block->pairs[i][0] >> 24);
        block->sums[i][2] = (int32_t)(block->pairs[i][1] & 0xFFFFFF);
        block->sums[i][3] = (int32_t)(block->pairs[i][1] >> 24);
    }
}

/* Add the products of a run of `taps` inputs, at `x` and `step` bytes further on for the other column. The weights are
 * two words for each of them. Returns the weights that come next.
 *
 * The inner loop takes 7 instructions for 8 multiply-accumulates (LDRD, 2 LDRSB, 4 SMLAL) and 3 more for every 64, 0.92
 * each; the bound is 0.5, SMLAL alone. On a Cortex-M3 SMLAL takes 4 to 7 cycles and MLA 2, so a SMLAL for two of them
 * saves loads, not multiplications. */
#if TCN_HAS_LONG
/* r0: an input; r1: weights, r12 and lr: two of them; r2, r3: inputs of the columns; r4 to r11: the block; sp: where
 * eight inputs at a time end, and all of them. */
#define TCN_LONG_TAP                \
    "ldrd r12, lr, [r1], #8\n\t"    \
    "ldrsb r0, [r2], #1\n\t"        \
    "smlal r4, r5, r12, r0\n\t"     \
    "smlal r6, r7, lr, r0\n\t"      \
    "ldrsb r0, [r3], #1\n\t"        \
    "smlal r8, r9, r12, r0\n\t"     \
    "smlal r10, r11, lr, r0\n\t"
TCN_ASSEMBLY(48)
static const int32_t *tcn_block_product(TCN_UNUSED tcn_block_t *block, TCN_UNUSED const int32_t *weights,
                                        TCN_UNUSED const int8_t *x, TCN_UNUSED int32_t step, TCN_UNUSED int32_t taps)
{
    __asm__("push {r0, r4-r11, lr}\n\t"
            "ldr r12, [sp, #40]\n\t"
            "add r3, r2\n\t"
            "add lr, r2, r12\n\t"
            "bic r12, r12, #7\n\t"
            "add r12, r2\n\t"
            "push {r12, lr}\n\t"
            "ldm r0, {r4-r11}\n\t"
            "cmp r2, r12\n\t"
            "beq 2f\n"
            "1:\n\t"
            TCN_LONG_TAP TCN_LONG_TAP TCN_LONG_TAP TCN_LONG_TAP
            TCN_LONG_TAP TCN_LONG_TAP TCN_LONG_TAP TCN_LONG_TAP
            "ldr r0, [sp]\n\t"
            "cmp r2, r0\n\t"
            "bne 1b\n"
            "2:\n\t"
            "ldr r0, [sp, #4]\n\t"
            "cmp r2, r0\n\t"
            "beq 4f\n"
            "3:\n\t"
            TCN_LONG_TAP
            "ldr r0, [sp, #4]\n\t"
            "cmp r2, r0\n\t"
            "bne 3b\n"
            "4:\n\t"
            "add sp, #8\n\t"
            "pop {r0}\n\t"
            "stm r0, {r4-r11}\n\t"
            "mov r0, r1\n\t"
            "pop {r4-r11, pc}");
}
#else
static inline const TCN_FLASH int32_t *tcn_block_product(tcn_block_t *block, const TCN_FLASH int32_t *weights,
                                                         const int8_t *x, int32_t step, int32_t taps)
{
    const int8_t *x_right = x + step;

    for (; taps > 0; taps--) {
        block->pairs[0][0] += (int64_t)weights[0] * *x;
        block->pairs[0][1] += (int64_t)weights[1] * *x;
        block->pairs[1][0] += (int64_t)weights[0] * *x_right;
        block->pairs[1][1] += (int64_t)weights[1] * *x_right;
        x++;
        x_right++;
        weights += 2;
    }
    return weights;
}
#endif

/* The same for one column and two blocks of channels: four words for each input. */
static inline const TCN_FLASH int32_t *tcn_block_vector(tcn_block_t *block, const TCN_FLASH int32_t *weights,
                                                        const int8_t *x, int32_t inputs)
{
    const int8_t *const end = x + inputs;
    int64_t a = block->pairs[0][0];
    int64_t b = block->pairs[0][1];
    int64_t c = block->pairs[1][0];
    int64_t d = block->pairs[1][1];

    while (x != end) {
        const int32_t value = *x++;

        a += (int64_t)weights[0] * value;
        b += (int64_t)weights[1] * value;
        c += (int64_t)weights[2] * value;
        d += (int64_t)weights[3] * value;
        weights += 4;
    }
    block->pairs[0][0] = a;
    block->pairs[0][1] = b;
    block->pairs[1][0] = c;
    block->pairs[1][1] = d;
    return weights;
}

#endif /* TCN_LONG_BLOCK_H */
