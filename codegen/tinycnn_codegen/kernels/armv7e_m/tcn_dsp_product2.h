#ifndef TCN_DSP_PRODUCT2_H
#define TCN_DSP_PRODUCT2_H

#include "tcn_dsp_gather.h"
#include "tcn_dsp_product.h"

/* Goes on to the next two columns. */
static void tcn_dsp_product2_next(tcn_dsp_product_t *product)
{
    product->output += product->pitch < 0 ? product->channels * product->pitch + 4 : product->channels;
    tcn_dsp_product_begin(product);
    product->offset += 2 * product->step;
    product->left--;
}

#if TCN_HAS_DSP
/* How often the loops below have two pairs of inputs. */
#ifdef __OPTIMIZE_SIZE__
#define TCN_PRODUCT_REPEATED "1"
#else
#define TCN_PRODUCT_REPEATED "16"
#endif
/* A pair of inputs in r4 (first column) and r5 times weights in r2 and r3. Sums of a, b, c, d of the first column:
 * r6-r9, of the second: r10, r11, r12, lr. The second's begin with those given. */
#define TCN_PRODUCT_PAIR(from_a, from_b, from_c, from_d) \
    "smlad r11, r2, r5, " from_b "\n\t"                  \
    "smlad lr, r3, r5, " from_d "\n\t"                   \
    "smlad r7, r2, r4, r7\n\t"                           \
    "smlad r9, r3, r4, r9\n\t"                           \
    "sxtb16 r2, r2\n\t"                                  \
    "sxtb16 r3, r3\n\t"                                  \
    "smlad r10, r2, r5, " from_a "\n\t"                  \
    "smlad r12, r3, r5, " from_c "\n\t"                  \
    "smlad r6, r2, r4, r6\n\t"                           \
    "smlad r8, r3, r4, r8\n\t"
#define TCN_PRODUCT_TWO_PAIRS(from_a, from_b, from_c, from_d) \
    "ldrd r2, r3, [r0], #8\n\t"                               \
    "ldrd r4, r5, [r1], #8\n\t"                               \
    TCN_PRODUCT_PAIR(from_a, from_b, from_c, from_d)          \
    "ldrd r2, r3, [r0], #8\n\t"                               \
    "ldrd r4, r5, [r1], #8\n\t"                               \
    TCN_PRODUCT_PAIR("r10", "r11", "r12", "lr")
#define TCN_PRODUCT_WIDE(a, b, sum_a, sum_b, from_a, from_b) \
    "smlad " sum_a ", r2, r5, " from_a "\n\t"                \
    "smlad " sum_b ", r3, r5, " from_b "\n\t"                \
    "smlad " a ", r2, r4, " a "\n\t"                         \
    "smlad " b ", r3, r4, " b "\n\t"
#define TCN_PRODUCT_TWO_WIDE(from_a, from_b, from_c, from_d)      \
    "ldrd r2, r3, [r0], #8\n\t"                                   \
    "ldrd r4, r5, [r1], #8\n\t"                                   \
    TCN_PRODUCT_WIDE("r6", "r7", "r10", "r11", from_a, from_b)    \
    "ldrd r2, r3, [r0], #8\n\t"                                   \
    TCN_PRODUCT_WIDE("r8", "r9", "r12", "lr", from_c, from_d)     \
    "ldrd r2, r3, [r0], #8\n\t"                                   \
    "ldrd r4, r5, [r1], #8\n\t"                                   \
    TCN_PRODUCT_WIDE("r6", "r7", "r10", "r11", "r10", "r11")      \
    "ldrd r2, r3, [r0], #8\n\t"                                   \
    TCN_PRODUCT_WIDE("r8", "r9", "r12", "lr", "r12", "lr")
/* Products of two columns, two pairs of inputs being computed by `two_pairs`. r0: weights, r1: columns; sp: columns,
 * output, the last four channels, pitch, where the inner loop is entered, end of the columns; the product. */
