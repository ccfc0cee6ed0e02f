#ifndef TCN_HELIUM_DEPTHWISE_ANY_H
#define TCN_HELIUM_DEPTHWISE_ANY_H

#include "tcn_flash.h"
#include "tcn_helium_copy.h"
#include "tcn_helium_rescale.h"
#include "tcn_kernel.h"

/* Depthwise convolution with any taps and channels, 16 channels at a time. For each 16 `weights` has 16 words of bias,
 * 16 weights for each tap, as many again where the number of taps is odd, and 16 words of factors
 * (tcn_helium_rescale.h). The words are in the order in which products widen: channels 0 4 8 12, 2 6 10 14, 1 5 9 13,
 * 3 7 11 15. */
typedef struct {
    int32_t input_width;
    int32_t channels;
    int32_t output_width;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t dilation;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t is_float;
    const TCN_FLASH int32_t *weights; /* the input's zero point is folded into the bias */
} tcn_helium_depthwise_any_t;

typedef struct {
    const int8_t *from;
    const int32_t *taps; /* how far behind `from` those of the first output are, an even number */
    const int32_t *weights;
    int8_t *output;
    int32_t zero_point;
    int32_t pairs; /* of taps */
    int32_t channels;
    int32_t pixels;
    int32_t step; /* bytes from a pixel to the next in the input */
} tcn_helium_tap_pairs_t;

#if TCN_HAS_HELIUM
/* The products of two taps add up in 16 bits: that was checked with the weights when the network was generated. q4 to
 * q7 are the sums of 16 channels; r4 is the pixel, r10 its channels, r5 how many are left. Two taps of 16 channels take
 * 24 instructions, the outputs 35, a pixel 8. */
#define TCN_HELIUM_TAP_PAIRS(RESCALE)   \
    "push {r4-r11, lr}\n\t"             \
    "vpush {d8-d15}\n\t"                \
    "ldr r4, [r0]\n\t"                  \
    "ldrd r3, r1, [r0, #12]\n\t"        \
    "ldr r9, [r0, #28]\n"               \
    "1:\n\t"                            \
    "ldr r2, [r0, #8]\n\t"              \
    "ldr r5, [r0, #24]\n\t"             \
    "mov r10, r4\n"                     \
    "2:\n\t"                            \
    "vctp.8 r5\n\t"                     \
    "vldrw.u32 q4, [r2], #16\n\t"       \
    "vldrw.u32 q5, [r2], #16\n\t"       \
    "vldrw.u32 q6, [r2], #16\n\t"       \
    "vldrw.u32 q7, [r2], #16\n\t"       \
    "ldr r8, [r0, #4]\n\t"              \
    "ldr r11, [r0, #20]\n\t"            \
    "dls lr, r11\n"                     \
    "3:\n\t"                            \
    "ldrd r6, r7, [r8], #8\n\t"         \
    "add r6, r10\n\t"                   \
    "add r7, r10\n\t"                   \
    "vpstt\n\t"                         \
    "vldrbt.u8 q0, [r6]\n\t"            \
    "vldrbt.u8 q1, [r7]\n\t"            \
    "vldrb.u8 q2, [r2], #16\n\t"        \
    "vmullb.s8 q3, q0, q2\n\t"          \
    "vmullt.s8 q0, q0, q2\n\t"          \
    "vldrb.u8 q2, [r2]\n\t"             \
    "vmullb.s8 q2, q1, q2\n\t"          \
    "vadd.i16 q3, q3, q2\n\t"           \
    "vldrb.u8 q2, [r2], #16\n\t"        \
    "vmullt.s8 q1, q1, q2\n\t"          \
    "vadd.i16 q0, q0, q1\n\t"           \
    "vmovlb.s16 q1, q3\n\t"             \
    "vadd.i32 q4, q4, q1\n\t"           \
    "vmovlt.s16 q1, q3\n\t"             \
    "vadd.i32 q5, q5, q1\n\t"           \
    "vmovlb.s16 q1, q0\n\t"             \
    "vadd.i32 q6, q6, q1\n\t"           \
    "vmovlt.s16 q1, q0\n\t"             \
    "vadd.i32 q7, q7, q1\n\t"           \
    "le lr, 3b\n\t"                     \
    "vldrw.u32 q0, [r2], #16\n\t"       \
    RESCALE("q4", "q0")                 \
    "vldrw.u32 q0, [r2], #16\n\t"       \
    RESCALE("q5", "q0")                 \
    "vldrw.u32 q0, [r2], #16\n\t"       \
    RESCALE("q6", "q0")                 \
    "vldrw.u32 q0, [r2], #16\n\t"       \
    RESCALE("q7", "q0")                 \
    "vqmovnb.s32 q4, q4\n\t"            \
    "vqmovnt.s32 q4, q5\n\t"            \
    "vqmovnb.s32 q6, q6\n\t"            \
    "vqmovnt.s32 q6, q7\n\t"            \
    "vqadd.s16 q4, q4, r1\n\t"          \
    "vqadd.s16 q6, q6, r1\n\t"          \
    "vqmovnb.s16 q4, q4\n\t"            \
    "vqmovnt.s16 q4, q6\n\t"            \
    "vpst\n\t"                          \
    "vstrbt.8 q4, [r3], #16\n\t"        \
    "add r10, #16\n\t"                  \
    "subs r5, #16\n\t"                  \
    "bgt.w 2b\n\t"                      \
    "add r3, r5\n\t"                    \
    "ldr r11, [r0, #32]\n\t"            \
    "add r4, r11\n\t"                   \
    "subs r9, #1\n\t"                   \
    "bne.w 1b\n\t"                      \
    "vpop {d8-d15}\n\t"                 \
    "pop {r4-r11, pc}"

