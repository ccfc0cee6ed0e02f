#ifndef TCN_RISCV_COLUMNS_H
#define TCN_RISCV_COLUMNS_H

#include "tcn_flash.h"
#include "tcn_riscv_chunk.h"

/* Blocks of 4 channels x 3 columns and 4 x 2. Where size counts most, those of three are left out: 1.3 KB of code, for
 * which a convolution takes a tenth longer. */
#if TCN_HAS_RISCV && !defined(__OPTIMIZE_SIZE__)
#define TCN_BLOCK_COLUMNS 3
#else
#define TCN_BLOCK_COLUMNS 2
#endif

#if TCN_HAS_RISCV
/* Columns of a convolution. Run r of the inputs under the first one is at runs[r] + at, or at runs[0] + at + r *
 * run_bytes if that is not 0, and `step` bytes further on for the next column. */
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

#if TCN_BLOCK_COLUMNS == 3
/* Three columns: all channels that are to store, or the sums of four. Returns the weights that come next.
 *
 * An input takes 17 instructions for 12 multiply-accumulates (2 LW, 3 LB, 6 MUL, 6 ADD), 1.42 each, and a chunk 28 (18
 * to split sums, 8 to find its code and its end, 2 for the jump and the end of the run): with 5 inputs a chunk 1.88
 * each. The bound with pairs is 1, MUL and ADD, without them 2. An output takes 12 more. */
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

/* The same for two columns, or one twice. An input takes 12 instructions for 8 multiply-accumulates and a chunk 24. As
 * the upper half of a chunk's first word counts code for three columns, the jump is computed from the inputs. */
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
#endif

#endif /* TCN_RISCV_COLUMNS_H */
