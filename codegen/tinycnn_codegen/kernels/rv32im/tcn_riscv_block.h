#ifndef TCN_RISCV_BLOCK_H
#define TCN_RISCV_BLOCK_H

#include "tcn_flash.h"

/* A block of outputs that is summed at once: two pairs of channels at two columns. A word of weights is w0 + 65536 w1 of
 * a pair of channels, so that one multiplication serves both; the sums of such products are split before either half
 * could overflow. Where that is was found from the weights when the network was generated. */
#define TCN_BLOCK_CHANNELS 4
#define TCN_BLOCK_SPREAD 1 /* bytes from an input of a column to the next, where they are gathered */

/* The functions below are assembly from their first to their last instruction and keep to the calling convention. */
#if defined(__riscv_mul) && __riscv_xlen == 32 && !defined(__riscv_32e) && defined(__GNUC__) && !defined(TCN_PORTABLE)
#define TCN_HAS_RISCV 1
#if defined(__clang__)
#define TCN_RISCV_ASSEMBLY __attribute__((naked, noinline, unused))
#else
#define TCN_RISCV_ASSEMBLY __attribute__((naked, noipa, unused))
#endif
#define TCN_RISCV_UNUSED __attribute__((unused))
#else
#define TCN_HAS_RISCV 0
#endif

typedef struct {
    int32_t sums[2][4]; /* [columns][channels] */
} tcn_block_t;

static inline uint8_t tcn_block_input(uint8_t x)
{
    return x;
}

static inline void tcn_block_clear(tcn_block_t *block)
{
    int i;

    for (i = 0; i < 4; i++) {
        block->sums[0][i] = 0;
        block->sums[1][i] = 0;
    }
}

/* Call this between the last product and reading the sums. */
static inline void tcn_block_finish(tcn_block_t *block)
{
    (void)block;
}

#if TCN_HAS_RISCV
/* a0: block; a1: weights, a4: end of the chunk's; a2: inputs, a3: those of the other column; a5 to a7 and t0: sums of
 * products; s0 to s7: the block's sums; t6: 65535. */
#define TCN_RISCV_BEGIN                  \
    "addi sp, sp, -32\n\t"               \
    ".irp n, 0, 1, 2, 3, 4, 5, 6, 7\n\t" \
    "sw s\\n, 4 * \\n(sp)\n\t"           \
    "lw s\\n, 4 * \\n(a0)\n\t"           \
    ".endr\n\t"                          \
    "lui t6, 16\n\t"                     \
    "addi t6, t6, -1\n"                  \
    "1:\n\t"                             \
    "lw t5, 0(a1)\n\t"                   \
    "addi a1, a1, 4\n\t"                 \
    "beqz t5, 4f\n\t"
/* An odd number of inputs begins with one, the others come in twos. */
#define TCN_RISCV_CHUNK(shift)           \
    "slli a4, t5, " #shift "\n\t"        \
    "add a4, a4, a1\n\t"                 \
    "andi t5, t5, 1\n\t"                 \
    "lui a5, 8\n\t"                      \
    "lui a6, 8\n\t"                      \
    "lui a7, 8\n\t"                      \
    "lui t0, 8\n\t"                      \
    "beqz t5, 2f\n\t"
#define TCN_RISCV_SPLIT(sum, low, high)  \
    "and t1, " sum ", t6\n\t"            \
    "srai " sum ", " sum ", 16\n\t"      \
    "add " low ", " low ", t1\n\t"       \
    "add " high ", " high ", " sum "\n\t"
#define TCN_RISCV_END                    \
    TCN_RISCV_SPLIT("a5", "s0", "s1")    \
    TCN_RISCV_SPLIT("a6", "s2", "s3")    \
    TCN_RISCV_SPLIT("a7", "s4", "s5")    \
    TCN_RISCV_SPLIT("t0", "s6", "s7")    \
    "j 1b\n"                             \
    "4:\n\t"                             \
    ".irp n, 0, 1, 2, 3, 4, 5, 6, 7\n\t" \
    "sw s\\n, 4 * \\n(a0)\n\t"           \
    "lw s\\n, 4 * \\n(sp)\n\t"           \
    ".endr\n\t"                          \
    "addi sp, sp, 32\n\t"                \
    "mv a0, a1\n\t"                      \
    "ret"
#endif

/* Add the products of a run of inputs, at `x` and `step` bytes further on for the other column. The weights are chunks:
 * the number of inputs, then two words for each; 0 ends them. A chunk begins with 2^15, which keeps the lower half
 * from being negative and is subtracted by the bias. Returns the weights that come next.
 *
 * Two inputs take 28 instructions for 16 multiply-accumulates (4 LW, 4 LB, 8 MUL, 8 ADD), 1.75 each, and a chunk about 30:
 * with 6 inputs a chunk 2.4 each. The bound without pairs is 2, MUL and ADD. */
#if TCN_HAS_RISCV
#define TCN_RISCV_TAP(at)               \
    "lw t1, 8 * " #at "(a1)\n\t"        \
    "lw t2, 8 * " #at " + 4(a1)\n\t"    \
    "lb t3, " #at "(a2)\n\t"            \
    "lb t5, " #at "(a3)\n\t"            \
    "mul t4, t1, t3\n\t"                \
    "mul t3, t2, t3\n\t"                \
    "mul t1, t1, t5\n\t"                \
    "mul t2, t2, t5\n\t"                \
    "add a5, a5, t4\n\t"                \
    "add a6, a6, t3\n\t"                \
    "add a7, a7, t1\n\t"                \
    "add t0, t0, t2\n\t"