TCN_ASSEMBLY(100)
static void tcn_helium_tap_pairs(TCN_UNUSED const tcn_helium_tap_pairs_t *taps)
{
    __asm__(TCN_HELIUM_TAP_PAIRS(TCN_HELIUM_RESCALE));
}

TCN_ASSEMBLY(100)
static void tcn_helium_tap_pairs_float(TCN_UNUSED const tcn_helium_tap_pairs_t *taps)
{
    __asm__(TCN_HELIUM_TAP_PAIRS(TCN_HELIUM_RESCALE_FLOAT));
}
#else
static void tcn_helium_tap_pairs_plain(const tcn_helium_tap_pairs_t *taps, int is_float)
{
    const int8_t *from = taps->from;
    int8_t *output = taps->output;
    int32_t pixel;
    int32_t c;
    int32_t tap;

    for (pixel = 0; pixel < taps->pixels; pixel++) {
        for (c = 0; c < taps->channels; c++) {
            const int32_t *weights = taps->weights + c / 16 * (32 + 8 * taps->pairs);
            const int32_t place = c % 2 * 8 + c % 4 / 2 * 4 + c % 16 / 4;
            int32_t sum = weights[place];

            weights += 16;
            for (tap = 0; tap < 2 * taps->pairs; tap++) {
                const uint32_t word = (uint32_t)weights[4 * tap + c % 16 / 4];

                sum += from[taps->taps[tap] + c] * (int32_t)(((word >> 8 * (c % 4) & 255) ^ 128) - 128);
            }
            *output++ = tcn_helium_rescale(sum, weights[8 * taps->pairs + place], taps->zero_point, is_float);
        }
        from += taps->step;
    }
}

static void tcn_helium_tap_pairs(const tcn_helium_tap_pairs_t *taps)
{
    tcn_helium_tap_pairs_plain(taps, 0);
}

static void tcn_helium_tap_pairs_float(const tcn_helium_tap_pairs_t *taps)
{
    tcn_helium_tap_pairs_plain(taps, 1);
}
#endif

/* One row of the output; rows[r] is the input under row r of the kernel, or a row of zero points, all of one arena.
 * `scratch` has room for the places of the taps, and for one pixel. */
TCN_KERNEL static void tcn_helium_depthwise_any_row(const TCN_FLASH tcn_helium_depthwise_any_t *layer,
                                                    const int8_t *const *rows, int8_t *scratch, int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t width = layer->kernel_width;
    const int32_t pairs = (layer->kernel_height * width + 1) / 2;
    const int32_t reach = (width - 1) * layer->dilation;
    int32_t *const places = (int32_t *)(void *)scratch;
    int8_t *const padding = scratch + 8 * pairs;
    int32_t column = -layer->pad;
    int32_t left = layer->output_width;
    tcn_helium_tap_pairs_t taps;

    taps.from = rows[0];
    taps.taps = places;
    taps.weights = (const int32_t *)layer->weights;
    taps.zero_point = layer->output_zero_point;
    taps.pairs = pairs;
    taps.channels = channels;
    taps.step = layer->stride * channels;
    tcn_helium_fill(padding, channels, layer->input_zero_point);
    places[2 * pairs - 1] = 0; /* the weight of a tap too many is 0 */
    while (left > 0) {
        const int32_t room = layer->input_width - 1 - reach - column;
        const int32_t inside = column >= 0 && room >= 0 ? room / layer->stride + 1 : 1;
        int32_t *place = places;
        int32_t r;
        int32_t k;

        taps.pixels = inside < left ? inside : left;
        for (r = 0; r < layer->kernel_height; r++) {
            int32_t at = column;

            for (k = 0; k < width; k++) {
                const int is_inside = at >= 0 && at < layer->input_width;

                *place++ = (int32_t)((is_inside ? rows[r] + at * channels : padding) - rows[0]);
                at += layer->dilation;
            }
        }
        taps.output = output;
        if (layer->is_float) {
            tcn_helium_tap_pairs_float(&taps);
        } else {
            tcn_helium_tap_pairs(&taps);
        }
        output += taps.pixels * channels;
        column += taps.pixels * layer->stride;
        left -= taps.pixels;
    }
}

#endif /* TCN_HELIUM_DEPTHWISE_ANY_H */
