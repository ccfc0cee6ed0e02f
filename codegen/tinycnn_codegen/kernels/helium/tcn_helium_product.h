#ifndef TCN_HELIUM_PRODUCT_H
#define TCN_HELIUM_PRODUCT_H

#include "tcn_helium_rescale.h"

/* All output channels of two columns, and again for the pairs of columns behind them.
 *
 * A column is one piece of 16 * (vectors - 1) + rest bytes, or several of 16 * vectors. `pieces` has where each begins
 * in the first column and in the second, and a null at the end. For each four channels `weights` has four words of
 * bias, four times 16 weights for every vector (those behind the rest are 0), and four words of factors
 * (tcn_helium_rescale.h). The outputs of the second column follow `pitch` bytes behind the first's, those of the next
 * pair twice as far; with 0 the two columns are one. */
typedef struct {
    const int8_t **pieces;
    const int32_t *weights;
    int8_t *output;
    int32_t channels;   /* a multiple of 4 */
    int32_t pitch;
    int32_t zero_point; /* of the output */
    int32_t vectors;    /* 1 .. TCN_HELIUM_VECTORS */
    int32_t rest;       /* 1 .. 16 */
    int32_t pairs;
    int32_t step;       /* bytes from a pair to the next in the input */
} tcn_helium_product_t;

#define TCN_HELIUM_VECTORS 8

#if TCN_HAS_HELIUM
/* 16 inputs of two columns times those of four channels: 14 instructions for 128 multiply-accumulates. VMLADAVA wants
 * even registers: r0, r2, r4, r6 are the first column's sums, r8, r10, r12, lr the second's. */
#define TCN_HELIUM_MULTIPLY(first, second) \
    "vldrb.u8 q2, [r9], #16\n\t"           \
    "vmladava.s8 " first ", q0, q2\n\t"    \
    "vmladava.s8 " second ", q1, q2\n\t"
#define TCN_HELIUM_VECTOR(load)            \
    load " q0, [r1], #16\n\t"              \
    load " q1, [r3], #16\n\t"              \
    TCN_HELIUM_MULTIPLY("r0", "r8")        \
    TCN_HELIUM_MULTIPLY("r2", "r10")       \
    TCN_HELIUM_MULTIPLY("r4", "r12")       \
    TCN_HELIUM_MULTIPLY("r6", "lr")

#define TCN_HELIUM_REST "vpstt\n\t" TCN_HELIUM_VECTOR("vldrbt.u8")

/* Of several pieces: r11 points into the table. */
#define TCN_HELIUM_BEGIN "ldr r1, [sp, #12]\n\tadd r1, r5\n\tstr r1, [sp, #48]\n"
#define TCN_HELIUM_NEXT_CHANNELS "ldr r1, [sp, #48]\n\tcmp r5, r1\n\t"
#define TCN_HELIUM_FIRST_PIECE "ldr r11, [sp]\n\tldrd r1, r3, [r11], #8\n\t"
#define TCN_HELIUM_NEXT_PIECE "ldrd r1, r3, [r11], #8\n\tcbz r1, 4f\n\tbx r7\n"
#define TCN_HELIUM_NEXT_PAIR      \
    "ldr r11, [sp]\n\t"           \
    "ldrd r1, r3, [r11]\n"        \
    "5:\n\t"                      \
    "add r1, r2\n\t"              \
    "add r3, r2\n\t"              \
    "strd r1, r3, [r11], #8\n\t"  \
    "ldrd r1, r3, [r11]\n\t"      \
    "cmp r1, #0\n\t"              \
    "bne 5b\n\t"
/* Of one piece: r11 counts channels. */
#define TCN_HELIUM_COUNT_BEGIN "ldr r11, [sp, #12]\n"
#define TCN_HELIUM_COUNT_CHANNELS "subs r11, #4\n\t"
#define TCN_HELIUM_COLUMNS "ldrd r1, r3, [sp, #40]\n\t"
#define TCN_HELIUM_NEXT_COLUMNS TCN_HELIUM_COLUMNS "add r1, r2\n\tadd r3, r2\n\tstrd r1, r3, [sp, #40]\n\t"

