#ifndef TCN_RISCV_BLOCK_H
#define TCN_RISCV_BLOCK_H

#include "tcn_flash.h"
#include "tcn_riscv.h"

/* Blocks of 4 channels x 3 columns, 4 x 2, and 8 x 1, in assembly. Where size counts most, those of three are left out:
 * 1.3 KB of code, for which a convolution takes a tenth longer. */
#define TCN_BLOCK_ASSEMBLY TCN_HAS_RISCV
#if TCN_HAS_RISCV
#ifdef __OPTIMIZE_SIZE__
#define TCN_BLOCK_COLUMNS 2
#else
#define TCN_BLOCK_COLUMNS 3
#endif

/* Columns of a convolution. Run r of the inputs under the first one is at runs[r] + at, or at runs[0] + at + r * run_bytes
 * if that is not 0, and `step` bytes further on for the next column. */
typedef struct {
    const int8_t *const *runs;
    int32_t at;
    int32_t run_bytes;
    int32_t step;
    const int32_t *constants; /* of the channels that come next: bias and multiplier, as in a tcn_word_outputs_t */
    int8_t *output;           /* of the first column and the channels that come next */
    const int8_t *end;        /* of the channels to store, whose multipliers are not 0, or 0: set the sums of four */
    int32_t channels;         /* from an output of a column to the next one's */
    int32_t rounding;         /* as in a tcn_word_outputs_t */
    int32_t sums[3][4];       /* [columns][channels] */
} tcn_columns_t;

/* Each sum of products s is added to t, and its upper half to h, where a chunk ends. In the end the sum of the upper halves
 * is h and that of the lower ones t - 65536 h, whatever overflowed: both are modulo 2^32.
 *
 * A chunk has at most 8 inputs. Its last one is first and begins the sums; the functions jump to where as many copies of
 * what an input takes are left as it has others, by the upper half of the chunk's first word: its bytes of code. These
 * instructions are not compressed, so that they are as many with any compiler. The word that ends the last run has 1 there.
 *
 * a1: end of the chunk's weights; a2 to a4: end of its inputs; a5: 2^15; a6: label 2, the end of the copies.
 * sp: what a0 was, and where the address of the run is. */
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

#if TCN_BLOCK_COLUMNS == 3
/* Three columns: all channels that are to store, or the sums of four. Returns the weights that come next.
 *
 * An input takes 17 instructions for 12 multiply-accumulates (2 LW, 3 LB, 6 MUL, 6 ADD), 1.42 each, and a chunk 28 (18 to
 * split sums, 8 to find its code and its end, 2 for the jump and the end of the run): with 5 inputs a chunk 1.88 each. The
 * bound with pairs is 1, MUL and ADD, without them 2. An output takes 12 more. */