#define TCN_PRODUCT(two_pairs, bytes, repeated, differences) \
    "push {r0, r4-r11, lr}\n\t"                              \
    "sub sp, #24\n\t"                                        \
    "mov lr, r0\n\t"                                         \
    "ldm r0, {r1-r4}\n\t"                                    \
    "ldr r5, [r0, #24]\n\t"                                  \
    "sub r3, #4\n\t"                                         \
    "stm sp, {r1-r4}\n\t"                                    \
    "add r7, r1, r5, lsl #3\n\t"                             \
    "lsr r5, #1\n\t"                                         \
    "sub r5, #1\n\t"                                         \
    "and r5, #" repeated " - 1\n\t"                          \
    "rsb r5, #" repeated "\n\t"                              \
    "mov r6, #" bytes "\n\t"                                 \
    "adr.w r8, 2f\n\t"                                       \
    "mla r6, r5, r6, r8\n\t"                                 \
    "orr r6, #1\n\t"                                         \
    "strd r6, r7, [sp, #16]\n"                               \
    "0:\n\t"                                                 \
    TCN_GATHER                                               \
    "ldr r0, [lr, #16]\n\t"                                  \
    "ldr r1, [sp]\n"                                         \
    "1:\n\t"                                                 \
    "ldm r0!, {r6-r9}\n\t"                                   \
    two_pairs("r6", "r7", "r8", "r9")                        \
    "ldr pc, [sp, #16]\n"                                    \
    "2:\n\t"                                                 \
    ".rept " repeated "\n\t"                                 \
    two_pairs("r10", "r11", "r12", "lr")                     \
    ".endr\n\t"                                              \
    "ldr r2, [sp, #20]\n\t"                                  \
    "cmp r1, r2\n\t"                                         \
    "bne 2b\n\t"                                             \
    "ldm r0!, {r1-r5}\n\t"                                   \
    differences                                              \
    "cbz r2, 3f\n\t"                                         \
    TCN_PRODUCT_SCALE("r1", "r6", "r7", "r8", "r9", "r2", "r3", "r4", "r5")    \
    TCN_PRODUCT_SCALE("r1", "r10", "r11", "r12", "lr", "r2", "r3", "r4", "r5") \
    "ldm sp, {r1-r4}\n\t"                                    \
    "cmp r4, #0\n\t"                                         \
    "bmi 6f\n\t"                                             \
    TCN_PRODUCT_BYTES("r6", "r7", "r8", "r9")                \
    TCN_PRODUCT_BYTES("r10", "r11", "r12", "lr")             \
    "str r10, [r2, r4]\n\t"                                  \
    "str r6, [r2], #4\n\t"                                   \
    "str r2, [sp, #4]\n\t"                                   \
    "cmp r2, r3\n\t"                                         \
    "bls 1b\n\t"                                             \
    "b 4f\n"                                                 \
    "3:\n\t"                                                 \
    "ldr r1, [sp]\n\t"                                       \
    "stm r1, {r6-r12, lr}\n\t"                               \
    "b 5f\n"                                                 \
    "4:\n\t"                                                 \
    "sub r5, r2, r3\n\t"                                     \
    "cmp r5, #4\n\t"                                         \
    "itt ne\n\t"                                             \
    "strne r3, [sp, #4]\n\t"                                 \
    "bne 1b\n\t"                                             \
    "ldr lr, [sp, #24]\n\t"                                  \
    "add r2, r4\n\t"                                         \
    "add r3, r3, r4, lsl #1\n"                               \
    "7:\n\t"                                                 \
    "strd r2, r3, [sp, #4]\n\t"                              \
    "ldr r0, [lr, #20]\n\t"                                  \
    "ldr r4, [lr, #28]\n\t"                                  \
    "ldrd r5, r6, [lr, #40]\n\t"                             \
    "add r5, r5, r6, lsl #1\n\t"                             \
    "str r5, [lr, #40]\n\t"                                  \
    "str r0, [lr, #16]\n\t"                                  \
    "subs r4, #1\n\t"                                        \
    "str r4, [lr, #28]\n\t"                                  \
    "bne 0b\n"                                               \
    "5:\n\t"                                                 \
    "ldr r1, [sp, #24]\n\t"                                  \
    "ldrd r2, r3, [sp, #4]\n\t"                              \
    "add r3, #4\n\t"                                         \
    "strd r2, r3, [r1, #4]\n\t"                              \
    "str r0, [r1, #16]\n\t"                                  \
    "add sp, #28\n\t"                                        \
    "pop {r4-r11, pc}\n"                                     \
    "6:\n\t"                                                 \
    "pkhbt r6, r6, r10, lsl #16\n\t"                         \
    "pkhbt r7, r7, r11, lsl #16\n\t"                         \
    "pkhbt r8, r8, r12, lsl #16\n\t"                         \
    "pkhbt r9, r9, lr, lsl #16\n\t"                          \
    "usat16 r6, #8, r6\n\t"                                  \
    "usat16 r7, #8, r7\n\t"                                  \
    "usat16 r8, #8, r8\n\t"                                  \
    "usat16 r9, #8, r9\n\t"                                  \
    "sub r10, r2, r4\n\t"                                    \
    "sub r11, r10, r4\n\t"                                   \
    "str r6, [r2]\n\t"                                       \
    "sub r12, r11, r4\n\t"                                   \
    "str r7, [r10]\n\t"                                      \
    "str r8, [r11]\n\t"                                      \
    "sub r2, r12, r4\n\t"                                    \
    "str r9, [r12]\n\t"                                      \
    "str r2, [sp, #4]\n\t"                                   \
    "cmp r2, r3\n\t"                                         \
    "bls 1b\n\t"                                             \
    "ldr lr, [sp, #24]\n\t"                                  \
    "ldr r5, [lr, #64]\n\t"                                  \
    "mla r2, r5, r4, r2\n\t"                                 \
    "adds r2, #4\n\t"                                        \
    "adds r3, #4\n\t"                                        \
    "b 7b\n"

