#ifndef TCN_RISCV_CHUNK_H
#define TCN_RISCV_CHUNK_H

#include "tcn_riscv.h"

#if TCN_HAS_RISCV
/* Each sum of products s is added to t, and its upper half to h, where a chunk ends. In the end the sum of the upper
 * halves is h and that of the lower ones t - 65536 h, whatever overflowed: both are modulo 2^32.
 *
 * A chunk has at most 8 inputs. Its last one is first and begins the sums; the functions jump to where as many copies
 * of what an input takes are left as it has others, by the upper half of the chunk's first word: its bytes of code.
 * These instructions are not compressed, so that they are as many with any compiler. The word that ends the last run
 * has 1 there.
 *
 * a1: end of the chunk's weights; a2 to a4: end of its inputs; a5: 2^15; a6: label 2, the end of the copies. sp: what
 * a0 was, and where the address of the run is. */
#define TCN_RISCV_BEGIN                                    \
    "addi sp, sp, -64\n\t"                                 \
    ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n\t"     \
    "sw s\\n, 4 * \\n + 8(sp)\n\t"                         \
    ".endr\n\t"                                           \
    "sw ra, 56(sp)\n\t"                                   \
    "sw a0, 0(sp)\n\t"                                    \
    "lui a5, 8\n\t"
#define TCN_RISCV_ZERO                                     \
    ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n\t"     \
    "li s\\n, 0\n\t"                                      \
    ".endr\n\t"
#define TCN_RISCV_FIRST_RUN                                \
    "5:\n\t"                                              \
    TCN_RISCV_ZERO                                         \
    "lw t6, 0(sp)\n\t"                                    \
    "lw ra, 0(t6)\n"                                      \
    "6:\n\t"                                              \
    "sw ra, 4(sp)\n\t"                                    \
    "lw a2, 0(ra)\n\t"                                    \
    "lw a3, 4(t6)\n\t"                                    \
    "lw ra, 12(t6)\n\t"                                   \
    "add a2, a2, a3\n\t"                                  \
    "add a3, a2, ra\n\t"                                  \
    "add a4, a3, ra\n\t"                                  \
    "j 1f\n\t"
/* Runs are gathered behind each other, or the next one's address is behind this one's. */
#define TCN_RISCV_NEXT_RUN                                 \
    "addi a1, a1, 4\n\t"                                  \
    "lw t6, 0(sp)\n\t"                                    \
    "bnez ra, 4f\n\t"                                     \
    "lw ra, 8(t6)\n\t"                                    \
    "bnez ra, 1b\n\t"                                     \
    "lw ra, 4(sp)\n\t"                                    \
    "addi ra, ra, 4\n\t"                                  \
    "j 6b\n"
#define TCN_RISCV_COPIES                                   \
    ".p2align 2\n\t"                                      \
    ".option push\n\t"                                    \
    ".option norvc\n\t"                                   \
    ".irp at, 8, 7, 6, 5, 4, 3, 2\n\t"
#define TCN_RISCV_COPIES_END                               \
    ".endr\n\t"                                           \
    ".option pop\n"                                       \
    "2:\n\t"
#define TCN_RISCV_SPLIT(s, t, h)                           \
    "srai ra, " s ", 16\n\t"                              \
    "add " t ", " t ", " s "\n\t"                         \
    "add " h ", " h ", ra\n\t"
#define TCN_RISCV_SUM(t, h)                                \
    "slli ra, " h ", 16\n\t"                              \
    "sub " t ", " t ", ra\n\t"
/* Where to store, or label 7 to set the sums. */
#define TCN_RISCV_OUTPUTS                                  \
    "lw ra, 24(t6)\n\t"                                   \
    "lw a0, 16(t6)\n\t"                                   \
    "lw a2, 20(t6)\n\t"                                   \
    "lw a3, 28(t6)\n\t"                                   \
    "lw a7, 32(t6)\n\t"                                   \
    "beqz ra, 7f\n\t"                                     \
    "add a4, a2, a3\n\t"                                  \
    "add a3, a4, a3\n\t"                                  \
    "li t4, 256\n\t"
#define TCN_RISCV_LANE(lane)                               \
    "lw t0, 8 * " #lane "(a0)\n\t"                        \
    "lw t1, 8 * " #lane " + 4(a0)\n\t"
/* The assembler's own macro, as strings have limits. What int8 does not hold becomes -128 or 127. */
#define TCN_RISCV_BEGIN_STORE                              \
    ".macro tcn_store lane, sum, output\n\t"               \
    "add \\sum, \\sum, t0\n\t"                            \
    "mulh \\sum, \\sum, t1\n\t"                           \
    "add \\sum, \\sum, a7\n\t"                            \
    "srai \\sum, \\sum, 1\n\t"                            \
    "addi t2, \\sum, 128\n\t"                             \
    "bltu t2, t4, 8f\n\t"                                 \
    "srai \\sum, \\sum, 31\n\t"                           \
    "xori \\sum, \\sum, 127\n"                            \
    "8:\n\t"                                              \
    "sb \\sum, \\lane(\\output)\n\t"                       \
    ".endm\n\t"
#define TCN_RISCV_END_STORE ".purgem tcn_store\n\t"
/* The next block, or the end. */
#define TCN_RISCV_NEXT_BLOCK                               \
    "addi a0, a0, 32\n\t"                                 \
    "addi a2, a2, 4\n\t"                                  \
    "sw a0, 16(t6)\n\t"                                   \
    "sw a2, 20(t6)\n\t"                                   \
    "bne a2, ra, 5b\n\t"                                  \
    "j 9f\n"                                              \
    "7:\n\t"
#define TCN_RISCV_SET(at, low, high)                       \
    "sw " low ", 8 * " #at " + 36(t6)\n\t"                \
    "sw " high ", 8 * " #at " + 40(t6)\n\t"
#define TCN_RISCV_RETURN                                   \
    "lw ra, 56(sp)\n\t"                                   \
    ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n\t"     \
    "lw s\\n, 4 * \\n + 8(sp)\n\t"                         \
    ".endr\n\t"                                           \
    "addi sp, sp, 64\n\t"                                 \
    "mv a0, a1\n\t"                                       \
    "ret"
/* Where a block has four sums of products. */
#define TCN_RISCV_SPLIT4                                   \
    TCN_RISCV_SPLIT("t0", "s0", "s4")                      \
    TCN_RISCV_SPLIT("t1", "s1", "s5")                      \
    TCN_RISCV_SPLIT("t2", "s2", "s6")                      \
    TCN_RISCV_SPLIT("t3", "s3", "s7")
#define TCN_RISCV_SUM4                                     \
    TCN_RISCV_SUM("s0", "s4")                              \
    TCN_RISCV_SUM("s1", "s5")                              \
    TCN_RISCV_SUM("s2", "s6")                              \
    TCN_RISCV_SUM("s3", "s7")
#endif

#endif /* TCN_RISCV_CHUNK_H */
