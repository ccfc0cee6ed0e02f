#ifndef TCN_HELIUM_DENSE_H
#define TCN_HELIUM_DENSE_H

#include "tcn_flash.h"
#include "tcn_helium_rescale.h"

/* Dense layer, eight outputs at a time. For each eight `weights` has eight words of bias, eight times 16 weights for
 * every vector (those behind the rest are 0), and eight words of factors (tcn_helium_rescale.h); the outputs are in the
 * order 0 2 4 6 1 3 5 7. */
typedef struct {
    int32_t outputs;
    int32_t output_zero_point;
    int32_t vectors;
    int32_t rest;     /* inputs in the last vector, 1 .. 16 */
    const TCN_FLASH int32_t *weights; /* the input's zero point is folded into the bias */
    int32_t is_float;
} tcn_helium_dense_t;

#if TCN_HAS_HELIUM
/* 17 instructions for 128 multiply-accumulates, of which VMLADAVA and the loads of weights are 16. */
#define TCN_HELIUM_DENSE_MULTIPLY(sum) "vldrb.u8 q1, [r9], #16\n\tvmladava.s8 " sum ", q0, q1\n\t"
#define TCN_HELIUM_DENSE_VECTOR(load)                                    \
    load " q0, [r1], #16\n\t"                                            \
    TCN_HELIUM_DENSE_MULTIPLY("r0") TCN_HELIUM_DENSE_MULTIPLY("r2")      \
    TCN_HELIUM_DENSE_MULTIPLY("r4") TCN_HELIUM_DENSE_MULTIPLY("r6")      \
    TCN_HELIUM_DENSE_MULTIPLY("r8") TCN_HELIUM_DENSE_MULTIPLY("r10")     \
    TCN_HELIUM_DENSE_MULTIPLY("r12") TCN_HELIUM_DENSE_MULTIPLY("lr")

/* On the stack: layer, input, output. r11 is where the first of the unrolled vectors begins, r3 counts the blocks of
 * eight, r7 the outputs that are left. n vectors take 17 n + n / 4 instructions, eight outputs 28 more. */
#define TCN_HELIUM_DENSE(RESCALE)        \
    "push {r0-r2, r4-r11, lr}\n\t"       \
    "sub sp, #4\n\t"                     \
    "mov r5, r2\n\t"                     \
    "ldrd r7, r2, [r0]\n\t"              \
    "ldrd r2, r3, [r0, #8]\n\t"          \
    "ldr r9, [r0, #16]\n\t"              \
    "vctp.8 r3\n\t"                      \
    "subs r2, #1\n\t"                    \
    "add r3, r2, #7\n\t"                 \
    "lsrs r3, r3, #3\n\t"                \
    "it eq\n\t"                          \
    "moveq r3, #1\n\t"                   \
    "str r3, [sp]\n\t"                   \
    "sub r4, r3, #1\n\t"                 \
    "sub r2, r2, r4, lsl #3\n\t"         \
    "mov r4, #68\n\t"                    \
    "adr.w r11, 3f\n\t"                  \
    "mls r11, r2, r4, r11\n\t"           \
    "orr r11, #1\n"                      \
    "1:\n\t"                             \
    "ldrd r0, r2, [r9], #8\n\t"          \
    "ldrd r4, r6, [r9], #8\n\t"          \
    "ldrd r8, r10, [r9], #8\n\t"         \
    "ldrd r12, lr, [r9], #8\n\t"         \
    "ldr r3, [sp]\n\t"                   \
    "ldr r1, [sp, #8]\n\t"               \
    "bx r11\n"                           \
    "2:\n\t"                             \
    ".rept 8\n\t"                        \
    TCN_HELIUM_DENSE_VECTOR("vldrb.u8")  \
    ".endr\n"                            \
    "3:\n\t"                             \
    "subs r3, #1\n\t"                    \
    "bne.w 2b\n\t"                       \
    "vpst\n\t"                           \
    TCN_HELIUM_DENSE_VECTOR("vldrbt.u8") \
    "vmov q0[2], q0[0], r0, r4\n\t"      \
    "vmov q0[3], q0[1], r2, r6\n\t"      \
    "vmov q1[2], q1[0], r8, r12\n\t"     \
    "vmov q1[3], q1[1], r10, lr\n\t"     \
    "vldrw.u32 q2, [r9], #16\n\t"        \
    "vldrw.u32 q3, [r9], #16\n\t"        \
    RESCALE("q0", "q2")                  \
    RESCALE("q1", "q3")                  \
    "ldr r0, [sp, #4]\n\t"               \
    "ldrd r1, r2, [r0, #4]\n\t"          \
    "ldr r3, [r0, #12]\n\t"              \
    "vqmovnb.s32 q0, q0\n\t"             \
    "vqmovnt.s32 q0, q1\n\t"             \
    "vqadd.s16 q0, q0, r1\n\t"           \
    "vqmovnb.s16 q0, q0\n\t"             \
    "vctp.16 r7\n\t"                     \
    "vpst\n\t"                           \
    "vstrbt.16 q0, [r5], #8\n\t"         \
    "vctp.8 r3\n\t"                      \
    "subs r7, #8\n\t"                    \
    "bgt.w 1b\n\t"                       \
    "add sp, #16\n\t"                    \
    "pop {r4-r11, pc}"

TCN_ASSEMBLY(52)
static void tcn_helium_dense(TCN_UNUSED const tcn_helium_dense_t *layer, TCN_UNUSED const int8_t *input,
                             TCN_UNUSED int8_t *output)
{
    __asm__(TCN_HELIUM_DENSE(TCN_HELIUM_RESCALE));
}

TCN_ASSEMBLY(52)
static void tcn_helium_dense_float(TCN_UNUSED const tcn_helium_dense_t *layer, TCN_UNUSED const int8_t *input,
                             TCN_UNUSED int8_t *output)
{
    __asm__(TCN_HELIUM_DENSE(TCN_HELIUM_RESCALE_FLOAT));
}
#else
static void tcn_helium_dense_plain(const TCN_FLASH tcn_helium_dense_t *layer, const int8_t *input, int8_t *output)
{
    const TCN_FLASH int32_t *weights = layer->weights;
    const int32_t inputs = 16 * (layer->vectors - 1) + layer->rest;
    int32_t first;
    int32_t lane;
    int32_t i;

    for (first = 0; first < layer->outputs; first += 8) {
        for (lane = 0; lane < 8; lane++) {
            const int32_t channel = first + (lane < 4 ? 2 * lane : 2 * lane - 7);
            int32_t sum = weights[lane];

            for (i = 0; i < inputs; i++) {
                const uint32_t word = (uint32_t)weights[8 + i / 16 * 32 + 4 * lane + i % 16 / 4];

                sum += input[i] * (int32_t)(((word >> 8 * (i % 4) & 255) ^ 128) - 128);
            }
            if (channel < layer->outputs) {
                output[channel] = tcn_helium_rescale(sum, weights[8 + 32 * layer->vectors + lane],
                                                     layer->output_zero_point, layer->is_float);
            }
        }
        weights += 16 + 32 * layer->vectors;
    }
}
#endif

static void tcn_helium_dense_row(const TCN_FLASH tcn_helium_dense_t *layer, const int8_t *input, int8_t *output)
{
#if TCN_HAS_HELIUM
    if (layer->is_float) {
        tcn_helium_dense_float(layer, input, output);
    } else {
        tcn_helium_dense(layer, input, output);
    }
#else
    tcn_helium_dense_plain(layer, input, output);
#endif
}

#endif /* TCN_HELIUM_DENSE_H */
