#ifndef TCN_HELIUM_GLOBAL_AVERAGE_POOL_H
#define TCN_HELIUM_GLOBAL_AVERAGE_POOL_H

#include "tcn_flash.h"
#include "tcn_helium_rescale.h"

/* The mean of all positions of each channel. */
typedef struct {
    int32_t rows;
    int32_t row_positions;
    int32_t channels;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t factor; /* tcn_helium_rescale.h */
    int32_t is_float;
} tcn_helium_global_average_pool_t;

/* sums[c] += a[c] + b[c] for `channels` c. Seven instructions for eight inputs. */
static inline void tcn_helium_add_pixels(int32_t *sums, const int8_t *a, const int8_t *b, int32_t channels)
{
#if TCN_HAS_HELIUM
    __asm__ volatile("wlstp.32 lr, %3, 2f\n"
                     "1:\n\t"
                     "vldrb.s32 q0, [%1], #4\n\t"
                     "vldrb.s32 q1, [%2], #4\n\t"
                     "vldrw.u32 q2, [%0]\n\t"
                     "vadd.i32 q0, q0, q1\n\t"
                     "vadd.i32 q2, q2, q0\n\t"
                     "vstrw.32 q2, [%0], #16\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : "+l"(sums), "+l"(a), "+l"(b)
                     : "r"(channels)
                     : "q0", "q1", "q2", "lr", "cc", "memory");
#else
    for (; channels > 0; channels--) {
        *sums++ += *a++ + *b++;
    }
#endif
}

/* sums[c] += a[c] for `channels` c. */
static inline void tcn_helium_add_pixel(int32_t *sums, const int8_t *a, int32_t channels)
{
#if TCN_HAS_HELIUM
    __asm__ volatile("wlstp.32 lr, %2, 2f\n"
                     "1:\n\t"
                     "vldrb.s32 q0, [%1], #4\n\t"
                     "vldrw.u32 q1, [%0]\n\t"
                     "vadd.i32 q1, q1, q0\n\t"
                     "vstrw.32 q1, [%0], #16\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : "+l"(sums), "+l"(a)
                     : "r"(channels)
                     : "q0", "q1", "lr", "cc", "memory");
#else
    for (; channels > 0; channels--) {
        *sums++ += *a++;
    }
#endif
}

#if TCN_HAS_HELIUM
/* Seven instructions for four outputs. */
#define TCN_HELIUM_MEANS(RESCALE)                                       \
    __asm__ volatile("vdup.32 q1, %3\n\t"                               \
                     "wlstp.32 lr, %2, 2f\n"                            \
                     "1:\n\t"                                           \
                     "vldrw.u32 q0, [%1], #16\n\t"                      \
                     RESCALE("q0", "q1")                                \
                     "vqmovnb.s32 q0, q0\n\t"                           \
                     "vqadd.s16 q0, q0, %4\n\t"                         \
                     "vqmovnb.s16 q0, q0\n\t"                           \
                     "vstrb.32 q0, [%0], #4\n\t"                        \
                     "letp lr, 1b\n"                                    \
                     "2:"                                               \
                     : "+l"(output), "+l"(sums)                         \
                     : "r"(layer->channels), "r"(layer->factor), "r"(layer->output_zero_point) \
                     : "q0", "q1", "lr", "cc", "memory")
#endif

static inline void tcn_helium_means(const TCN_FLASH tcn_helium_global_average_pool_t *layer, const int32_t *sums,
                                    int8_t *output)
{
#if TCN_HAS_HELIUM
    if (layer->is_float) {
        TCN_HELIUM_MEANS(TCN_HELIUM_RESCALE_FLOAT);
    } else {
        TCN_HELIUM_MEANS(TCN_HELIUM_RESCALE);
    }
#else
    int32_t c;

    for (c = 0; c < layer->channels; c++) {
        output[c] = tcn_helium_rescale(sums[c], layer->factor, layer->output_zero_point, layer->is_float);
    }
#endif
}

/* Add input row number `row`, [row_positions][channels], to the sums, [channels]; the last row makes the output. */
static void tcn_helium_global_average_pool_row(const TCN_FLASH tcn_helium_global_average_pool_t *layer,
                                               const int8_t *input, int32_t row, int8_t *sums, int8_t *output)
{
    const int32_t channels = layer->channels;
    int32_t *const kept = (int32_t *)(void *)sums;
    int32_t c;

    for (c = 0; row == 0 && c < channels; c++) {
        kept[c] = -layer->input_zero_point * layer->row_positions * layer->rows;
    }
    for (c = layer->row_positions; c > 1; c -= 2) {
        tcn_helium_add_pixels(kept, input, input + channels, channels);
        input += 2 * channels;
    }
    if (c == 1) {
        tcn_helium_add_pixel(kept, input, channels);
    }
    if (row + 1 == layer->rows) {
        tcn_helium_means(layer, kept, output);
    }
}

#endif /* TCN_HELIUM_GLOBAL_AVERAGE_POOL_H */
