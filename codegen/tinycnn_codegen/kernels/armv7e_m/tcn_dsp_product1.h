#ifndef TCN_DSP_PRODUCT1_H
#define TCN_DSP_PRODUCT1_H

#include "tcn_dsp_product.h"

#if TCN_HAS_DSP
#ifdef __OPTIMIZE_SIZE__
#define TCN_COLUMN_REPEATED "2"
#else
#define TCN_COLUMN_REPEATED "8"
#endif
#define TCN_COLUMN_PAIR(ab, cd, x)       \
    "smlad r5, " ab ", " x ", r5\n\t"    \
    "smlad r7, " cd ", " x ", r7\n\t"    \
    "sxtb16 " ab ", " ab "\n\t"          \
    "sxtb16 " cd ", " cd "\n\t"          \
    "smlad r4, " ab ", " x ", r4\n\t"    \
    "smlad r6, " cd ", " x ", r6\n\t"
#define TCN_COLUMN_WIDE(x)               \
    "ldm r0!, {r8-r11}\n\t"              \
    "smlad r4, r8, " x ", r4\n\t"        \
    "smlad r5, r9, " x ", r5\n\t"        \
    "smlad r6, r10, " x ", r6\n\t"       \
    "smlad r7, r11, " x ", r7\n\t"
/* r0: weights, r1: column, r4-r7: sums, r12: end of the column, lr: where the inner loop is entered; sp: column,
 * output, the last four channels, pitch; the product. */
#define TCN_COLUMN(two_pairs, bytes, differences) \
    "push {r0, r4-r11, lr}\n\t"              \
    "sub sp, #16\n\t"                        \
    "ldm r0, {r1-r5}\n\t"                    \
    "ldr r6, [r0, #24]\n\t"                  \
    "sub r3, #4\n\t"                         \
    "stm sp, {r1-r4}\n\t"                    \
    "mov r0, r5\n\t"                         \
    "add r12, r1, r6, lsl #2\n\t"            \
    "lsr r6, #1\n\t"                         \
    "rsb r6, #0\n\t"                         \
    "and r6, #" TCN_COLUMN_REPEATED " - 1\n\t" \
    "mov r5, #" bytes "\n\t"                 \
    "adr.w r4, 2f\n\t"                       \
    "mla lr, r5, r6, r4\n\t"                 \
    "orr lr, #1\n"                           \
    "1:\n\t"                                 \
    "ldm r0!, {r4-r7}\n\t"                   \
    "bx lr\n"                                \
    "2:\n\t"                                 \
    ".rept " TCN_COLUMN_REPEATED "\n\t"      \
    two_pairs                                \
    ".endr\n\t"                              \
    "cmp r1, r12\n\t"                        \
    "bne 2b\n\t"                             \
    "ldm r0!, {r1, r2, r3, r8, r9}\n\t"      \
    differences                              \
    "cbz r2, 3f\n\t"                         \
    TCN_PRODUCT_SCALE("r1", "r4", "r5", "r6", "r7", "r2", "r3", "r8", "r9") \
    "ldr r8, [sp, #12]\n\t"                  \
    "ldm sp, {r1-r3}\n\t"                    \
    "cmp r8, #0\n\t"                         \
    "bmi 6f\n\t"                             \
    TCN_PRODUCT_BYTES("r4", "r5", "r6", "r7") \
    "str r4, [r2], #4\n\t"                   \
    "str r2, [sp, #4]\n\t"                   \
    "cmp r2, r3\n\t"                         \
    "bls 1b\n\t"                             \
    "sub r4, r2, r3\n\t"                     \
    "cmp r4, #4\n\t"                         \
    "beq 4f\n\t"                             \
    "str r3, [sp, #4]\n\t"                   \
    "b 1b\n"                                 \
    "3:\n\t"                                 \
    "stm r12, {r4-r7}\n"                     \
    "4:\n\t"                                 \
    "ldr r1, [sp, #16]\n\t"                  \
    "ldr r2, [sp, #4]\n\t"                   \
    "str r2, [r1, #4]\n\t"                   \
    "str r0, [r1, #16]\n\t"                  \
    "add sp, #20\n\t"                        \
    "pop {r4-r11, pc}\n"                     \
    "6:\n\t"                                 \
    "usat r4, #8, r4\n\t"                    \
    "usat r5, #8, r5\n\t"                    \
    "usat r6, #8, r6\n\t"                    \
    "usat r7, #8, r7\n\t"                    \
    "sub r9, r2, r8\n\t"                     \
    "sub r10, r9, r8\n\t"                    \
    "strh r4, [r2]\n\t"                      \
    "sub r11, r10, r8\n\t"                   \
    "strh r5, [r9]\n\t"                      \
    "strh r6, [r10]\n\t"                     \
    "sub r2, r11, r8\n\t"                    \
    "strh r7, [r11]\n\t"                     \
    "str r2, [sp, #4]\n\t"                   \
    "cmp r2, r3\n\t"                         \
    "bls 1b\n\t"                             \
    "b 4b\n"

/* One column. Two pairs take 14 instructions for 16 multiply-accumulates (LDM, LDRD, 4 SXTB16, 8 SMLAD), 0.88 each, and
 * 20 cycles on the Cortex-M4, 1.25 each; the bound is 0.5, SMLAD alone. An output takes 6.8 instructions and 11 cycles
 * besides. */
TCN_ASSEMBLY(56)
static void tcn_dsp_product1(TCN_UNUSED tcn_dsp_product_t *product)
{
    __asm__(TCN_COLUMN("ldm r0!, {r8-r11}\n\t"
                       "ldrd r2, r3, [r1], #8\n\t"
                       TCN_COLUMN_PAIR("r8", "r9", "r2")
                       TCN_COLUMN_PAIR("r10", "r11", "r3"),
                       "56",
                       TCN_PRODUCT_DIFFERENCE("r4", "r5")
                       TCN_PRODUCT_DIFFERENCE("r6", "r7")));
}

/* With wide weights 11 instructions (2 LDM, LDRD, 8 SMLAD), 0.69 each, and 21 cycles, 1.31 each. */
TCN_ASSEMBLY(56)
static void tcn_dsp_product1_wide(TCN_UNUSED tcn_dsp_product_t *product)
{
    __asm__(TCN_COLUMN("ldrd r2, r3, [r1], #8\n\t"
                       TCN_COLUMN_WIDE("r2")
                       TCN_COLUMN_WIDE("r3"),
                       "44", ""));
}
#endif

/* All channels of one column. Behind it there is room for four sums. */
static void tcn_dsp_channels1(tcn_dsp_product_t *product, const TCN_FLASH tcn_rescale_t *rescale, int32_t is_wide)
{
    uint32_t *const sums = product->columns + product->pairs;

    tcn_dsp_product_begin(product);
    while (product->output != product->end) {
#if TCN_HAS_DSP
        if (TCN_IS_WIDE(is_wide)) {
            tcn_dsp_product1_wide(product);
        } else {
            tcn_dsp_product1(product);
        }
#else
        tcn_dsp_product_plain(product, 1, sums, is_wide);
#endif
        if (product->output != product->end) {
            tcn_dsp_product_rest(product, rescale, sums, 1);
        }
    }
}

#endif /* TCN_DSP_PRODUCT1_H */