TCN_RISCV_ASSEMBLY
static const int32_t *tcn_block_product(TCN_RISCV_UNUSED tcn_block_t *block, TCN_RISCV_UNUSED const int32_t *weights,
                                        TCN_RISCV_UNUSED const int8_t *x, TCN_RISCV_UNUSED int32_t step,
                                        TCN_RISCV_UNUSED int32_t taps)
{
    __asm__("add a3, a3, a2\n\t"
            TCN_RISCV_BEGIN
            TCN_RISCV_CHUNK(3)
            TCN_RISCV_TAP(0)
            "addi a1, a1, 8\n\t"
            "addi a2, a2, 1\n\t"
            "addi a3, a3, 1\n\t"
            "beq a1, a4, 3f\n"
            "2:\n\t"
            TCN_RISCV_TAP(0)
            TCN_RISCV_TAP(1)
            "addi a1, a1, 16\n\t"
            "addi a2, a2, 2\n\t"
            "addi a3, a3, 2\n\t"
            "bne a1, a4, 2b\n"
            "3:\n\t"
            TCN_RISCV_END);
}
#else
static inline const TCN_FLASH int32_t *tcn_block_product(tcn_block_t *block, const TCN_FLASH int32_t *weights,
                                                         const int8_t *x, int32_t step, int32_t taps)
{
    int32_t *const left = block->sums[0];
    int32_t *const right = block->sums[1];
    const int8_t *x_right = x + step;
    int32_t count;

    (void)taps;
    while ((count = *weights++) != 0) {
        const int8_t *const end = x + count;
        int32_t left_01 = 32768;
        int32_t left_23 = 32768;
        int32_t right_01 = 32768;
        int32_t right_23 = 32768;

        do {
            const int32_t value = *x++;
            const int32_t value_right = *x_right++;

            left_01 += weights[0] * value;
            left_23 += weights[1] * value;
            right_01 += weights[0] * value_right;
            right_23 += weights[1] * value_right;
            weights += 2;
        } while (x != end);
        left[0] += left_01 & 0xFFFF;
        left[1] += left_01 >> 16;
        left[2] += left_23 & 0xFFFF;
        left[3] += left_23 >> 16;
        right[0] += right_01 & 0xFFFF;
        right[1] += right_01 >> 16;
        right[2] += right_23 & 0xFFFF;
        right[3] += right_23 >> 16;
    }
    return weights;
}
#endif

/* The same for one column and two blocks of channels: four words for each input. */
#if TCN_HAS_RISCV
#define TCN_RISCV_INPUT(at)              \
    "lb t5, " #at "(a2)\n\t"             \
    "lw t1, 16 * " #at "(a1)\n\t"        \
    "lw t2, 16 * " #at " + 4(a1)\n\t"    \
    "lw t3, 16 * " #at " + 8(a1)\n\t"    \
    "lw t4, 16 * " #at " + 12(a1)\n\t"   \
    "mul t1, t1, t5\n\t"                 \
    "mul t2, t2, t5\n\t"                 \
    "mul t3, t3, t5\n\t"                 \
    "mul t4, t4, t5\n\t"                 \
    "add a5, a5, t1\n\t"                 \
    "add a6, a6, t2\n\t"                 \
    "add a7, a7, t3\n\t"                 \
    "add t0, t0, t4\n\t"
TCN_RISCV_ASSEMBLY
static const int32_t *tcn_block_vector(TCN_RISCV_UNUSED tcn_block_t *block, TCN_RISCV_UNUSED const int32_t *weights,
                                       TCN_RISCV_UNUSED const int8_t *x, TCN_RISCV_UNUSED int32_t inputs)
{
    __asm__(TCN_RISCV_BEGIN
            TCN_RISCV_CHUNK(4)
            TCN_RISCV_INPUT(0)
            "addi a1, a1, 16\n\t"
            "addi a2, a2, 1\n\t"
            "beq a1, a4, 3f\n"
            "2:\n\t"
            TCN_RISCV_INPUT(0)
            TCN_RISCV_INPUT(1)
            "addi a1, a1, 32\n\t"
            "addi a2, a2, 2\n\t"
            "bne a1, a4, 2b\n"
            "3:\n\t"
            TCN_RISCV_END);
}
#else
static inline const TCN_FLASH int32_t *tcn_block_vector(tcn_block_t *block, const TCN_FLASH int32_t *weights,
                                                        const int8_t *x, int32_t inputs)
{
    int32_t *const first = block->sums[0];
    int32_t *const second = block->sums[1];
    int32_t count;

    (void)inputs;
    while ((count = *weights++) != 0) {
        const int8_t *const end = x + count;
        int32_t first_01 = 32768;
        int32_t first_23 = 32768;
        int32_t second_01 = 32768;
        int32_t second_23 = 32768;

        do {
            const int32_t value = *x++;

            first_01 += weights[0] * value;
            first_23 += weights[1] * value;
            second_01 += weights[2] * value;
            second_23 += weights[3] * value;
            weights += 4;
        } while (x != end);
        first[0] += first_01 & 0xFFFF;
        first[1] += first_01 >> 16;
        first[2] += first_23 & 0xFFFF;
        first[3] += first_23 >> 16;
        second[0] += second_01 & 0xFFFF;
        second[1] += second_01 >> 16;
        second[2] += second_23 & 0xFFFF;
        second[3] += second_23 >> 16;
    }
    return weights;
}
#endif

#endif /* TCN_RISCV_BLOCK_H */
