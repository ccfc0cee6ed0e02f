#ifndef TCN_HELIUM_DEPTHWISE_SQUARE_H
#define TCN_HELIUM_DEPTHWISE_SQUARE_H

#include "tcn_flash.h"
#include "tcn_helium_copy.h"
#include "tcn_helium_rescale.h"
#include "tcn_kernel.h"

/* Depthwise convolution with a window of at most four rows and four columns. The rows under the window are interleaved
 * first, so that what four rows have of one channel in one column is a word, and 16 products of a channel are one
 * instruction. For each four channels `weights` has four times 16 weights, those of a column together,
 * four words of bias and four of factors (tcn_helium_rescale.h). */
typedef struct {
    int32_t input_width;
    int32_t channels;      /* a multiple of 4 */
    int32_t output_width;  /* 2 or more */
    int32_t kernel_height;
    int32_t stride;
    int32_t pad;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t is_float;
    int32_t padded_width;  /* of the columns that are read */
    const TCN_FLASH int32_t *weights; /* the input's zero point is folded into the bias */
} tcn_helium_depthwise_square_t;

/* Pairs of neighbouring columns; `from` are the words under the first window. */
typedef struct {
    const int8_t *from;
    const int32_t *weights;
    int8_t *output;
    int32_t channels;
    int32_t zero_point;
    int32_t distance; /* bytes from the words under one window to those under the next */
    int32_t pairs;
} tcn_helium_square_t;

/* `bytes` >= 16 of four rows, one of each after the other. Nine instructions for 64. */
static inline void tcn_helium_interleave(int8_t *to, const int8_t *a, const int8_t *b, const int8_t *c,
                                         const int8_t *d, int32_t bytes)
{
#if TCN_HAS_HELIUM
    __asm__ volatile("dls lr, %5\n"
                     "1:\n\t"
                     "vldrb.u8 q0, [%1], #16\n\t"
                     "vldrb.u8 q1, [%2], #16\n\t"
                     "vldrb.u8 q2, [%3], #16\n\t"
                     "vldrb.u8 q3, [%4], #16\n\t"
                     "vst40.8 {q0, q1, q2, q3}, [%0]\n\t"
                     "vst41.8 {q0, q1, q2, q3}, [%0]\n\t"
                     "vst42.8 {q0, q1, q2, q3}, [%0]\n\t"
                     "vst43.8 {q0, q1, q2, q3}, [%0]!\n\t"
                     "le lr, 1b"
                     : "+r"(to), "+r"(a), "+r"(b), "+r"(c), "+r"(d)
                     : "r"(bytes / 16)
                     : "q0", "q1", "q2", "q3", "lr", "cc", "memory");
    if (bytes % 16) { /* the last 16, some of them again */
        const int32_t back = 16 - bytes % 16;

        tcn_helium_interleave(to - 4 * back, a - back, b - back, c - back, d - back, 16);
    }
#else
    for (; bytes > 0; bytes--) {
        *to++ = *a++;
        *to++ = *b++;
        *to++ = *c++;
        *to++ = *d++;
    }
#endif
}

#if TCN_HAS_HELIUM
/* The words of four columns of a channel, for two outputs. */
#define TCN_HELIUM_SQUARE_CHANNEL(place, first, second) \
    "vldrw.u32 q0, [q3, " place "\n\t"                  \
    "vldrw.u32 q1, [q4, " place "\n\t"                  \
    "vldrb.u8 q2, [r9], #16\n\t"                        \
    "vmladav.s8 " first ", q0, q2\n\t"                  \
    "vmladav.s8 " second ", q1, q2\n\t"

/* q3 and q4 are where four columns begin under the two windows, less 16; r7 is the number of channels, r11 how many are
 * left, r5 the first output. Eight outputs take 40 instructions, of which loads and products are 20, and a pair 15. */
