#ifndef TCN_HELIUM_DEPTHWISE_H
#define TCN_HELIUM_DEPTHWISE_H

#include "tcn_kernel.h"
#include "tcn_flash.h"
#include "tcn_helium_copy.h"
#include "tcn_helium_rescale.h"

/* Depthwise convolution with nine taps, 16 channels at a time. For each 16 `weights` has 16 weights for each of two
 * taps, 16 words of bias, 16 weights for each other tap, and 16 words of factors (tcn_helium_rescale.h). The words are
 * in the order in which products widen: channels 0 4 8 12, 2 6 10 14, 1 5 9 13, 3 7 11 15. */
typedef struct {
    int32_t input_width;
    int32_t channels;      /* a multiple of 16 */
    int32_t output_width;
    int32_t kernel_height;
    int32_t kernel_width;  /* kernel_height * kernel_width is 9 */
    int32_t stride;
    int32_t pad;
    int32_t dilation;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t is_float;
    const TCN_FLASH int32_t *weights; /* the input's zero point is folded into the bias */
} tcn_helium_depthwise_t;

/* Where the nine taps of the first output are, and how far it is from its last channels to the next output's first. */
typedef struct {
    const int8_t *taps[9];
    const int32_t *weights;
    int8_t *output;
    int32_t zero_point;
    int32_t groups; /* of 16 channels */
    int32_t pixels;
    int32_t step;
} tcn_helium_taps_t;

#if TCN_HAS_HELIUM
/* The products of two taps add up in 16 bits: that was checked with the weights when the network was generated. q4 to
 * q7 are the sums of 16 channels. */
#define TCN_HELIUM_TAP(tap)          \
    "vldrb.u8 q0, [" tap "], #16\n\t" \
    "vldrb.u8 q1, [r9], #16\n\t"     \
    "vmullb.s8 q2, q0, q1\n\t"       \
    "vmullt.s8 q3, q0, q1\n\t"
#define TCN_HELIUM_SECOND_TAP(tap)   \
    "vldrb.u8 q0, [" tap "]\n\t"      \
    "vldrb.u8 q1, [r9], #16\n\t"     \
    "vmullb.s8 q0, q0, q1\n\t"       \
    "vadd.i16 q2, q2, q0\n\t"        \
    "vldrb.u8 q0, [" tap "], #16\n\t" \
    "vmullt.s8 q0, q0, q1\n\t"       \
    "vadd.i16 q3, q3, q0\n\t"
#define TCN_HELIUM_ADD_TAPS          \
    "vmovlb.s16 q0, q2\n\t"          \
    "vadd.i32 q4, q4, q0\n\t"        \
    "vmovlt.s16 q0, q2\n\t"          \
    "vadd.i32 q5, q5, q0\n\t"        \
    "vmovlb.s16 q0, q3\n\t"          \
    "vadd.i32 q6, q6, q0\n\t"        \
    "vmovlt.s16 q0, q3\n\t"          \
    "vadd.i32 q7, q7, q0\n\t"
/* The first two, while q4 and q5 are free; the bias is added to them. */
#define TCN_HELIUM_FIRST_TAPS(one, other) \
    TCN_HELIUM_TAP(one)                   \
    "vldrb.u8 q0, [" other "], #16\n\t"   \
    "vldrb.u8 q1, [r9], #16\n\t"         \
    "vmullb.s8 q4, q0, q1\n\t"           \
    "vmullt.s8 q5, q0, q1\n\t"           \
    "vadd.i16 q2, q2, q4\n\t"            \
    "vadd.i16 q3, q3, q5\n\t"            \
    "vldrw.u32 q4, [r9], #16\n\t"        \
    "vldrw.u32 q5, [r9], #16\n\t"        \
    "vldrw.u32 q6, [r9], #16\n\t"        \
    "vldrw.u32 q7, [r9], #16\n\t"        \
    TCN_HELIUM_ADD_TAPS
#define TCN_HELIUM_TWO_TAPS(one, other) \
    TCN_HELIUM_TAP(one) TCN_HELIUM_SECOND_TAP(other) TCN_HELIUM_ADD_TAPS

