#ifndef TCN_DSP_PRODUCT4_H
#define TCN_DSP_PRODUCT4_H

#include "tcn_dsp_product.h"

#if TCN_HAS_DSP
#ifdef __OPTIMIZE_SIZE__
#define TCN_PRODUCT_REPEATED "2"
#else
#define TCN_PRODUCT_REPEATED "16"
#endif
/* r0 is the product, sp afterwards: zero point, output, columns, end, pitch, 3 pitch, where the inner loop is entered,
 * end of the columns; the product. r0: weights. */
#define TCN_PRODUCT_BEGIN(pair_bytes)          \
    "push {r0, r4-r11, lr}\n\t"                \
    "sub sp, #32\n\t"                          \
    "ldm r0, {r1-r8}\n\t"                      \
    "stm sp, {r1-r6}\n\t"                      \
    "mov r0, r7\n\t"                           \
    "add r4, r3, r8, lsl #4\n\t"               \
    "sub r8, #1\n\t"                           \
    "and r8, #" TCN_PRODUCT_REPEATED " - 1\n\t"  \
    "rsb r8, #" TCN_PRODUCT_REPEATED "\n\t"      \
    "mov r5, #" #pair_bytes "\n\t"             \
    "adr.w r6, 2f\n\t"                         \
    "mla r5, r5, r8, r6\n\t"                   \
    "orr r5, #1\n\t"                           \
    "strd r5, r4, [sp, #24]\n\t"               \
    "mov r1, r3\n"                             \
    "1:\n\t"                                   \
    "ldrd r7, r11, [r0], #8\n\t"
/* Two more columns: r2 and r3 are the weights; a's sums r4-r7, b's r8-r11. */
#define TCN_PRODUCT_TWO(a0, b0, a1, b1, from_a0, from_b0, from_a1, from_b1) \
    "ldrd r12, lr, [r1], #8\n\t"                                            \
    "smlad " a0 ", r2, r12, " from_a0 "\n\t"                                \
    "smlad " b0 ", r3, r12, " from_b0 "\n\t"                                \
    "smlad " a1 ", r2, lr, " from_a1 "\n\t"                                 \
    "smlad " b1 ", r3, lr, " from_b1 "\n\t"
#define TCN_PRODUCT_FIRST                                              \
    TCN_PRODUCT_TWO("r4", "r8", "r5", "r9", "r7", "r11", "r7", "r11")  \
    TCN_PRODUCT_TWO("r6", "r10", "r7", "r11", "r7", "r11", "r7", "r11")
#define TCN_PRODUCT_NEXT                                               \
    TCN_PRODUCT_TWO("r4", "r8", "r5", "r9", "r4", "r8", "r5", "r9")    \
    TCN_PRODUCT_TWO("r6", "r10", "r7", "r11", "r6", "r10", "r7", "r11")
#define TCN_PRODUCT_LOOP(weights)              \
    weights TCN_PRODUCT_FIRST                  \
    "ldr pc, [sp, #24]\n"                      \
    "2:\n\t"                                   \
    ".rept " TCN_PRODUCT_REPEATED "\n\t"       \
    weights TCN_PRODUCT_NEXT                   \
    ".endr\n\t"                                \
    "ldr r2, [sp, #28]\n\t"                    \
    "cmp r1, r2\n\t"                           \
    "bne 2b\n\t"                               \
    "ldrd r2, r3, [r0], #8\n\t"                \
    "cmp r2, #0\n\t"                           \
    "beq 3f\n\t"                               \
    "ldrd r12, lr, [sp]\n\t"
#define TCN_PRODUCT_END                        \
    TCN_PRODUCT_RESCALE("r4", "r8")            \
    TCN_PRODUCT_RESCALE("r5", "r9")            \
    TCN_PRODUCT_RESCALE("r6", "r10")           \
    TCN_PRODUCT_RESCALE("r7", "r11")           \
    "ldrd r2, r3, [sp, #16]\n\t"               \
    "strh r5, [lr, r2]\n\t"                    \
    "strh r6, [lr, r2, lsl #1]\n\t"            \
    "strh r7, [lr, r3]\n\t"                    \
    "strh r4, [lr], #2\n\t"                    \
    "ldrd r1, r2, [sp, #8]\n\t"                \
    "str lr, [sp, #4]\n\t"                     \
    "cmp lr, r2\n\t"                           \
    "bne 1b\n\t"                               \
    "b 4f\n"                                   \
    "3:\n\t"                                   \
    "ldr r1, [sp, #32]\n\t"                    \
    "add r1, #32\n\t"                          \
    "stm r1, {r4-r11}\n"                       \
    "4:\n\t"                                   \
    "ldr r1, [sp, #32]\n\t"                    \
    "ldr lr, [sp, #4]\n\t"                     \
    "str r0, [r1, #24]\n\t"                    \
    "str lr, [r1, #4]\n\t"                     \
    "add sp, #36\n\t"                          \
    "pop {r4-r11, pc}"

/* Four columns. The inner loop takes 12 instructions for 16 multiply-accumulates (LDR, SXTB16, 2 LDRD, 8 SMLAD), 0.75
 * each; the bound is 0.5, SMLAD alone. An output takes 5.1 more. */
TCN_ASSEMBLY(72)
static void tcn_dsp_product4(TCN_UNUSED tcn_dsp_product_t *product)
{
    __asm__(TCN_PRODUCT_BEGIN(48)
            TCN_PRODUCT_LOOP("ldr r3, [r0], #4\n\tsxtb16 r2, r3\n\t")
            TCN_PRODUCT_DIFFERENCE("r4", "r8")
            TCN_PRODUCT_DIFFERENCE("r5", "r9")
            TCN_PRODUCT_DIFFERENCE("r6", "r10")
            TCN_PRODUCT_DIFFERENCE("r7", "r11")
            TCN_PRODUCT_END);
}

/* The same with wide weights: 11 instructions for 16 multiply-accumulates (3 LDRD, 8 SMLAD), 0.69 each. An output takes
 * 4.1 more. */
TCN_ASSEMBLY(72)
static void tcn_dsp_product4_wide(TCN_UNUSED tcn_dsp_product_t *product)
{
    __asm__(TCN_PRODUCT_BEGIN(44)
            TCN_PRODUCT_LOOP("ldrd r2, r3, [r0], #8\n\t")
            TCN_PRODUCT_END);
}
#endif

/* All channels of four columns. */
static void tcn_dsp_channels4(tcn_dsp_product_t *product, const TCN_FLASH tcn_rescale_t *rescale, int32_t is_wide)
{
    const int8_t *const begin = product->output;

    while (product->output != product->end) {
#if TCN_HAS_DSP
        if (is_wide) {
            tcn_dsp_product4_wide(product);
        } else {
            tcn_dsp_product4(product);
        }
#else
        tcn_dsp_product_plain(product, 4, is_wide);
#endif
        if (product->output != product->end) {
            tcn_dsp_product_rest(product, rescale, (int32_t)(product->output - begin), 4, is_wide);
        }
    }
}

#endif /* TCN_DSP_PRODUCT4_H */