TCN_ASSEMBLY(64)
static const int32_t *tcn_assembly_columns3(TCN_UNUSED tcn_columns_t *columns, TCN_UNUSED const int32_t *weights)
{
    __asm__(TCN_RISCV_BEGIN
            "lla a6, 2f\n"
            TCN_RISCV_FIRST_RUN
            TCN_RISCV_COPIES
            "lb t6, -\\at(a2)\n\t"
            "lw a0, -8 * \\at(a1)\n\t"
            "lw a7, -8 * \\at + 4(a1)\n\t"
            "mul ra, a0, t6\n\t"
            "mul t6, a7, t6\n\t"
            "add t0, t0, ra\n\t"
            "lb ra, -\\at(a3)\n\t"
            "add t1, t1, t6\n\t"
            "mul t6, a0, ra\n\t"
            "mul ra, a7, ra\n\t"
            "add t2, t2, t6\n\t"
            "lb t6, -\\at(a4)\n\t"
            "add t3, t3, ra\n\t"
            "mul a0, a0, t6\n\t"
            "mul a7, a7, t6\n\t"
            "add t4, t4, a0\n\t"
            "add t5, t5, a7\n\t"
            TCN_RISCV_COPIES_END
            TCN_RISCV_SPLIT("t0", "s0", "s6")
            TCN_RISCV_SPLIT("t1", "s1", "s7")
            TCN_RISCV_SPLIT("t2", "s2", "s8")
            TCN_RISCV_SPLIT("t3", "s3", "s9")
            TCN_RISCV_SPLIT("t4", "s4", "s10")
            TCN_RISCV_SPLIT("t5", "s5", "s11")
            "1:\n\t"
            "lhu t6, 0(a1)\n\t"
            "lhu ra, 2(a1)\n\t"
            "beqz t6, 3f\n\t"
            "add a1, a1, t6\n\t"
            "srli t6, t6, 3\n\t"
            "add a2, a2, t6\n\t"
            "add a3, a3, t6\n\t"
            "add a4, a4, t6\n\t"
            "sub ra, a6, ra\n\t"
            "lb t6, -1(a2)\n\t"
            "lw a0, -8(a1)\n\t"
            "lw a7, -4(a1)\n\t"
            "mul t0, a0, t6\n\t"
            "mul t1, a7, t6\n\t"
            "lb t6, -1(a3)\n\t"
            "add t0, t0, a5\n\t"
            "add t1, t1, a5\n\t"
            "mul t2, a0, t6\n\t"
            "mul t3, a7, t6\n\t"
            "lb t6, -1(a4)\n\t"
            "add t2, t2, a5\n\t"
            "add t3, t3, a5\n\t"
            "mul t4, a0, t6\n\t"
            "mul t5, a7, t6\n\t"
            "add t4, t4, a5\n\t"
            "add t5, t5, a5\n\t"
            "jr ra\n"
            "3:\n\t"
            TCN_RISCV_NEXT_RUN
            "4:\n\t"
            TCN_RISCV_SUM("s0", "s6")
            TCN_RISCV_SUM("s1", "s7")
            TCN_RISCV_SUM("s2", "s8")
            TCN_RISCV_SUM("s3", "s9")
            TCN_RISCV_SUM("s4", "s10")
            TCN_RISCV_SUM("s5", "s11")
            TCN_RISCV_OUTPUTS
            TCN_RISCV_BEGIN_STORE
            TCN_RISCV_LANE(0)
            "tcn_store 0, s0, a2\n\t"
            "tcn_store 0, s2, a4\n\t"
            "tcn_store 0, s4, a3\n\t"
            TCN_RISCV_LANE(1)
            "tcn_store 1, s6, a2\n\t"
            "tcn_store 1, s8, a4\n\t"
            "tcn_store 1, s10, a3\n\t"
            TCN_RISCV_LANE(2)
            "tcn_store 2, s1, a2\n\t"
            "tcn_store 2, s3, a4\n\t"
            "tcn_store 2, s5, a3\n\t"
            TCN_RISCV_LANE(3)
            "tcn_store 3, s7, a2\n\t"
            "tcn_store 3, s9, a4\n\t"
            "tcn_store 3, s11, a3\n\t"
            TCN_RISCV_END_STORE
            TCN_RISCV_NEXT_BLOCK
            TCN_RISCV_SET(0, "s0", "s6")
            TCN_RISCV_SET(1, "s1", "s7")
            TCN_RISCV_SET(2, "s2", "s8")
            TCN_RISCV_SET(3, "s3", "s9")
            TCN_RISCV_SET(4, "s4", "s10")
            TCN_RISCV_SET(5, "s5", "s11")
            "9:\n\t"
            TCN_RISCV_RETURN);
}

#endif

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

/* The same for two columns, or one twice. An input takes 12 instructions for 8 multiply-accumulates and a chunk 24. As the upper half of
 * a chunk's first word counts code for three columns, the jump is computed from the inputs. */
