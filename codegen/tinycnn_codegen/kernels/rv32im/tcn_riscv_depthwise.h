#ifndef TCN_RISCV_DEPTHWISE_H
#define TCN_RISCV_DEPTHWISE_H

#include "tcn_riscv.h"
#include "tcn_word_depthwise_channel.h"

#if TCN_HAS_RISCV
/* Where the assembly below finds the fields of a layer. */
typedef char tcn_riscv_depthwise_fields[__builtin_offsetof(tcn_word_depthwise_t, outputs) == 28 &&
                                        __builtin_offsetof(tcn_word_outputs_t, constants) == 4 ? 1 : -1];

/* Three inputs under each other. */
#define TCN_RISCV_COLUMN                   \
    "lb t0, 0(a3)\n\t"                     \
    "lb t1, 0(a4)\n\t"                     \
    "lb t2, 0(a5)\n\t"                     \
    "add a3, a3, a6\n\t"                   \
    "add a4, a4, a6\n\t"                   \
    "add a5, a5, a6\n\t"
/* sum = from + their products with a column of the kernel. */
#define TCN_RISCV_TIMES(sum, from, w, v, u) \
    "mul t3, t0, " w "\n\t"                \
    "add " sum ", " from ", t3\n\t"        \
    "mul t3, t1, " v "\n\t"                \
    "add " sum ", " sum ", t3\n\t"         \
    "mul t3, t2, " u "\n\t"                \
    "add " sum ", " sum ", t3\n\t"
#define TCN_RISCV_LEFT(sum, from) TCN_RISCV_TIMES(sum, from, "s0", "s1", "s2")
#define TCN_RISCV_CENTRE(sum, from) TCN_RISCV_TIMES(sum, from, "s3", "s4", "s5")
#define TCN_RISCV_RIGHT(sum, from) TCN_RISCV_TIMES(sum, from, "s6", "s7", "s8")
/* What int8 does not hold becomes -128 or 127. */
#define TCN_RISCV_STORE                    \
    "mulh t4, t4, s10\n\t"                 \
    "add t4, t4, s11\n\t"                  \
    "srai t4, t4, 1\n\t"                   \
    "addi t3, t4, 128\n\t"                 \
    "bltu t3, ra, 8f\n\t"                  \
    "srai t4, t4, 31\n\t"                  \
    "xori t4, t4, 127\n"                   \
    "8:\n\t"                               \
    "sb t4, 0(a2)\n\t"

/* The channels from `channel` on, as far as the multiplier is not 0. Returns the first channel that is left.
 *
 * a0: layer; a1: bias and multiplier; a2: output, a7: where it ends, the overhanging one aside; a3 to a5: inputs; a6:
 * channels; s0 to s8: weights, t6: those that come next; s9: bias; s10: multiplier; s11: rounding; ra: 256; t4: sum;
 * t5: what the next one has so far. sp: where a1 ends, bytes of output, bytes from where the inputs of a channel end
 * back to those of the next, from a1 to its additions.
 *
 * With stride 1 an output takes 32 instructions, 3.6 per multiply-accumulate: 3 LB, 3 ADD of addresses, 9 MUL, 9 ADD, 6
 * to rescale and store, 2 for the loop; multiplying and adding alone is 2. A channel takes 50 more. */
