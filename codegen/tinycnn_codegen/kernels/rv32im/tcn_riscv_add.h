#ifndef TCN_RISCV_ADD_H
#define TCN_RISCV_ADD_H

#include "tcn_add_layer.h"
#include "tcn_flash.h"
#include "tcn_riscv.h"

/* The assembly knows the order of the fields. */
typedef tcn_add_t tcn_riscv_add_t;

/* a1, a2: inputs; a3: output, a0: where it ends; a5, a6: multipliers; a7: addend; t0: shift; t3: 256.
 *
 * An output takes 11 instructions: 2 LB, 2 MUL, 2 ADD, SRA, 2 for the range, SB, 1 for the loop over four; 2 more where
 * it saturates. */
#if TCN_HAS_RISCV
#define TCN_RISCV_ADD(at)                  \
    "lb t1, " #at "(a1)\n\t"               \
    "lb t2, " #at "(a2)\n\t"               \
    "mul t1, t1, a5\n\t"                   \
    "mul t2, t2, a6\n\t"                   \
    "add t1, t1, a7\n\t"                   \
    "add t1, t1, t2\n\t"                   \
    "sra t1, t1, t0\n\t"                   \
    "addi t2, t1, 128\n\t"                 \
    "bltu t2, t3, 8f\n\t"                  \
    "srai t1, t1, 31\n\t"                  \
    "xori t1, t1, 127\n"                   \
    "8:\n\t"                               \
    "sb t1, " #at "(a3)\n\t"
TCN_ASSEMBLY(0)
static void tcn_riscv_add_row(TCN_UNUSED const tcn_riscv_add_t *layer, TCN_UNUSED const int8_t *a,
                              TCN_UNUSED const int8_t *b, TCN_UNUSED int8_t *output)
{
    __asm__("lw a4, 0(a0)\n\t"
            "lw a5, 4(a0)\n\t"
            "lw a6, 8(a0)\n\t"
            "lw a7, 12(a0)\n\t"
            "lw t0, 16(a0)\n\t"
            "li t3, 256\n\t"
            "add a0, a3, a4\n\t"
            "andi a4, a4, 3\n\t"
            "add a4, a4, a3\n\t"
            "beq a3, a4, 2f\n"
            "1:\n\t"
            TCN_RISCV_ADD(0)
            "addi a1, a1, 1\n\t"
            "addi a2, a2, 1\n\t"
            "addi a3, a3, 1\n\t"
            "bne a3, a4, 1b\n"
            "2:\n\t"
            "beq a3, a0, 4f\n"
            "3:\n\t"
            TCN_RISCV_ADD(0)
            TCN_RISCV_ADD(1)
            TCN_RISCV_ADD(2)
            TCN_RISCV_ADD(3)
            "addi a1, a1, 4\n\t"
            "addi a2, a2, 4\n\t"
            "addi a3, a3, 4\n\t"
            "bne a3, a0, 3b\n"
            "4:\n\t"
            "ret");
}
#else
static void tcn_riscv_add_row(const TCN_FLASH tcn_riscv_add_t *layer, const int8_t *a, const int8_t *b, int8_t *output)
{
    const int32_t bytes = layer->bytes;
    const int32_t a_multiplier = layer->a_multiplier;
    const int32_t b_multiplier = layer->b_multiplier;
    const int32_t addend = layer->addend;
    const int32_t shift = layer->shift;
    int32_t i;

    for (i = 0; i < bytes; i++) {
        const int32_t y = (a[i] * a_multiplier + b[i] * b_multiplier + addend) >> shift;

        output[i] = (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
    }
}
#endif

#endif /* TCN_RISCV_ADD_H */
