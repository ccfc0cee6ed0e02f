#ifndef TCN_GLOBAL_AVERAGE_POOL_H
#define TCN_GLOBAL_AVERAGE_POOL_H

#include "tcn_rescale.h"

/* The mean of each channel over all positions. */
typedef struct {
    int32_t rows;
    int32_t row_positions;
    int32_t channels;
    int32_t input_zero_point;
    tcn_rescale_t rescale; /* one entry */
} tcn_global_average_pool_t;

/* A sum in the arena, four bytes with the lowest first: the arena is bytes, wherever they lie. */
static inline int32_t tcn_read_sum(const int8_t *sum)
{
    const uint8_t *const bytes = (const uint8_t *)sum;
    const uint32_t low = (uint32_t)bytes[0] | ((uint32_t)bytes[1] << 8) | ((uint32_t)bytes[2] << 16);

    return (int32_t)low + (int32_t)sum[3] * 16777216;
}

static inline void tcn_write_sum(int8_t *sum, int32_t value)
{
    uint8_t *const bytes = (uint8_t *)sum;

    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)((uint32_t)value >> 8);
    bytes[2] = (uint8_t)((uint32_t)value >> 16);
    bytes[3] = (uint8_t)((uint32_t)value >> 24);
}

/* Add input row number `row`, [row_positions][channels], to the sums, [channels]; the last row makes the output. */
static void tcn_global_average_pool_row(const TCN_FLASH tcn_global_average_pool_t *layer, const int8_t *input,
                                        int32_t row, int8_t *sums, int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t end = layer->row_positions * channels;
    int32_t c;

    for (c = 0; c < channels; c++) {
        int32_t sum = -layer->input_zero_point * layer->row_positions;
        int32_t at;

        for (at = c; at < end; at += channels) {
            sum += input[at];
        }
        if (row > 0) {
            sum += tcn_read_sum(sums + 4 * c);
        }
        if (row + 1 < layer->rows) {
            tcn_write_sum(sums + 4 * c, sum);
        } else {
            output[c] = tcn_rescale(&layer->rescale, 0, sum);
        }
    }
}

#endif /* TCN_GLOBAL_AVERAGE_POOL_H */
