#ifndef TCN_DSP_PRODUCT1_H
#define TCN_DSP_PRODUCT1_H

#include "tcn_dsp_product.h"

#if TCN_HAS_DSP
#ifdef __OPTIMIZE_SIZE__
#define TCN_COLUMN_REPEATED "1"
#else
#define TCN_COLUMN_REPEATED "4"
#endif
/* One column. Four pairs take 14 instructions for 16 multiply-accumulates (2 LDM, 4 SXTB16, 8 SMLAD), 0.88 each, wide
 * 11 (3 LDM, 8 SMLAD), 0.69 each; the bound is 0.5, SMLAD alone. An output takes about 9 more.
 *
 * r0: weights, r1: column, r4 and r5: sums; sp: zero point, output, column, end, where the inner loop is entered, its
 * end, end of the column; the product. */
#define TCN_COLUMN_BEGIN(unit_bytes)           \
    "push {r0, r4-r11, lr}\n\t"                \
    "sub sp, #28\n\t"                          \
    "ldm r0, {r1-r8}\n\t"                      \
    "stm sp, {r1-r4}\n\t"                      \
    "mov r0, r7\n\t"                           \
    "add r6, r3, r8, lsl #2\n\t"               \
    "lsr r5, r8, #2\n\t"                       \
    "add r9, r3, r5, lsl #4\n\t"               \
    "and r5, #" TCN_COLUMN_REPEATED " - 1\n\t"   \
    "rsb r5, #" TCN_COLUMN_REPEATED "\n\t"       \
    "mov r7, #" #unit_bytes "\n\t"             \
    "adr.w r10, 2f\n\t"                        \
    "mla r7, r7, r5, r10\n\t"                  \
    "orr r7, #1\n\t"                           \
    "strd r7, r9, [sp, #16]\n\t"               \
    "str r6, [sp, #24]\n"                      \
    "1:\n\t"                                   \
    "ldrd r4, r5, [r0], #8\n\t"                \
    "ldr r1, [sp, #8]\n\t"                     \
    "ldrd r2, r3, [sp, #16]\n\t"               \
    "bx r2\n"
#define TCN_COLUMN_LOOP(four_pairs, pair)      \
    "2:\n\t"                                   \
    ".rept " TCN_COLUMN_REPEATED "\n\t"        \
    four_pairs                                 \
    ".endr\n\t"                                \
    "cmp r1, r3\n\t"                           \
    "bne 2b\n\t"                               \
    "ldr r3, [sp, #24]\n\t"                    \
    "cmp r1, r3\n\t"                           \
    "beq 4f\n"                                 \
    "3:\n\t"                                   \
    pair                                       \
    "cmp r1, r3\n\t"                           \
    "bne 3b\n"                                 \
    "4:\n\t"                                   \
    "ldrd r2, r3, [r0], #8\n\t"                \
    "cmp r2, #0\n\t"                           \
    "beq 5f\n\t"                               \
    "ldrd r12, lr, [sp]\n\t"
#define TCN_COLUMN_END                         \
    TCN_PRODUCT_RESCALE("r4", "r5")            \
    "strh r4, [lr], #2\n\t"                    \
    "ldr r2, [sp, #12]\n\t"                    \
    "str lr, [sp, #4]\n\t"                     \
    "cmp lr, r2\n\t"                           \
    "bne 1b\n\t"                               \
    "b 6f\n"                                   \
    "5:\n\t"                                   \
    "ldr r1, [sp, #28]\n\t"                    \
    "add r1, #32\n\t"                          \
    "stm r1, {r4, r5}\n"                       \
    "6:\n\t"                                   \
    "ldr r1, [sp, #28]\n\t"                    \
    "ldr lr, [sp, #4]\n\t"                     \
    "str r0, [r1, #24]\n\t"                    \
    "str lr, [r1, #4]\n\t"                     \
    "add sp, #32\n\t"                          \
    "pop {r4-r11, pc}"
#define TCN_COLUMN_PAIR(word, x)               \
    "sxtb16 r2, " word "\n\t"                  \
    "smlad r5, " word ", " x ", r5\n\t"        \
    "smlad r4, r2, " x ", r4\n\t"

TCN_ASSEMBLY(68)
static void tcn_dsp_product1(TCN_UNUSED tcn_dsp_product_t *product)
{
    __asm__(TCN_COLUMN_BEGIN(56)
            TCN_COLUMN_LOOP("ldm r0!, {r6-r9}\n\t"
                            "ldm r1!, {r10, r11, r12, lr}\n\t"
                            TCN_COLUMN_PAIR("r6", "r10")
                            TCN_COLUMN_PAIR("r7", "r11")
                            TCN_COLUMN_PAIR("r8", "r12")
                            TCN_COLUMN_PAIR("r9", "lr"),
                            "ldr r6, [r0], #4\n\t"
                            "ldr r10, [r1], #4\n\t"
                            TCN_COLUMN_PAIR("r6", "r10"))
            TCN_PRODUCT_DIFFERENCE("r4", "r5")
            TCN_COLUMN_END);
}

TCN_ASSEMBLY(68)
static void tcn_dsp_product1_wide(TCN_UNUSED tcn_dsp_product_t *product)
{
    __asm__(TCN_COLUMN_BEGIN(44)
            TCN_COLUMN_LOOP("ldm r1!, {r10, r11, r12, lr}\n\t"
                            "ldm r0!, {r6-r9}\n\t"
                            "smlad r4, r6, r10, r4\n\t"
                            "smlad r5, r7, r10, r5\n\t"
                            "smlad r4, r8, r11, r4\n\t"
                            "smlad r5, r9, r11, r5\n\t"
                            "ldm r0!, {r6-r9}\n\t"
                            "smlad r4, r6, r12, r4\n\t"
                            "smlad r5, r7, r12, r5\n\t"
                            "smlad r4, r8, lr, r4\n\t"
                            "smlad r5, r9, lr, r5\n\t",
                            "ldrd r6, r7, [r0], #8\n\t"
                            "ldr r10, [r1], #4\n\t"
                            "smlad r4, r6, r10, r4\n\t"
                            "smlad r5, r7, r10, r5\n\t")
            TCN_COLUMN_END);
}
#endif

/* All channels of one column. */
static void tcn_dsp_channels1(tcn_dsp_product_t *product, const TCN_FLASH tcn_rescale_t *rescale, int32_t is_wide)
{
    const int8_t *const begin = product->output;

    while (product->output != product->end) {
#if TCN_HAS_DSP
        if (is_wide) {
            tcn_dsp_product1_wide(product);
        } else {
            tcn_dsp_product1(product);
        }
#else
        tcn_dsp_product_plain(product, 1, is_wide);
#endif
        if (product->output != product->end) {
            tcn_dsp_product_rest(product, rescale, (int32_t)(product->output - begin), 1, is_wide);
        }
    }
}

#endif /* TCN_DSP_PRODUCT1_H */
