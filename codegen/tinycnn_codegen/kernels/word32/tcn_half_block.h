#ifndef TCN_HALF_BLOCK_H
#define TCN_HALF_BLOCK_H

#include "tcn_block_assembly.h"
#include "tcn_flash.h"

/* A block of outputs that is summed at once: two pairs of channels at two columns; in assembly also at three. A word of
 * weights is w0 + 65536 w1 of a pair of channels, so that one multiplication serves both; the sums of such products are
 * split before either half could overflow. Where that is was found from the weights when the network was generated.
 *
 * The weights of a run of inputs are chunks: a word with the bytes of the chunk in its lower half, this word included,
 * then two words for each input, or four where there is one column and two blocks of channels. Bytes of 0 end the run.
 * A chunk begins with 2^15, which keeps the lower half from being negative and is subtracted by the bias. The upper
 * halves are for assembly. */
#define TCN_BLOCK_CHANNELS 4
#define TCN_BLOCK_SPREAD 1 /* bytes from an input of a column to the next, where they are gathered */

typedef int32_t tcn_weight_t;

typedef struct {
    int32_t sums[2][4]; /* [columns][channels] */
} tcn_block_t;

static inline uint8_t tcn_block_input(uint8_t x)
{
    return x;
}

#if TCN_BLOCK_ASSEMBLY
/* The assembly sets all sums at once, so there is nothing to begin or to finish. */
static inline void tcn_block_clear(tcn_block_t *block)
{
    (void)block;
}

static inline const int32_t *tcn_block_vector(tcn_block_t *block, const int32_t *weights, const int8_t *x,
                                              int32_t inputs)
{
    (void)inputs;
    return tcn_assembly_vector(block->sums[0], weights, x);
}
#else
static inline void tcn_block_clear(tcn_block_t *block)
{
    int i;

    for (i = 0; i < 4; i++) {
        block->sums[0][i] = 0;
        block->sums[1][i] = 0;
    }
}

/* Add the products of a run of inputs, at `x` and `step` bytes further on for the other column. Returns the weights
 * that come next. */
static inline const TCN_FLASH int32_t *tcn_block_product(tcn_block_t *block, const TCN_FLASH int32_t *weights,
                                                         const int8_t *x, int32_t step, int32_t taps)
{
    int32_t *const left = block->sums[0];
    int32_t *const right = block->sums[1];
    const int8_t *x_right = x + step;
    int32_t count;

    (void)taps;
    while ((count = (*weights++ & 0xFFFF) >> 3) != 0) {
        const int8_t *const end = x + count;
        int32_t left_01 = 32768;
        int32_t left_23 = 32768;
        int32_t right_01 = 32768;
        int32_t right_23 = 32768;

        do {
            const int32_t value = *x++;
            const int32_t value_right = *x_right++;

            left_01 += weights[0] * value;
            left_23 += weights[1] * value;
            right_01 += weights[0] * value_right;
            right_23 += weights[1] * value_right;
            weights += 2;
        } while (x != end);
        left[0] += left_01 & 0xFFFF;
        left[1] += left_01 >> 16;
        left[2] += left_23 & 0xFFFF;
        left[3] += left_23 >> 16;
        right[0] += right_01 & 0xFFFF;
        right[1] += right_01 >> 16;
        right[2] += right_23 & 0xFFFF;
        right[3] += right_23 >> 16;
    }
    return weights;
}

/* The same for one column and two blocks of channels: four words for each input. */
static inline const TCN_FLASH int32_t *tcn_block_vector(tcn_block_t *block, const TCN_FLASH int32_t *weights,
                                                        const int8_t *x, int32_t inputs)
{
    int32_t *const first = block->sums[0];
    int32_t *const second = block->sums[1];
    int32_t count;

    (void)inputs;
    while ((count = (*weights++ & 0xFFFF) >> 4) != 0) {
        const int8_t *const end = x + count;
        int32_t first_01 = 32768;
        int32_t first_23 = 32768;
        int32_t second_01 = 32768;
        int32_t second_23 = 32768;

        do {
            const int32_t value = *x++;

            first_01 += weights[0] * value;
            first_23 += weights[1] * value;
            second_01 += weights[2] * value;
            second_23 += weights[3] * value;
            weights += 4;
        } while (x != end);
        first[0] += first_01 & 0xFFFF;
        first[1] += first_01 >> 16;
        first[2] += first_23 & 0xFFFF;
        first[3] += first_23 >> 16;
        second[0] += second_01 & 0xFFFF;
        second[1] += second_01 >> 16;
        second[2] += second_23 & 0xFFFF;
        second[3] += second_23 >> 16;
    }
    return weights;
}
#endif

/* Call this between the last product and reading the sums. */
static inline void tcn_block_finish(tcn_block_t *block)
{
    (void)block;
}

#endif /* TCN_HALF_BLOCK_H */
