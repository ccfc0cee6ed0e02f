#ifndef TCN_RISCV_BLOCK_H
#define TCN_RISCV_BLOCK_H

#include "tcn_riscv_columns.h"

/* Blocks of columns, and of 8 channels of one column, in assembly. */
#define TCN_BLOCK_ASSEMBLY TCN_HAS_RISCV

#if TCN_HAS_RISCV
/* Set the sums of 8 channels of one column, a run of inputs at `x`: four words for each. An input takes 13 instructions
 * for 8 multiply-accumulates (LB, 4 LW, 4 MUL, 4 ADD), 1.63 each, and a chunk 20: with 5 inputs a chunk 2.1 each. */
TCN_ASSEMBLY(64)
static const int32_t *tcn_assembly_vector(TCN_UNUSED int32_t *sums, TCN_UNUSED const int32_t *weights,
                                          TCN_UNUSED const int8_t *x)
{
    __asm__(TCN_RISCV_BEGIN
            TCN_RISCV_ZERO
            "lla a6, 2f\n\t"
            "j 1f\n\t"
            TCN_RISCV_COPIES
            "lb t6, -\\at(a2)\n\t"
            "lw a0, -16 * \\at(a1)\n\t"
            "lw a7, -16 * \\at + 4(a1)\n\t"
            "lw t5, -16 * \\at + 8(a1)\n\t"
            "lw a3, -16 * \\at + 12(a1)\n\t"
            "mul a0, a0, t6\n\t"
            "mul a7, a7, t6\n\t"
            "mul t5, t5, t6\n\t"
            "mul a3, a3, t6\n\t"
            "add t0, t0, a0\n\t"
            "add t1, t1, a7\n\t"
            "add t2, t2, t5\n\t"
            "add t3, t3, a3\n\t"
            TCN_RISCV_COPIES_END
            TCN_RISCV_SPLIT4
            "1:\n\t"
            "lhu t6, 0(a1)\n\t"
            "lhu ra, 2(a1)\n\t"
            "beqz t6, 3f\n\t"
            "add a1, a1, t6\n\t"
            "srli t6, t6, 4\n\t"
            "add a2, a2, t6\n\t"
            "sub ra, a6, ra\n\t"
            "lb t6, -1(a2)\n\t"
            "lw a0, -16(a1)\n\t"
            "lw a7, -12(a1)\n\t"
            "lw t5, -8(a1)\n\t"
            "lw a3, -4(a1)\n\t"
            "mul t0, a0, t6\n\t"
            "mul t1, a7, t6\n\t"
            "mul t2, t5, t6\n\t"
            "mul t3, a3, t6\n\t"
            "add t0, t0, a5\n\t"
            "add t1, t1, a5\n\t"
            "add t2, t2, a5\n\t"
            "add t3, t3, a5\n\t"
            "jr ra\n"
            "3:\n\t"
            "addi a1, a1, 4\n\t"
            TCN_RISCV_SUM4
            "lw t6, 0(sp)\n\t"
            "addi t6, t6, -36\n\t"
            TCN_RISCV_SET(0, "s0", "s4")
            TCN_RISCV_SET(1, "s1", "s5")
            TCN_RISCV_SET(2, "s2", "s6")
            TCN_RISCV_SET(3, "s3", "s7")
            TCN_RISCV_RETURN);
}
#endif

#endif /* TCN_RISCV_BLOCK_H */