TCN_ASSEMBLY(80)
static int32_t tcn_depthwise_channels(TCN_UNUSED const tcn_word_depthwise_t *layer, TCN_UNUSED int32_t channel,
                                      TCN_UNUSED const int8_t *const *rows, TCN_UNUSED int8_t *output)
{
    __asm__("addi sp, sp, -80\n\t"
            "sw ra, 76(sp)\n\t"
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n\t"
            "sw s\\n, 4 * \\n + 28(sp)\n\t"
            ".endr\n\t"
            "lw a6, 0(a0)\n\t"
            "lw t0, 4(a0)\n\t"
            "lw t1, 8(a0)\n\t"
            "lw t2, 12(a0)\n\t"
            "lw t3, 16(a0)\n\t"
            "sub t4, t0, t3\n\t"
            "mul t4, t4, a6\n\t"
            "sw t4, 4(sp)\n\t"
            "add a7, a3, t4\n\t"
            "add a7, a7, a1\n\t"
            "addi a7, a7, -1\n\t"
            "addi t0, t0, -1\n\t" /* columns of the input: stride (outputs - 1) + 3 - pad - overhang */
            "mul t0, t0, t1\n\t"
            "addi t0, t0, 3\n\t"
            "sub t0, t0, t2\n\t"
            "sub t0, t0, t3\n\t"
            "mul t0, t0, a6\n\t"
            "addi t0, t0, -1\n\t"
            "sw t0, 8(sp)\n\t"
            "add t0, t0, a1\n\t"
            "lw a3, 0(a2)\n\t"
            "lw a4, 4(a2)\n\t"
            "lw a5, 8(a2)\n\t"
            "add a3, a3, t0\n\t"
            "add a4, a4, t0\n\t"
            "add a5, a5, t0\n\t"
            "lw t6, 20(a0)\n\t"
            "slli t0, a1, 3\n\t"
            "add t6, t6, t0\n\t"
            "add t6, t6, a1\n\t"
            "lw a1, 32(a0)\n\t"
            "slli t1, a6, 3\n\t"
            "add t1, t1, a1\n\t"
            "sw t1, 0(sp)\n\t"
            "lw t2, 24(a0)\n\t"
            "sub t2, t2, a1\n\t"
            "sw t2, 12(sp)\n\t"
            "add a1, a1, t0\n\t"
            "lw s11, 28(a0)\n\t"
            "li ra, 256\n"
            "1:\n\t"
            "lw t0, 0(sp)\n\t"
            "beq a1, t0, 7f\n\t"
            "lw s10, 4(a1)\n\t"
            "lw s9, 0(a1)\n\t"
            "beqz s10, 7f\n\t"
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8\n\t"
            "lb s\\n, \\n(t6)\n\t"
            ".endr\n\t"
            "lw t1, 4(sp)\n\t"
            "lw t0, 8(sp)\n\t"
            "lw t2, 12(a0)\n\t"
            "addi t6, t6, 9\n\t"
            "addi a7, a7, 1\n\t"
            "sub a2, a7, t1\n\t"
            "sub a3, a3, t0\n\t"
            "sub a4, a4, t0\n\t"
            "sub a5, a5, t0\n\t"
            "beqz t2, 2f\n\t"
            "lw t0, 12(sp)\n\t"
            "add t0, t0, a1\n\t"
            "lw t5, 0(t0)\n\t"
            "add t5, t5, s9\n\t"
            "j 3f\n"
            "2:\n\t"
            TCN_RISCV_COLUMN
            TCN_RISCV_LEFT("t5", "s9")
            "3:\n\t"
            "lw t0, 8(a0)\n\t"
            "addi t0, t0, -1\n\t"
            "bnez t0, 5f\n\t"
            TCN_RISCV_COLUMN
            TCN_RISCV_CENTRE("t4", "t5")
            TCN_RISCV_LEFT("t5", "s9")
            "beq a2, a7, 6f\n"
            "4:\n\t"
            TCN_RISCV_COLUMN
            TCN_RISCV_RIGHT("t4", "t4")
            TCN_RISCV_STORE
            TCN_RISCV_CENTRE("t4", "t5")
            TCN_RISCV_LEFT("t5", "s9")
            "add a2, a2, a6\n\t"
            "bne a2, a7, 4b\n\t"
            "j 6f\n"
            "5:\n\t" /* stride 2 */
            TCN_RISCV_COLUMN
            TCN_RISCV_CENTRE("t4", "t5")
            "beq a2, a7, 6f\n\t"
            TCN_RISCV_COLUMN
            TCN_RISCV_RIGHT("t4", "t4")
            TCN_RISCV_STORE
            "add a2, a2, a6\n\t"
            TCN_RISCV_LEFT("t5", "s9")
            "bne a2, a7, 5b\n\t"
            "lw t0, 16(a0)\n\t"
            "bnez t0, 5b\n"
            "6:\n\t"
            "lw t0, 16(a0)\n\t"
            "beqz t0, 9f\n\t"
            "lw t0, 12(sp)\n\t"
            "add t0, t0, a1\n\t"
            "lw t0, 4(t0)\n\t"
            "add t4, t4, t0\n\t"
            TCN_RISCV_STORE
            "9:\n\t"
            "addi a1, a1, 8\n\t"
            "j 1b\n"
            "7:\n\t"
            "lw t0, 32(a0)\n\t"
            "sub a0, a1, t0\n\t"
            "srai a0, a0, 3\n\t"
            ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n\t"
            "lw s\\n, 4 * \\n + 28(sp)\n\t"
            ".endr\n\t"
            "lw ra, 76(sp)\n\t"
            "addi sp, sp, 80\n\t"
            "ret");
}
#endif

#define TCN_DEPTHWISE_ASSEMBLY TCN_HAS_RISCV

#endif /* TCN_RISCV_DEPTHWISE_H */