/* r0 to r8 are the taps, r9 the weights, r10 the output; 16 outputs of nine taps take 110 instructions, a pixel 9. */
#define TCN_HELIUM_NINE_TAPS(RESCALE)        \
    "push {r0, r4-r11, lr}\n\t"              \
    "vpush {d8-d15}\n\t"                     \
    "ldrd r9, r10, [r0, #36]\n\t"            \
    "ldrd r11, r12, [r0, #44]\n\t"           \
    "ldr lr, [r0, #52]\n\t"                  \
    "ldm r0, {r0-r8}\n"                      \
    "1:\n\t"                                 \
    TCN_HELIUM_FIRST_TAPS("r0", "r1")        \
    TCN_HELIUM_TWO_TAPS("r2", "r3")          \
    TCN_HELIUM_TWO_TAPS("r4", "r5")          \
    TCN_HELIUM_TWO_TAPS("r6", "r7")          \
    TCN_HELIUM_TAP("r8") TCN_HELIUM_ADD_TAPS \
    "vldrw.u32 q0, [r9], #16\n\t"            \
    RESCALE("q4", "q0")                      \
    "vldrw.u32 q0, [r9], #16\n\t"            \
    RESCALE("q5", "q0")                      \
    "vldrw.u32 q0, [r9], #16\n\t"            \
    RESCALE("q6", "q0")                      \
    "vldrw.u32 q0, [r9], #16\n\t"            \
    RESCALE("q7", "q0")                      \
    "vqmovnb.s32 q4, q4\n\t"                 \
    "vqmovnt.s32 q4, q5\n\t"                 \
    "vqmovnb.s32 q6, q6\n\t"                 \
    "vqmovnt.s32 q6, q7\n\t"                 \
    "vqadd.s16 q4, q4, r11\n\t"              \
    "vqadd.s16 q6, q6, r11\n\t"              \
    "vqmovnb.s16 q4, q4\n\t"                 \
    "vqmovnt.s16 q4, q6\n\t"                 \
    "vstrb.8 q4, [r10], #16\n\t"             \
    "subs r12, #1\n\t"                       \
    "bne.w 1b\n\t"                           \
    "subs lr, #1\n\t"                        \
    "beq 3f\n\t"                             \
    "ldr r12, [sp, #64]\n\t"                 \
    "ldr r9, [r12, #56]\n\t"                 \
    "cmp r9, #0\n\t"                         \
    "beq 2f\n\t"                             \
    "add r0, r9\n\t"                         \
    "add r1, r9\n\t"                         \
    "add r2, r9\n\t"                         \
    "add r3, r9\n\t"                         \
    "add r4, r9\n\t"                         \
    "add r5, r9\n\t"                         \
    "add r6, r9\n\t"                         \
    "add r7, r9\n\t"                         \
    "add r8, r9\n"                           \
    "2:\n\t"                                 \
    "ldr r9, [r12, #36]\n\t"                 \
    "ldr r12, [r12, #48]\n\t"                \
    "b.w 1b\n"                               \
    "3:\n\t"                                 \
    "vpop {d8-d15}\n\t"                      \
    "pop {r0, r4-r11, pc}"

TCN_ASSEMBLY(104)
static void tcn_helium_nine_taps(TCN_UNUSED const tcn_helium_taps_t *taps)
{
    __asm__(TCN_HELIUM_NINE_TAPS(TCN_HELIUM_RESCALE));
}

TCN_ASSEMBLY(104)
static void tcn_helium_nine_taps_float(TCN_UNUSED const tcn_helium_taps_t *taps)
{
    __asm__(TCN_HELIUM_NINE_TAPS(TCN_HELIUM_RESCALE_FLOAT));
}
#else
static void tcn_helium_nine_taps_plain(const tcn_helium_taps_t *taps, int is_float)
{
    const int32_t channels = 16 * taps->groups;
    int32_t pixel;
    int32_t c;
    int32_t tap;

    for (pixel = 0; pixel < taps->pixels; pixel++) {
        for (c = 0; c < channels; c++) {
            const int32_t *weights = taps->weights + c / 16 * 68;
            const int32_t place = c % 2 * 8 + c % 4 / 2 * 4 + c % 16 / 4;
            int32_t sum = weights[8 + place];

            for (tap = 0; tap < 9; tap++) {
                const uint32_t word = (uint32_t)weights[(tap < 2 ? 0 : 16) + 4 * tap + c % 16 / 4];

                sum += taps->taps[tap][pixel * (channels + taps->step) + c] *
                       (int32_t)(((word >> 8 * (c % 4) & 255) ^ 128) - 128);
            }
            taps->output[pixel * channels + c] = tcn_helium_rescale(sum, weights[52 + place], taps->zero_point, is_float);
        }
    }
}

static void tcn_helium_nine_taps(const tcn_helium_taps_t *taps)
{
    tcn_helium_nine_taps_plain(taps, 0);
}

static void tcn_helium_nine_taps_float(const tcn_helium_taps_t *taps)
{
    tcn_helium_nine_taps_plain(taps, 1);
}
#endif

static void tcn_helium_depthwise_taps(const TCN_FLASH tcn_helium_depthwise_t *layer, const tcn_helium_taps_t *taps)
{
    if (layer->is_float) {
        tcn_helium_nine_taps_float(taps);
    } else {
        tcn_helium_nine_taps(taps);
    }
}

/* One row of the output; rows[r] is the input under row r of the kernel, or a row of zero points. `scratch` has room
 * for one pixel. */
TCN_KERNEL static void tcn_helium_depthwise_row(const TCN_FLASH tcn_helium_depthwise_t *layer,
                                                const int8_t *const *rows, int8_t *scratch, int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t height = layer->kernel_height;
    const int32_t width = layer->kernel_width;
    const int32_t input_width = layer->input_width;
    const int32_t reach = (layer->kernel_width - 1) * layer->dilation;
    int32_t column = -layer->pad;
    int32_t left = layer->output_width;
    tcn_helium_taps_t taps;

    taps.weights = (const int32_t *)layer->weights;
    taps.zero_point = layer->output_zero_point;
    taps.groups = channels / 16;
    taps.step = (layer->stride - 1) * channels;
    tcn_helium_fill(scratch, channels, layer->input_zero_point);
    while (left > 0) {
        const int32_t room = input_width - 1 - reach - column;
        int32_t at = column;
        int32_t r;
        int32_t k;

        taps.pixels = 1;
        if (column >= 0 && room >= 0) {
            taps.pixels = room / layer->stride + 1;
            if (taps.pixels > left) {
                taps.pixels = left;
            }
        }
        for (k = 0; k < width; k++) {
            const int is_inside = at >= 0 && at < input_width;
            const int8_t **tap = taps.taps + k;

            for (r = 0; r < height; r++) {
                *tap = is_inside ? rows[r] + at * channels : scratch;
                tap += width;
            }
            at += layer->dilation;
        }
        taps.output = output;
        tcn_helium_depthwise_taps(layer, &taps);
        output += taps.pixels * channels;
        column += taps.pixels * layer->stride;
        left -= taps.pixels;
    }
}

#endif /* TCN_HELIUM_DEPTHWISE_H */