#define TCN_HELIUM_SQUARE(RESCALE)                   \
    "push {r0, r4-r11, lr}\n\t"                      \
    "vpush {d8-d9}\n\t"                              \
    "ldrd r5, r7, [r0, #8]\n\t"                      \
    "ldr r3, [r0, #16]\n"                            \
    "1:\n\t"                                         \
    "ldr r12, [sp, #16]\n\t"                         \
    "ldrd r1, r9, [r12]\n\t"                         \
    "ldr r4, [r12, #20]\n\t"                         \
    "mov r0, #0\n\t"                                 \
    "vidup.u32 q3, r0, #4\n\t"                       \
    "vmul.i32 q3, q3, r7\n\t"                        \
    "sub r2, r1, #16\n\t"                            \
    "vadd.i32 q3, q3, r2\n\t"                        \
    "vadd.i32 q4, q3, r4\n\t"                        \
    "add r1, r1, r4, lsl #1\n\t"                     \
    "str r1, [r12]\n\t"                              \
    "mov r11, r7\n"                                  \
    "2:\n\t"                                         \
    TCN_HELIUM_SQUARE_CHANNEL("#16]!", "r0", "r8")   \
    TCN_HELIUM_SQUARE_CHANNEL("#4]", "r2", "r10")    \
    TCN_HELIUM_SQUARE_CHANNEL("#8]", "r4", "r12")    \
    TCN_HELIUM_SQUARE_CHANNEL("#12]", "r6", "lr")    \
    "vmov q0[2], q0[0], r0, r4\n\t"                  \
    "vmov q0[3], q0[1], r2, r6\n\t"                  \
    "vmov q1[2], q1[0], r8, r12\n\t"                 \
    "vmov q1[3], q1[1], r10, lr\n\t"                 \
    "vldrw.u32 q2, [r9], #16\n\t"                    \
    "vadd.i32 q0, q0, q2\n\t"                        \
    "vadd.i32 q1, q1, q2\n\t"                        \
    "vldrw.u32 q2, [r9], #16\n\t"                    \
    RESCALE("q0", "q2")                              \
    RESCALE("q1", "q2")                              \
    "vqmovnb.s32 q0, q0\n\t"                         \
    "vqmovnt.s32 q0, q1\n\t"                         \
    "vqadd.s16 q0, q0, r3\n\t"                       \
    "vqmovnb.s16 q0, q0\n\t"                         \
    "add r1, r5, r7\n\t"                             \
    "vstrb.32 q0, [r5], #4\n\t"                      \
    "vshr.u32 q0, q0, #16\n\t"                       \
    "vstrb.32 q0, [r1]\n\t"                          \
    "subs r11, #4\n\t"                               \
    "bne.w 2b\n\t"                                   \
    "add r5, r7\n\t"                                 \
    "ldr r12, [sp, #16]\n\t"                         \
    "ldr r1, [r12, #24]\n\t"                         \
    "subs r1, #1\n\t"                                \
    "str r1, [r12, #24]\n\t"                         \
    "bne.w 1b\n\t"                                   \
    "vpop {d8-d9}\n\t"                               \
    "pop {r0, r4-r11, pc}"

TCN_ASSEMBLY(56)
static void tcn_helium_square(TCN_UNUSED tcn_helium_square_t *square)
{
    __asm__(TCN_HELIUM_SQUARE(TCN_HELIUM_RESCALE));
}

TCN_ASSEMBLY(56)
static void tcn_helium_square_float(TCN_UNUSED tcn_helium_square_t *square)
{
    __asm__(TCN_HELIUM_SQUARE(TCN_HELIUM_RESCALE_FLOAT));
}
#else
static void tcn_helium_square_plain(tcn_helium_square_t *square, int is_float)
{
    const int32_t channels = square->channels;
    int32_t column;
    int32_t c;
    int32_t i;

    for (column = 0; column < 2 * square->pairs; column++) {
        for (c = 0; c < channels; c++) {
            const int8_t *const from = square->from + column * square->distance + 4 * c;
            const int32_t *const weights = square->weights + c / 4 * 24;
            int32_t sum = weights[16 + c % 4];

            for (i = 0; i < 16; i++) {
                const uint32_t word = (uint32_t)weights[c % 4 * 4 + i / 4];

                sum += from[i / 4 * 4 * channels + i % 4] * (int32_t)(((word >> 8 * (i % 4) & 255) ^ 128) - 128);
            }
            square->output[column * channels + c] =
                tcn_helium_rescale(sum, weights[20 + c % 4], square->zero_point, is_float);
        }
    }
}

static void tcn_helium_square(tcn_helium_square_t *square)
{
    tcn_helium_square_plain(square, 0);
}

static void tcn_helium_square_float(tcn_helium_square_t *square)
{
    tcn_helium_square_plain(square, 1);
}
#endif

/* One row of the output; rows[r] is the input under row r of the kernel, or a row of zero points. `scratch` has room
 * for four times `padded_width` columns. The last two of an odd number of columns are a pair, one of them again. */
TCN_KERNEL static void tcn_helium_depthwise_square_row(const TCN_FLASH tcn_helium_depthwise_square_t *layer,
                                                       const int8_t *const *rows, int8_t *scratch, int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t height = layer->kernel_height;
    const int32_t before = layer->pad * channels;
    const int32_t bytes = layer->padded_width * channels;
    const int32_t there = layer->input_width * channels;
    const int32_t inside = there < bytes - before ? there : bytes - before;
    int32_t column = 0;
    tcn_helium_square_t square;

    tcn_helium_fill(scratch, 4 * before, layer->input_zero_point);
    tcn_helium_interleave(scratch + 4 * before, rows[0], rows[height > 1 ? 1 : 0], rows[height > 2 ? 2 : 0],
                          rows[height > 3 ? 3 : 0], inside);
    tcn_helium_fill(scratch + 4 * (before + inside), 4 * (bytes - before - inside), layer->input_zero_point);
    square.channels = channels;
    square.zero_point = layer->output_zero_point;
    square.distance = 4 * layer->stride * channels;
    square.pairs = layer->output_width / 2;
    for (;;) {
        square.from = scratch + column * square.distance;
        square.weights = (const int32_t *)layer->weights;
        square.output = output + column * channels;
        if (layer->is_float) {
            tcn_helium_square_float(&square);
        } else {
            tcn_helium_square(&square);
        }
        if (column > 0 || layer->output_width % 2 == 0) {
            return;
        }
        column = layer->output_width - 2;
        square.pairs = 1;
    }
}

#endif /* TCN_HELIUM_DEPTHWISE_SQUARE_H */
