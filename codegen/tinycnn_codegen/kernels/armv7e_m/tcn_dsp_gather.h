#ifndef TCN_DSP_GATHER_H
#define TCN_DSP_GATHER_H

#include "tcn_dsp_product.h"
#include "tcn_load4.h"
#include "tcn_sxtb16.h"

/* The inputs under two windows side by side as int16, columns[pair][column]: first the bytes of each row of the window
 * behind its whole words, in pairs as they come, then the words, four bytes as the pairs (0, 2), (1, 3).
 *
 * The loop over words takes 18 instructions for 16 bytes (4 LDR, 8 SXTB16, 2 STM, 4 for pointers and the loop), 1.1
 * each, and 29 cycles on the Cortex-M4; the bound is 0.88, without the pointers and the loop. */
#if TCN_HAS_DSP
#define TCN_GATHER_4(a, b)              \
    "sxtb16 r4, " a "\n\t"              \
    "sxtb16 r5, " b "\n\t"              \
    "sxtb16 " a ", " a ", ror #8\n\t"   \
    "sxtb16 " b ", " b ", ror #8\n\t"   \
    "stm r0!, {r4, r5, " a ", " b "}\n\t"
/* lr: the product. r0: where the next words go, r1 and r2: where they are, r3: their end in the first column; r10: how
 * many bytes are behind them, r11: end of the rows, r12: next row. */
#define TCN_GATHER                      \
    "ldr r4, [lr]\n\t"                  \
    "ldr r0, [lr, #56]\n\t"             \
    "ldrd r12, r11, [lr, #32]\n\t"      \
    "str r4, [lr, #60]\n"               \
    "10:\n\t"                           \
    "ldr r1, [r12], #4\n\t"             \
    "ldrd r2, r3, [lr, #40]\n\t"        \
    "ldrd r4, r10, [lr, #48]\n\t"       \
    "add r1, r2\n\t"                    \
    "add r2, r1, r3\n\t"                \
    "add r3, r1, r4\n\t"                \
    "tst r4, #4\n\t"                    \
    "beq 11f\n\t"                       \
    "ldr r6, [r1], #4\n\t"              \
    "ldr r7, [r2], #4\n\t"              \
    TCN_GATHER_4("r6", "r7")            \
    "cmp r1, r3\n\t"                    \
    "beq 12f\n"                         \
    "11:\n\t"                           \
    "ldr r6, [r1]\n\t"                  \
    "ldr r7, [r2]\n\t"                  \
    "ldr r8, [r1, #4]\n\t"              \
    "ldr r9, [r2, #4]\n\t"              \
    "adds r1, #8\n\t"                   \
    "adds r2, #8\n\t"                   \
    TCN_GATHER_4("r6", "r7")            \
    TCN_GATHER_4("r8", "r9")            \
    "cmp r1, r3\n\t"                    \
    "bne 11b\n"                         \
    "12:\n\t"                           \
    "cmp r10, #0\n\t"                   \
    "beq 14f\n\t"                       \
    "ldr r3, [lr, #60]\n"               \
    "13:\n\t"                           \
    "ldrsb r4, [r1], #1\n\t"            \
    "ldrsb r5, [r2], #1\n\t"            \
    "and r6, r3, #2\n\t"                \
    "strh r4, [r3]\n\t"                 \
    "strh r5, [r3, #4]\n\t"             \
    "add r3, #2\n\t"                    \
    "add r3, r3, r6, lsl #1\n\t"        \
    "subs r10, #1\n\t"                  \
    "bne 13b\n\t"                       \
    "str r3, [lr, #60]\n"               \
    "14:\n\t"                           \
    "cmp r12, r11\n\t"                  \
    "bne 10b\n\t"
#else
/* One int16 of a word; the other one is kept. */
static void tcn_dsp_gather_half(uint32_t *word, int32_t is_high, int8_t value)
{
    const uint32_t half = (uint32_t)value & 0xFFFFu;

    *word = is_high ? (*word & 0xFFFFu) | half << 16 : (*word & 0xFFFF0000u) | half;
}

static void tcn_dsp_gather(tcn_dsp_product_t *product)
{
    uint32_t *to = product->whole;
    const int8_t *const *row;
    int32_t count = 0;
    int32_t i;

    for (row = product->rows; row != product->rows_end; row++) {
        const int8_t *first = *row + product->offset;
        const int8_t *second = first + product->step;

        for (i = 0; i < product->row_bytes; i += 4) {
            to[0] = tcn_sxtb16(tcn_load4(first));
            to[1] = tcn_sxtb16(tcn_load4(second));
            to[2] = tcn_sxtb16_odd(tcn_load4(first));
            to[3] = tcn_sxtb16_odd(tcn_load4(second));
            first += 4;
            second += 4;
            to += 4;
        }
        for (i = 0; i < product->more_bytes; i++) {
            tcn_dsp_gather_half(product->columns + count / 2 * 2, count % 2, first[i]);
            tcn_dsp_gather_half(product->columns + count / 2 * 2 + 1, count % 2, second[i]);
            count++;
        }
    }
}
#endif

#endif /* TCN_DSP_GATHER_H */