TCN_ASSEMBLY(64)
static const int32_t *tcn_assembly_columns2(TCN_UNUSED tcn_columns_t *columns, TCN_UNUSED const int32_t *weights)
{
    __asm__(TCN_RISCV_BEGIN
            "lla a6, 2f + 48\n"
            TCN_RISCV_FIRST_RUN
            TCN_RISCV_COPIES
            "lb t6, -\\at(a2)\n\t"
            "lw a0, -8 * \\at(a1)\n\t"
            "lw a7, -8 * \\at + 4(a1)\n\t"
            "lb t5, -\\at(a3)\n\t"
            "mul ra, a0, t6\n\t"
            "mul t6, a7, t6\n\t"
            "mul a0, a0, t5\n\t"
            "mul a7, a7, t5\n\t"
            "add t0, t0, ra\n\t"
            "add t1, t1, t6\n\t"
            "add t2, t2, a0\n\t"
            "add t3, t3, a7\n\t"
            TCN_RISCV_COPIES_END
            TCN_RISCV_SPLIT4
            "1:\n\t"
            "lhu t6, 0(a1)\n\t"
            "lhu ra, 2(a1)\n\t"
            "beqz t6, 3f\n\t"
            "add a1, a1, t6\n\t"
            "srli t6, t6, 3\n\t"
            "add a2, a2, t6\n\t"
            "add a3, a3, t6\n\t"
            "slli ra, t6, 5\n\t"
            "slli t6, t6, 4\n\t"
            "add ra, ra, t6\n\t"
            "sub ra, a6, ra\n\t"
            "lb t6, -1(a2)\n\t"
            "lw a0, -8(a1)\n\t"
            "lw a7, -4(a1)\n\t"
            "lb t5, -1(a3)\n\t"
            "mul t0, a0, t6\n\t"
            "mul t1, a7, t6\n\t"
            "mul t2, a0, t5\n\t"
            "mul t3, a7, t5\n\t"
            "add t0, t0, a5\n\t"
            "add t1, t1, a5\n\t"
            "add t2, t2, a5\n\t"
            "add t3, t3, a5\n\t"
            "jr ra\n"
            "3:\n\t"
            TCN_RISCV_NEXT_RUN
            "4:\n\t"
            TCN_RISCV_SUM4
            TCN_RISCV_OUTPUTS
            TCN_RISCV_BEGIN_STORE
            TCN_RISCV_LANE(0)
            "tcn_store 0, s0, a2\n\t"
            "tcn_store 0, s2, a4\n\t"
            TCN_RISCV_LANE(1)
            "tcn_store 1, s4, a2\n\t"
            "tcn_store 1, s6, a4\n\t"
            TCN_RISCV_LANE(2)
            "tcn_store 2, s1, a2\n\t"
            "tcn_store 2, s3, a4\n\t"
            TCN_RISCV_LANE(3)
            "tcn_store 3, s5, a2\n\t"
            "tcn_store 3, s7, a4\n\t"
            TCN_RISCV_END_STORE
            TCN_RISCV_NEXT_BLOCK
            TCN_RISCV_SET(0, "s0", "s4")
            TCN_RISCV_SET(1, "s1", "s5")
            TCN_RISCV_SET(2, "s2", "s6")
            TCN_RISCV_SET(3, "s3", "s7")
            "9:\n\t"
            TCN_RISCV_RETURN);
}

static inline const int32_t *tcn_assembly_columns(tcn_columns_t *block, const int32_t *weights, int32_t columns)
{
#if TCN_BLOCK_COLUMNS == 3
    if (columns == 3) {
        return tcn_assembly_columns3(block, weights);
    }
#else
    (void)columns;
#endif
    return tcn_assembly_columns2(block, weights);
}

/* Set the sums of 8 channels of one column, a run of inputs at `x`: four words for each. An input takes 13 instructions for
 * 8 multiply-accumulates (LB, 4 LW, 4 MUL, 4 ADD), 1.63 each, and a chunk 20: with 5 inputs a chunk 2.1 each. */
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
#else
#define TCN_BLOCK_COLUMNS 2
#endif

#endif /* TCN_RISCV_BLOCK_H */
