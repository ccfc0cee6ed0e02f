#ifndef TCN_LONG_DEPTHWISE_H
#define TCN_LONG_DEPTHWISE_H

#include "tcn_long.h"
#include "tcn_word_depthwise_channel.h"

#if TCN_HAS_LONG
/* Where the assembly below finds the fields of a layer. */
typedef char tcn_long_depthwise_fields[__builtin_offsetof(tcn_word_depthwise_t, outputs) == 28 &&
                                       __builtin_offsetof(tcn_word_outputs_t, constants) == 4 ? 1 : -1];

/* Weights of a row of the kernel as words, the right one first. */
#define TCN_DEPTHWISE_ROW(row)             \
    "ldrsb r8, [r7, #6 + " #row "]\n\t"    \
    "ldrsb r9, [r7, #3 + " #row "]\n\t"    \
    "ldrsb r10, [r7, #" #row "]\n\t"       \
    "stm r6!, {r8, r9, r10}\n\t"
/* One product, with the weight at `at`. */
#define TCN_DEPTHWISE_TAP(sum, row, at)    \
    "ldrsb r7, [" row ", r3]\n\t"          \
    "ldr r9, [sp, #" #at "]\n\t"           \
    "mla " sum ", r7, r9, " sum "\n\t"
#define TCN_DEPTHWISE_RESCALE              \
    "smull r7, r8, r8, r9\n\t"             \
    "add r8, r8, r10\n\t"                  \
    "ssat r8, #8, r8, asr #1\n\t"

/* The channels from `channel` on, as far as the multiplier is not 0. Returns the first channel that is left.
 *
 * r0 to r2: where the inputs end; r3: how far before that a column is; r4: output, with stride 1 where it ends; r5:
 * channels; r6: the weights below; r7: an input; r8 to r10: weights; r12, lr and r11: the sums of this output and of
 * the next two. sp: nine weights, multiplier, rounding, bias; the weights and the constants that come next, where those
 * end, from them to the additions; the first r3; the layer; the bytes of output with stride 2.
 *
 * With stride 1 an output takes 23 instructions, 2.6 per multiply-accumulate: 4 LDM, 3 LDRSB, 9 MLA, 4 to rescale and
 * store, 3 for the loop; multiplying and adding alone is 1. A channel takes 60 more. */