/* A pair takes 12 instructions for 16 multiply-accumulates (2 LDRD, 2 SXTB16, 8 SMLAD), 0.75 each, and 16 cycles on the
 * Cortex-M4, 1 each; the bound is 0.5, SMLAD alone. Four LDR would take one cycle less than two LDRD, and two
 * instructions more. An output takes 5.4 instructions and 8 cycles besides. */
TCN_ASSEMBLY(64)
static void tcn_dsp_product2(TCN_UNUSED tcn_dsp_product_t *product)
{
    __asm__(TCN_PRODUCT(TCN_PRODUCT_TWO_PAIRS, "96", TCN_PRODUCT_REPEATED,
                        TCN_PRODUCT_DIFFERENCE("r6", "r7")
                        TCN_PRODUCT_DIFFERENCE("r8", "r9")
                        TCN_PRODUCT_DIFFERENCE("r10", "r11")
                        TCN_PRODUCT_DIFFERENCE("r12", "lr")));
}

/* With wide weights 11 instructions (3 LDRD, 8 SMLAD), 0.69 each, and 17 cycles, 1.06 each. */
TCN_ASSEMBLY(64)
static void tcn_dsp_product2_wide(TCN_UNUSED tcn_dsp_product_t *product)
{
    __asm__(TCN_PRODUCT(TCN_PRODUCT_TWO_WIDE, "88", "1", ""));
}
#else
static void tcn_dsp_product2_plain(tcn_dsp_product_t *product, int32_t is_wide)
{
    do {
        tcn_dsp_gather(product);
        tcn_dsp_product_plain(product, 2, product->columns, is_wide);
        if (product->output != product->end) {
            return;
        }
        tcn_dsp_product2_next(product);
    } while (product->left != 0);
}
#endif

/* All channels of the columns that are left, two at a time. Sums that are left over take the place of the columns,
 * which are gathered once more behind them. */
static void tcn_dsp_channels2(tcn_dsp_product_t *product, const TCN_FLASH tcn_rescale_t *rescale, int32_t is_wide)
{
    tcn_dsp_product_begin(product);
    while (product->left != 0) {
#if TCN_HAS_DSP
        if (TCN_IS_WIDE(is_wide)) {
            tcn_dsp_product2_wide(product);
        } else {
            tcn_dsp_product2(product);
        }
#else
        tcn_dsp_product2_plain(product, is_wide);
#endif
        if (product->left != 0) {
            tcn_dsp_product_rest(product, rescale, product->columns, 2);
            if (product->output == product->end) {
                tcn_dsp_product2_next(product);
            }
        }
    }
}

#endif /* TCN_DSP_PRODUCT2_H */
