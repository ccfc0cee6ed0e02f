#ifndef TCN_HELIUM_GLOBAL_AVERAGE_POOL_H
#define TCN_HELIUM_GLOBAL_AVERAGE_POOL_H

#include "tcn_helium.h"
#include "tcn_rescale.h"

/* The mean of all positions of each channel. */
typedef struct {
    int32_t rows;
    int32_t row_positions;
    int32_t channels;
    int32_t input_zero_point;
    tcn_rescale_t rescale; /* one entry for all channels */
} tcn_helium_global_average_pool_t;

/* Four sums, or as many as there are channels, += `count` times as many bytes, each `pitch` behind the one before. */
static inline void tcn_helium_add_bytes(int32_t *sums, const int8_t *input, int32_t pitch, int32_t count,
                                        int32_t channels)
{
#if TCN_HAS_HELIUM
    __asm__ volatile("vctp.32 %4\n\t"
                     "vpst\n\t"
                     "vldrwt.u32 q1, [%1]\n\t"
                     "dls lr, %3\n"
                     "1:\n\t"
                     "vpst\n\t"
                     "vldrbt.s32 q0, [%0]\n\t"
                     "vadd.i32 q1, q1, q0\n\t"
                     "add %0, %2\n\t"
                     "le lr, 1b\n\t"
                     "vpst\n\t"
                     "vstrwt.32 q1, [%1]"
                     : "+l"(input)
                     : "r"(sums), "r"(pitch), "r"(count), "r"(channels)
                     : "q0", "q1", "lr", "cc", "memory");
#else
    int32_t c;

    for (; count > 0; count--) {
        for (c = 0; c < channels && c < 4; c++) {
            sums[c] += input[c];
        }
        input += pitch;
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
    for (c = 0; c < channels; c += 4) {
        tcn_helium_add_bytes(kept + c, input + c, channels, layer->row_positions, channels - c);
    }
    for (c = 0; row + 1 == layer->rows && c < channels; c++) {
        output[c] = tcn_rescale(&layer->rescale, 0, kept[c]);
    }
}

#endif /* TCN_HELIUM_GLOBAL_AVERAGE_POOL_H */