TCN_ASSEMBLY(112)
static int32_t tcn_depthwise_channels(TCN_UNUSED const tcn_word_depthwise_t *layer, TCN_UNUSED int32_t channel,
                                      TCN_UNUSED const int8_t *const *rows, TCN_UNUSED int8_t *output)
{
    __asm__("push {r4-r11, lr}\n\t"
            "sub sp, #76\n\t"
            "str r0, [sp, #68]\n\t"
            "ldr r5, [r0]\n\t"
            "ldrd r6, r7, [r0, #4]\n\t"
            "ldrd r8, r9, [r0, #12]\n\t"
            "sub r6, r6, r9\n\t"
            "mul r10, r6, r5\n\t"
            "add r4, r3, r1\n\t"
            "mov r11, r10\n\t"
            "cmp r7, #1\n\t"
            "itt eq\n\t"
            "addeq r4, r4, r10\n\t"
            "moveq r11, #0\n\t"
            "str r11, [sp, #72]\n\t"
            "mul r6, r6, r7\n\t"
            "add r6, r6, #3\n\t"
            "sub r6, r6, r7\n\t"
            "sub r6, r6, r8\n\t"
            "mul r6, r6, r5\n\t"
            "rsb r7, r6, #0\n\t"
            "str r7, [sp, #64]\n\t"
            "add r6, r6, r1\n\t"
            "ldr r7, [r0, #20]\n\t"
            "add r8, r1, r1, lsl #3\n\t"
            "add r7, r7, r8\n\t"
            "ldr r8, [r0, #32]\n\t"
            "add r9, r8, r5, lsl #3\n\t"
            "add r10, r8, r1, lsl #3\n\t"
            "strd r7, r10, [sp, #48]\n\t"
            "ldr r11, [r0, #24]\n\t"
            "sub r11, r11, r8\n\t"
            "strd r9, r11, [sp, #56]\n\t"
            "ldr r7, [r0, #28]\n\t"
            "str r7, [sp, #40]\n\t"
            "ldm r2, {r0, r1, r2}\n\t"
            "add r0, r0, r6\n\t"
            "add r1, r1, r6\n\t"
            "add r2, r2, r6\n\t"
            "1:\n\t"
            "ldrd r7, r8, [sp, #48]\n\t"
            "ldr r9, [sp, #56]\n\t"
            "cmp r8, r9\n\t"
            "beq 9f\n\t"
            "ldrd lr, r10, [r8]\n\t"
            "cmp r10, #0\n\t"
            "beq 9f\n\t"
            "str r10, [sp, #36]\n\t"
            "str lr, [sp, #44]\n\t"
            "mov r11, lr\n\t"
            "mov r6, sp\n\t"
            TCN_DEPTHWISE_ROW(0)
            TCN_DEPTHWISE_ROW(1)
            TCN_DEPTHWISE_ROW(2)
            "add r7, r7, #9\n\t"
            "str r7, [sp, #48]\n\t"
            "ldr r3, [sp, #64]\n\t"
            "mov r6, sp\n\t"
            "ldr r7, [sp, #68]\n\t"
            "ldr r7, [r7, #12]\n\t"
            "cmp r7, #0\n\t"
            "beq 2f\n\t"
            "ldr r8, [sp, #52]\n\t"
            "ldr r10, [sp, #60]\n\t"
            "ldr r10, [r8, r10]\n\t"
            "add lr, lr, r10\n\t"
            "b 3f\n\t"
            "2:\n\t"
            TCN_DEPTHWISE_TAP("lr", "r0", 8)
            TCN_DEPTHWISE_TAP("lr", "r1", 20)
            TCN_DEPTHWISE_TAP("lr", "r2", 32)
            "add r3, r3, r5\n\t"
            "3:\n\t"
            "mov r12, lr\n\t"
            "ldr r7, [sp, #68]\n\t"
            "ldr r7, [r7, #8]\n\t"
            "cmp r7, #1\n\t"
            "bne 5f\n\t"
            "ldm r6!, {r8, r9, r10}\n\t"
            "ldrsb r7, [r0, r3]\n\t"
            "mla r12, r7, r9, r12\n\t"
            "mla r11, r7, r10, r11\n\t"
            "ldm r6!, {r8, r9, r10}\n\t"
            "ldrsb r7, [r1, r3]\n\t"
            "mla r12, r7, r9, r12\n\t"
            "mla r11, r7, r10, r11\n\t"
            "ldm r6!, {r8, r9, r10}\n\t"
            "ldrsb r7, [r2, r3]\n\t"
            "mla r12, r7, r9, r12\n\t"
            "mla r11, r7, r10, r11\n\t"
            "mov r6, sp\n\t"
            "mov lr, r11\n\t"
            "ldr r11, [sp, #44]\n\t"
            "adds r3, r3, r5\n\t"
            "beq 6f\n\t"
            "4:\n\t"
            "ldm r6!, {r8, r9, r10}\n\t"
            "ldrsb r7, [r0, r3]\n\t"
            "mla r12, r7, r8, r12\n\t"
            "mla lr, r7, r9, lr\n\t"
            "mla r11, r7, r10, r11\n\t"
            "ldm r6!, {r8, r9, r10}\n\t"
            "ldrsb r7, [r1, r3]\n\t"
            "mla r12, r7, r8, r12\n\t"
            "mla lr, r7, r9, lr\n\t"
            "mla r11, r7, r10, r11\n\t"
            "ldm r6!, {r8, r9, r10}\n\t"
            "ldrsb r7, [r2, r3]\n\t"
            "mla r8, r7, r8, r12\n\t"
            "mla r12, r7, r9, lr\n\t"
            "mla lr, r7, r10, r11\n\t"
            "ldm r6, {r9, r10, r11}\n\t"
            "mov r6, sp\n\t"
            TCN_DEPTHWISE_RESCALE
            "strb r8, [r4, r3]\n\t"
            "adds r3, r3, r5\n\t"
            "bne 4b\n\t"
            "b 6f\n\t"
            "5:\n\t"
            "cmp r3, #0\n\t"
            "beq 7f\n\t"
            "10:\n\t" /* stride 2 */
            "add lr, r3, r5\n\t"
            "ldm r6!, {r8, r9, r10}\n\t"
            "ldrsb r7, [r0, r3]\n\t"
            "mla r12, r7, r9, r12\n\t"
            "ldrsb r7, [r0, lr]\n\t"
            "mla r12, r7, r8, r12\n\t"
            "mla r11, r7, r10, r11\n\t"
            "ldm r6!, {r8, r9, r10}\n\t"
            "ldrsb r7, [r1, r3]\n\t"
            "mla r12, r7, r9, r12\n\t"
            "ldrsb r7, [r1, lr]\n\t"
            "mla r12, r7, r8, r12\n\t"
            "mla r11, r7, r10, r11\n\t"
            "ldm r6!, {r8, r9, r10}\n\t"
            "ldrsb r7, [r2, r3]\n\t"
            "mla r12, r7, r9, r12\n\t"
            "ldrsb r7, [r2, lr]\n\t"
            "mla r8, r7, r8, r12\n\t"
            "mla r12, r7, r10, r11\n\t"
            "ldm r6, {r9, r10, r11}\n\t"
            "mov r6, sp\n\t"
            TCN_DEPTHWISE_RESCALE
            "strb r8, [r4]\n\t"
            "add r4, r4, r5\n\t"
            "adds r3, lr, r5\n\t"
            "bne 10b\n\t"
            "7:\n\t"
            "ldr r7, [sp, #68]\n\t"
            "ldr r7, [r7, #16]\n\t"
            "cmp r7, #0\n\t"
            "beq 8f\n\t"
            TCN_DEPTHWISE_TAP("r12", "r0", 4)
            TCN_DEPTHWISE_TAP("r12", "r1", 16)
            TCN_DEPTHWISE_TAP("r12", "r2", 28)
            "6:\n\t"
            "ldr r7, [sp, #68]\n\t"
            "ldr r7, [r7, #16]\n\t"
            "cmp r7, #0\n\t"
            "beq 8f\n\t"
            "ldr r8, [sp, #52]\n\t"
            "ldr r9, [sp, #60]\n\t"
            "add r8, r8, r9\n\t"
            "ldr r8, [r8, #4]\n\t"
            "add r8, r8, r12\n\t"
            "ldrd r9, r10, [sp, #36]\n\t"
            TCN_DEPTHWISE_RESCALE
            "strb r8, [r4, r3]\n\t"
            "8:\n\t"
            "ldr r7, [sp, #72]\n\t"
            "ldr r8, [sp, #52]\n\t"
            "sub r4, r4, r7\n\t"
            "add r8, r8, #8\n\t"
            "str r8, [sp, #52]\n\t"
            "add r0, r0, #1\n\t"
            "add r1, r1, #1\n\t"
            "add r2, r2, #1\n\t"
            "add r4, r4, #1\n\t"
            "b 1b\n\t"
            "9:\n\t"
            "ldr r7, [sp, #68]\n\t"
            "ldr r7, [r7, #32]\n\t"
            "ldr r0, [sp, #52]\n\t"
            "sub r0, r0, r7\n\t"
            "asr r0, r0, #3\n\t"
            "add sp, #76\n\t"
            "pop {r4-r11, pc}");
}
#endif

#define TCN_DEPTHWISE_ASSEMBLY TCN_HAS_LONG

#endif /* TCN_LONG_DEPTHWISE_H */
