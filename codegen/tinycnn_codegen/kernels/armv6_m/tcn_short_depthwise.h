#ifndef TCN_SHORT_DEPTHWISE_H
#define TCN_SHORT_DEPTHWISE_H

#include "tcn_short.h"
#include "tcn_word_depthwise_channel.h"

#if TCN_HAS_SHORT
/* Where the assembly below finds the fields of a layer. */
typedef char tcn_short_depthwise_fields[__builtin_offsetof(tcn_word_depthwise_t, outputs) == 28 &&
                                        __builtin_offsetof(tcn_word_outputs_t, constants) == 4 ? 1 : -1];

/* Weights of a row of the kernel as words, the right one first. */
#define TCN_DEPTHWISE_ROW(row)             \
    "movs r4, #6 + " #row "\n\t"           \
    "ldrsb r1, [r6, r4]\n\t"               \
    "movs r4, #3 + " #row "\n\t"           \
    "ldrsb r2, [r6, r4]\n\t"               \
    "movs r4, #" #row "\n\t"               \
    "ldrsb r3, [r6, r4]\n\t"               \
    "stm r0!, {r1, r2, r3}\n\t"
/* One product, with the weight at `at`. */
#define TCN_DEPTHWISE_TAP(sum, row, at)    \
    "mov r6, " row "\n\t"                  \
    "ldrsb r4, [r6, r5]\n\t"               \
    "ldr r1, [sp, #" #at "]\n\t"           \
    "muls r1, r4, r1\n\t"                  \
    "add " sum ", r1\n\t"
/* tcn_high_word, tcn_halve; r0 stands on the multiplier, whose halves are two words. The next but one begins with the
 * bias. */
#define TCN_DEPTHWISE_RESCALE              \
    "ldm r0!, {r2, r3}\n\t"                \
    "uxth r4, r1\n\t"                      \
    "muls r4, r3, r4\n\t"                  \
    "lsrs r4, r4, #16\n\t"                 \
    "asrs r6, r1, #16\n\t"                 \
    "muls r6, r3, r6\n\t"                  \
    "adds r4, r4, r6\n\t"                  \
    "muls r1, r2, r1\n\t"                  \
    "adds r1, r1, r4\n\t"                  \
    "asrs r1, r1, #16\n\t"                 \
    "ldm r0!, {r2, r3}\n\t"                \
    "mov r11, r3\n\t"                      \
    "adds r1, r1, r2\n\t"                  \
    "asrs r1, r1, #1\n\t"                  \
    "movs r3, r1\n\t"                      \
    "adds r3, #128\n\t"                    \
    "cmp r3, #255\n\t"                     \
    "bls 15f\n\t"                          \
    "asrs r1, r1, #31\n\t"                 \
    "movs r3, #127\n\t"                    \
    "eors r1, r3\n"                        \
    "15:\n\t"

/* The channels from `channel` on, as far as the multiplier is not 0. Returns the first channel that is left.
 *
 * r8 to r10: where the inputs end; r5: how far before that a column is; r7: channels; r0: the weights below, r1 to r3:
 * some of them; r4: an input; r12, lr and r11: the sums of this output and of the next two. sp: nine weights, both
 * halves of the multiplier, rounding, bias; output, with stride 1 where it ends; the weights and the constants that
 * come next, where those end, from them to the additions; the first r5; the layer; the bytes of output with stride 2.
 *
 * With stride 1 an output takes 53 instructions, 5.9 per multiply-accumulate: 20 to rescale and store; multiplying and
 * adding alone is 2. A channel takes 110 more. */