/* On the stack is a copy of the product, then the first pieces and where the first column's outputs end. r7 is where
 * the vectors of a piece begin, so that as many follow as there are; the last of a column of one piece loads the rest
 * alone. n vectors take 14 n + 3 instructions for 128 n multiply-accumulates; 12 n, without loading the input, would be
 * the bound. Eight outputs take 25 more. */
#define TCN_HELIUM_PAIRS(RESCALE, BEGIN, FIRST_PIECE, LAST_VECTOR, NEXT_PIECE, NEXT_CHANNELS, NEXT_PAIR) \
    "push {r4-r11, lr}\n\t"                                                                              \
    "sub sp, #52\n\t"                                                                                    \
    "ldm r0, {r1-r10}\n\t"                                                                               \
    "stm sp, {r1-r10}\n\t"                                                                               \
    "rsb r4, r4, r5, lsl #1\n\t"                                                                         \
    "ldrd r0, r1, [r1]\n\t"                                                                              \
    "strd r0, r1, [sp, #40]\n\t"                                                                         \
    "vctp.8 r8\n\t"                                                                                      \
    "str r4, [sp, #28]\n\t"                                                                              \
    "sub r7, #1\n\t"                                                                                     \
    "mov r8, #56\n\t"                                                                                    \
    "adr.w r9, 3f\n\t"                                                                                   \
    "mls r7, r7, r8, r9\n\t"                                                                             \
    "orr r7, #1\n"                                                                                       \
    "1:\n\t"                                                                                             \
    "ldrd r9, r5, [sp, #4]\n\t"                                                                          \
    BEGIN                                                                                                \
    "2:\n\t"                                                                                             \
    "ldrd r8, r10, [r9]\n\t"                                                                             \
    "ldrd r0, r2, [r9], #8\n\t"                                                                          \
    "ldrd r12, lr, [r9]\n\t"                                                                             \
    "ldrd r4, r6, [r9], #8\n\t"                                                                          \
    FIRST_PIECE                                                                                          \
    "bx r7\n\t"                                                                                          \
    ".rept 7\n\t"                                                                                        \
    TCN_HELIUM_VECTOR("vldrb.u8")                                                                        \
    ".endr\n"                                                                                            \
    "3:\n\t"                                                                                             \
    LAST_VECTOR                                                                                          \
    NEXT_PIECE                                                                                           \
    "4:\n\t"                                                                                             \
    "vmov q0[2], q0[0], r0, r4\n\t"                                                                      \
    "vmov q0[3], q0[1], r2, r6\n\t"                                                                      \
    "vmov q1[2], q1[0], r8, r12\n\t"                                                                     \
    "vmov q1[3], q1[1], r10, lr\n\t"                                                                     \
    "vldrw.u32 q2, [r9], #16\n\t"                                                                        \
    RESCALE("q0", "q2")                                                                                  \
    RESCALE("q1", "q2")                                                                                  \
    "ldrd r0, r2, [sp, #16]\n\t"                                                                         \
    "add r0, r5\n\t"                                                                                     \
    "vqmovnb.s32 q0, q0\n\t"                                                                             \
    "vqmovnt.s32 q0, q1\n\t"                                                                             \
    "vqadd.s16 q0, q0, r2\n\t"                                                                           \
    "vqmovnb.s16 q0, q0\n\t"                                                                             \
    "vstrb.32 q0, [r5], #4\n\t"                                                                          \
    "vshr.u32 q0, q0, #16\n\t"                                                                           \
    "vstrb.32 q0, [r0]\n\t"                                                                              \
    NEXT_CHANNELS                                                                                        \
    "bne.w 2b\n\t"                                                                                       \
    "ldrd r1, r2, [sp, #32]\n\t"                                                                         \
    "subs r1, #1\n\t"                                                                                    \
    "beq 6f\n\t"                                                                                         \
    "str r1, [sp, #32]\n\t"                                                                              \
    "ldr r3, [sp, #28]\n\t"                                                                              \
    "add r5, r3\n\t"                                                                                     \
    "str r5, [sp, #8]\n\t"                                                                               \
    NEXT_PAIR                                                                                            \
    "b.w 1b\n"                                                                                           \
    "6:\n\t"                                                                                             \
    "add sp, #52\n\t"                                                                                    \
    "pop {r4-r11, pc}"

