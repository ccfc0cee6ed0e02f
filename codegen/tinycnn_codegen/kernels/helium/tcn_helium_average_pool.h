#ifndef TCN_HELIUM_AVERAGE_POOL_H
#define TCN_HELIUM_AVERAGE_POOL_H

#include "tcn_helium_rescale.h"
#include "tcn_kernel.h"
#include "tcn_pool_axis.h"

/* The mean of the elements under a window of at most 255, which add up in 16 bits. */
typedef struct {
    int32_t input_width;
    int32_t output_width;
    int32_t padded_width; /* of the columns under all windows of a row */
    int32_t channels;
    int32_t input_zero_point;
    int32_t output_zero_point;
    tcn_pool_axis_t vertical;
    tcn_pool_axis_t horizontal;
    int32_t is_float;
    const TCN_FLASH int32_t *counts;  /* how many elements a window may count: each number that occurs */
    const TCN_FLASH int32_t *factors; /* one per number in `counts` (tcn_helium_rescale.h) */
} tcn_helium_average_pool_t;

/* to[i] = from[i] for `count` i, or += with `is_more`. */
static inline void tcn_helium_add_row(int16_t *to, const int8_t *from, int32_t count, int is_more)
{
#if TCN_HAS_HELIUM
    if (is_more) {
        __asm__ volatile("wlstp.16 lr, %2, 2f\n"
                         "1:\n\t"
                         "vldrb.s16 q0, [%1], #8\n\t"
                         "vldrh.u16 q1, [%0]\n\t"
                         "vadd.i16 q0, q0, q1\n\t"
                         "vstrh.16 q0, [%0], #16\n\t"
                         "letp lr, 1b\n"
                         "2:"
                         : "+l"(to), "+l"(from)
                         : "r"(count)
                         : "q0", "q1", "lr", "cc", "memory");
    } else {
        __asm__ volatile("wlstp.16 lr, %2, 2f\n"
                         "1:\n\t"
                         "vldrb.s16 q0, [%1], #8\n\t"
                         "vstrh.16 q0, [%0], #16\n\t"
                         "letp lr, 1b\n"
                         "2:"
                         : "+l"(to), "+l"(from)
                         : "r"(count)
                         : "q0", "lr", "cc", "memory");
    }
#else
    for (; count > 0; count--) {
        *to = (int16_t)(is_more ? *to + *from : *from);
        to++;
        from++;
    }
#endif
}

/* The means under one window of `channels`, but no more than eight: of `taps` >= 1 columns, `step` bytes apart. */
typedef struct {
    int32_t taps;
    int32_t step;
    int32_t bias;
    int32_t factor;
    int32_t zero_point;
} tcn_helium_window_t;

#if TCN_HAS_HELIUM
/* 23 instructions for eight outputs, and four for each column. */
#define TCN_HELIUM_WINDOW(RESCALE)                          \
    __asm__ volatile("ldrd r4, r5, [%2]\n\t"                \
                     "vmov.i32 q0, #0\n\t"                  \
                     "dls lr, r4\n"                         \
                     "1:\n\t"                               \
                     "vldrh.u16 q1, [%0]\n\t"               \
                     "vadd.i16 q0, q0, q1\n\t"              \
                     "add %0, r5\n\t"                       \
                     "le lr, 1b\n\t"                        \
                     "ldrd r4, r5, [%2, #8]\n\t"            \
                     "vdup.32 q3, r5\n\t"                   \
                     "vmovlb.s16 q1, q0\n\t"                \
                     "vmovlt.s16 q2, q0\n\t"                \
                     "vadd.i32 q1, q1, r4\n\t"              \
                     "vadd.i32 q2, q2, r4\n\t"              \
                     RESCALE("q1", "q3")                    \
                     RESCALE("q2", "q3")                    \
                     "ldr r4, [%2, #16]\n\t"                \
                     "vqmovnb.s32 q1, q1\n\t"               \
                     "vqmovnt.s32 q1, q2\n\t"               \
                     "vqadd.s16 q1, q1, r4\n\t"             \
                     "vqmovnb.s16 q1, q1\n\t"               \
                     "vctp.16 %3\n\t"                       \
                     "vpst\n\t"                             \
                     "vstrbt.16 q1, [%1]"                   \
                     : "+l"(from)                           \
                     : "l"(to), "r"(window), "r"(channels)  \
                     : "q0", "q1", "q2", "q3", "r4", "r5", "lr", "cc", "memory")
#endif

static inline void tcn_helium_window(int8_t *to, const int8_t *from, const tcn_helium_window_t *window,
                                     int32_t channels, int is_float)
{
#if TCN_HAS_HELIUM
    if (is_float) {
        TCN_HELIUM_WINDOW(TCN_HELIUM_RESCALE_FLOAT);
    } else {
        TCN_HELIUM_WINDOW(TCN_HELIUM_RESCALE);
    }
#else
    int32_t c;
    int32_t tap;

    for (c = 0; c < channels && c < 8; c++) {
        int32_t sum = window->bias;

        for (tap = 0; tap < window->taps; tap++) {
            sum += ((const int16_t *)(const void *)(from + tap * window->step))[c];
        }
        to[c] = tcn_helium_rescale(sum, window->factor, window->zero_point, is_float);
    }
#endif
}

/* Row `row` of the output; rows[r] is the input under row r of the window, or a row of zero points. First the sums of
 * columns, in `scratch` between sums of zero points, which has room for eight sums more. */
TCN_KERNEL static void tcn_helium_average_pool_row(const TCN_FLASH tcn_helium_average_pool_t *layer,
                                                   const int8_t *const *rows, int32_t row, int8_t *scratch,
                                                   int8_t *output)
{
    const int32_t counted_rows = tcn_pool_counted(&layer->vertical, row);
    const int32_t height = layer->vertical.taps;
    const int32_t channels = layer->channels;
    const int32_t all = layer->padded_width * channels;
    const int32_t before = layer->horizontal.pad * channels;
    const int32_t there = layer->input_width * channels;
    const int32_t end = there < all - before ? before + there : all;
    int16_t *const sums = (int16_t *)(void *)scratch;
    tcn_helium_window_t window;
    int32_t x;
    int32_t i;

    for (i = 0; i < before; i++) {
        sums[i] = (int16_t)(height * layer->input_zero_point);
    }
    for (i = end; i < all; i++) {
        sums[i] = (int16_t)(height * layer->input_zero_point);
    }
    for (i = 0; i < height; i++) {
        tcn_helium_add_row(sums + before, rows[i], end - before, i > 0);
    }
    window.taps = layer->horizontal.taps;
    window.step = 2 * layer->horizontal.dilation * channels;
    window.bias = -layer->input_zero_point * height * window.taps;
    window.zero_point = layer->output_zero_point;
    for (x = 0; x < layer->output_width; x++) {
        const int32_t count = counted_rows * tcn_pool_counted(&layer->horizontal, x);
        int32_t entry = 0;

        while (layer->counts[entry] != count) {
            entry++;
        }
        window.factor = layer->factors[entry];
        for (i = 0; i < channels; i += 8) {
            tcn_helium_window(output + i, scratch + 2 * i, &window, channels - i, (int)layer->is_float);
        }
        scratch += 2 * layer->horizontal.stride * channels;
        output += channels;
    }
}

#endif /* TCN_HELIUM_AVERAGE_POOL_H */