TCN_ASSEMBLY(120)
static int32_t tcn_depthwise_channels(TCN_UNUSED const tcn_word_depthwise_t *layer, TCN_UNUSED int32_t channel,
                                      TCN_UNUSED const int8_t *const *rows, TCN_UNUSED int8_t *output)
{
    __asm__(".syntax unified\n\t"
            "push {r4-r7, lr}\n\t"
            "mov r4, r8\n\t"
            "mov r5, r9\n\t"
            "mov r6, r10\n\t"
            "mov r7, r11\n\t"
            "push {r4-r7}\n\t"
            "sub sp, #84\n\t"
            "str r0, [sp, #76]\n\t"
            "ldr r7, [r0]\n\t"
            "ldr r4, [r0, #4]\n\t"
            "ldr r5, [r0, #16]\n\t"
            "subs r4, r4, r5\n\t"
            "adds r3, r3, r1\n\t"
            "movs r5, #0\n\t"
            "movs r6, r4\n\t"
            "muls r6, r7, r6\n\t"
            "mov r12, r4\n\t"
            "ldr r4, [r0, #8]\n\t"
            "cmp r4, #1\n\t"
            "bne 11f\n\t"
            "adds r3, r3, r6\n\t"
            "b 12f\n\t"
            "11:\n\t"
            "movs r5, r6\n\t"
            "12:\n\t"
            "str r3, [sp, #52]\n\t"
            "str r5, [sp, #80]\n\t"
            "mov r5, r12\n\t"
            "muls r5, r4, r5\n\t"
            "adds r5, #3\n\t"
            "subs r5, r5, r4\n\t"
            "ldr r4, [r0, #12]\n\t"
            "subs r5, r5, r4\n\t"
            "muls r5, r7, r5\n\t"
            "rsbs r4, r5, #0\n\t"
            "str r4, [sp, #72]\n\t"
            "adds r5, r5, r1\n\t"
            "ldr r4, [r0, #20]\n\t"
            "lsls r6, r1, #3\n\t"
            "adds r4, r4, r6\n\t"
            "adds r4, r4, r1\n\t"
            "str r4, [sp, #56]\n\t"
            "ldr r4, [r0, #32]\n\t"
            "ldr r3, [r0, #24]\n\t"
            "subs r3, r3, r4\n\t"
            "str r3, [sp, #68]\n\t"
            "lsls r3, r7, #3\n\t"
            "adds r3, r3, r4\n\t"
            "str r3, [sp, #64]\n\t"
            "adds r4, r4, r6\n\t"
            "str r4, [sp, #60]\n\t"
            "ldr r4, [r0, #28]\n\t"
            "str r4, [sp, #44]\n\t"
            "ldm r2!, {r1, r3, r4}\n\t"
            "adds r1, r1, r5\n\t"
            "mov r8, r1\n\t"
            "adds r3, r3, r5\n\t"
            "mov r9, r3\n\t"
            "adds r4, r4, r5\n\t"
            "mov r10, r4\n\t"
            "1:\n\t"
            "ldr r1, [sp, #60]\n\t"
            "ldr r2, [sp, #64]\n\t"
            "cmp r1, r2\n\t"
            "bne 13f\n\t"
            "b 9f\n\t"
            "13:\n\t"
            "ldr r2, [r1, #4]\n\t"
            "cmp r2, #0\n\t"
            "bne 14f\n\t"
            "b 9f\n\t"
            "14:\n\t"
            "ldr r3, [r1]\n\t"
            "str r3, [sp, #48]\n\t"
            "mov r11, r3\n\t"
            "mov lr, r3\n\t"
            "lsrs r3, r2, #16\n\t"
            "str r3, [sp, #36]\n\t"
            "uxth r2, r2\n\t"
            "str r2, [sp, #40]\n\t"
            "ldr r6, [sp, #56]\n\t"
            "mov r0, sp\n\t"
            TCN_DEPTHWISE_ROW(0)
            TCN_DEPTHWISE_ROW(1)
            TCN_DEPTHWISE_ROW(2)
            "adds r6, #9\n\t"
            "str r6, [sp, #56]\n\t"
            "ldr r5, [sp, #72]\n\t"
            "ldr r6, [sp, #76]\n\t"
            "ldr r4, [r6, #12]\n\t"
            "cmp r4, #0\n\t"
            "beq 2f\n\t"
            "ldr r4, [sp, #68]\n\t"
            "ldr r1, [sp, #60]\n\t"
            "ldr r4, [r1, r4]\n\t"
            "add lr, r4\n\t"
            "b 3f\n\t"
            "2:\n\t"
            TCN_DEPTHWISE_TAP("lr", "r8", 8)
            TCN_DEPTHWISE_TAP("lr", "r9", 20)
            TCN_DEPTHWISE_TAP("lr", "r10", 32)
            "adds r5, r5, r7\n\t"
            "3:\n\t"
            "mov r12, lr\n\t"
            "mov r0, sp\n\t"
            "ldr r6, [sp, #76]\n\t"
            "ldr r4, [r6, #8]\n\t"
            "cmp r4, #1\n\t"
            "bne 5f\n\t"
            "mov r6, r8\n\t"
            "ldrsb r4, [r6, r5]\n\t"
            "ldm r0!, {r1, r2, r3}\n\t"
            "muls r2, r4, r2\n\t"
            "muls r3, r4, r3\n\t"
            "add r12, r2\n\t"
            "add r11, r3\n\t"
            "mov r6, r9\n\t"
            "ldrsb r4, [r6, r5]\n\t"
            "ldm r0!, {r1, r2, r3}\n\t"
            "muls r2, r4, r2\n\t"
            "muls r3, r4, r3\n\t"
            "add r12, r2\n\t"
            "add r11, r3\n\t"
            "mov r6, r10\n\t"
            "ldrsb r4, [r6, r5]\n\t"
            "ldm r0!, {r1, r2, r3}\n\t"
            "muls r2, r4, r2\n\t"
            "muls r3, r4, r3\n\t"
            "add r12, r2\n\t"
            "add r11, r3\n\t"
            "mov lr, r11\n\t"
            "ldr r4, [sp, #48]\n\t"
            "mov r11, r4\n\t"
            "mov r0, sp\n\t"
            "adds r5, r5, r7\n\t"
            "bne 4f\n\t"
            "b 6f\n\t"
            "4:\n\t"
            "mov r6, r8\n\t"
            "ldrsb r4, [r6, r5]\n\t"
            "ldm r0!, {r1, r2, r3}\n\t"
            "muls r1, r4, r1\n\t"
            "muls r2, r4, r2\n\t"
            "muls r3, r4, r3\n\t"
            "add r12, r1\n\t"
            "add lr, r2\n\t"
            "add r11, r3\n\t"
            "mov r6, r9\n\t"
            "ldrsb r4, [r6, r5]\n\t"
            "ldm r0!, {r1, r2, r3}\n\t"
            "muls r1, r4, r1\n\t"
            "muls r2, r4, r2\n\t"
            "muls r3, r4, r3\n\t"
            "add r12, r1\n\t"
            "add lr, r2\n\t"
            "add r11, r3\n\t"
            "mov r6, r10\n\t"
            "ldrsb r4, [r6, r5]\n\t"
            "ldm r0!, {r1, r2, r3}\n\t"
            "muls r1, r4, r1\n\t"
            "muls r2, r4, r2\n\t"
            "muls r3, r4, r3\n\t"
            "add r1, r12\n\t"
            "add r2, lr\n\t"
            "mov r12, r2\n\t"
            "add r3, r11\n\t"
            "mov lr, r3\n\t"
            TCN_DEPTHWISE_RESCALE
            "ldr r6, [sp, #52]\n\t"
            "strb r1, [r6, r5]\n\t"
            "mov r0, sp\n\t"
            "adds r5, r5, r7\n\t"
            "bne 4b\n\t"
            "b 6f\n\t");
    __asm__("5:\n\t" /* two statements, since a string has 4095 characters at most */
            "cmp r5, #0\n\t"
            "beq 7f\n\t"
            "10:\n\t" /* stride 2 */
            "mov r6, r8\n\t"
            "ldrsb r4, [r6, r5]\n\t"
            "ldm r0!, {r1, r2, r3}\n\t"
            "muls r2, r4, r2\n\t"
            "add r12, r2\n\t"
            "add r6, r7\n\t"
            "ldrsb r4, [r6, r5]\n\t"
            "muls r1, r4, r1\n\t"
            "muls r3, r4, r3\n\t"
            "add r12, r1\n\t"
            "add r11, r3\n\t"
            "mov r6, r9\n\t"
            "ldrsb r4, [r6, r5]\n\t"
            "ldm r0!, {r1, r2, r3}\n\t"
            "muls r2, r4, r2\n\t"
            "add r12, r2\n\t"
            "add r6, r7\n\t"
            "ldrsb r4, [r6, r5]\n\t"
            "muls r1, r4, r1\n\t"
            "muls r3, r4, r3\n\t"
            "add r12, r1\n\t"
            "add r11, r3\n\t"
            "mov r6, r10\n\t"
            "ldrsb r4, [r6, r5]\n\t"
            "ldm r0!, {r1, r2, r3}\n\t"
            "muls r2, r4, r2\n\t"
            "add r12, r2\n\t"
            "add r6, r7\n\t"
            "ldrsb r4, [r6, r5]\n\t"
            "muls r1, r4, r1\n\t"
            "muls r3, r4, r3\n\t"
            "add r1, r12\n\t"
            "add r3, r11\n\t"
            "mov r12, r3\n\t"
            TCN_DEPTHWISE_RESCALE
            "ldr r6, [sp, #52]\n\t"
            "strb r1, [r6]\n\t"
            "adds r6, r6, r7\n\t"
            "str r6, [sp, #52]\n\t"
            "mov r0, sp\n\t"
            "adds r5, r5, r7\n\t"
            "adds r5, r5, r7\n\t"
            "bne 10b\n\t"
            "7:\n\t"
            "ldr r6, [sp, #76]\n\t"
            "ldr r4, [r6, #16]\n\t"
            "cmp r4, #0\n\t"
            "beq 8f\n\t"
            TCN_DEPTHWISE_TAP("r12", "r8", 4)
            TCN_DEPTHWISE_TAP("r12", "r9", 16)
            TCN_DEPTHWISE_TAP("r12", "r10", 28)
            "6:\n\t"
            "ldr r6, [sp, #76]\n\t"
            "ldr r4, [r6, #16]\n\t"
            "cmp r4, #0\n\t"
            "beq 8f\n\t"
            "ldr r1, [sp, #60]\n\t"
            "ldr r4, [sp, #68]\n\t"
            "adds r1, r1, r4\n\t"
            "ldr r1, [r1, #4]\n\t"
            "add r1, r12\n\t"
            "mov r0, sp\n\t"
            "adds r0, #36\n\t"
            TCN_DEPTHWISE_RESCALE
            "ldr r6, [sp, #52]\n\t"
            "strb r1, [r6, r5]\n\t"
            "8:\n\t"
            "ldr r1, [sp, #60]\n\t"
            "adds r1, #8\n\t"
            "str r1, [sp, #60]\n\t"
            "ldr r1, [sp, #52]\n\t"
            "ldr r2, [sp, #80]\n\t"
            "subs r1, r1, r2\n\t"
            "adds r1, #1\n\t"
            "str r1, [sp, #52]\n\t"
            "movs r1, #1\n\t"
            "add r8, r1\n\t"
            "add r9, r1\n\t"
            "add r10, r1\n\t"
            "b 1b\n\t"
            "9:\n\t"
            "ldr r1, [sp, #76]\n\t"
            "ldr r1, [r1, #32]\n\t"
            "ldr r0, [sp, #60]\n\t"
            "subs r0, r0, r1\n\t"
            "asrs r0, r0, #3\n\t"
            "add sp, #84\n\t"
            "pop {r4-r7}\n\t"
            "mov r8, r4\n\t"
            "mov r9, r5\n\t"
            "mov r10, r6\n\t"
            "mov r11, r7\n\t"
            "pop {r4-r7, pc}");
}
#endif

#define TCN_DEPTHWISE_ASSEMBLY TCN_HAS_SHORT

#endif /* TCN_SHORT_DEPTHWISE_H */