TCN_ASSEMBLY(88)
static void tcn_helium_pairs(TCN_UNUSED tcn_helium_product_t *product)
{
    __asm__(TCN_HELIUM_PAIRS(TCN_HELIUM_RESCALE, TCN_HELIUM_BEGIN, TCN_HELIUM_FIRST_PIECE, TCN_HELIUM_VECTOR("vldrb.u8"),
                             TCN_HELIUM_NEXT_PIECE, TCN_HELIUM_NEXT_CHANNELS, TCN_HELIUM_NEXT_PAIR));
}

TCN_ASSEMBLY(88)
static void tcn_helium_pairs_float(TCN_UNUSED tcn_helium_product_t *product)
{
    __asm__(TCN_HELIUM_PAIRS(TCN_HELIUM_RESCALE_FLOAT, TCN_HELIUM_BEGIN, TCN_HELIUM_FIRST_PIECE, TCN_HELIUM_REST,
                             TCN_HELIUM_NEXT_PIECE, TCN_HELIUM_NEXT_CHANNELS, TCN_HELIUM_NEXT_PAIR));
}

/* Columns of one piece each: eight outputs take 23 instructions and 14 for each vector. */
TCN_ASSEMBLY(88)
static void tcn_helium_whole_pairs(TCN_UNUSED tcn_helium_product_t *product)
{
    __asm__(TCN_HELIUM_PAIRS(TCN_HELIUM_RESCALE, TCN_HELIUM_COUNT_BEGIN, TCN_HELIUM_COLUMNS, TCN_HELIUM_REST, "\n",
                             TCN_HELIUM_COUNT_CHANNELS, TCN_HELIUM_NEXT_COLUMNS));
}
#else
static int32_t tcn_helium_dot(const int8_t *x, const int32_t *weights, int32_t count)
{
    int32_t sum = 0;
    int32_t i;

    for (i = 0; i < count; i++) {
        const uint32_t word = (uint32_t)weights[i / 16 * 16 + i % 16 / 4];

        sum += x[i] * (int32_t)(((word >> 8 * (i % 4) & 255) ^ 128) - 128);
    }
    return sum;
}

static void tcn_helium_pairs_plain(tcn_helium_product_t *product, int is_float)
{
    const int32_t bytes = 16 * (product->vectors - 1) + product->rest;
    int32_t pair;
    int32_t channel;
    int32_t column;
    int32_t lane;
    int32_t piece;

    for (pair = 0; pair < product->pairs; pair++) {
        const int32_t *weights = product->weights;

        for (channel = 0; channel < product->channels; channel += 4) {
            int32_t sums[2][4];

            for (column = 0; column < 2; column++) {
                for (lane = 0; lane < 4; lane++) {
                    sums[column][lane] = weights[lane];
                }
            }
            weights += 4;
            for (piece = 0; product->pieces[piece] != 0; piece += 2) {
                for (column = 0; column < 2; column++) {
                    for (lane = 0; lane < 4; lane++) {
                        sums[column][lane] +=
                            tcn_helium_dot(product->pieces[piece + column], weights + 4 * lane, bytes);
                    }
                }
                weights += 16 * product->vectors;
            }
            for (column = 0; column < 2; column++) {
                for (lane = 0; lane < 4; lane++) {
                    product->output[column * product->pitch + channel + lane] =
                        tcn_helium_rescale(sums[column][lane], weights[lane], product->zero_point, is_float);
                }
            }
            weights += 4;
        }
        for (piece = 0; product->pieces[piece] != 0; piece++) {
            product->pieces[piece] += product->step;
        }
        product->output += 2 * product->pitch;
    }
}

static void tcn_helium_pairs(tcn_helium_product_t *product)
{
    tcn_helium_pairs_plain(product, 0);
}

static void tcn_helium_pairs_float(tcn_helium_product_t *product)
{
    tcn_helium_pairs_plain(product, 1);
}

static void tcn_helium_whole_pairs(tcn_helium_product_t *product)
{
    tcn_helium_pairs_plain(product, 0);
}
#endif

#endif /* TCN_HELIUM_PRODUCT_H */
