#ifndef TCN_BLOCK_PRODUCT_H
#define TCN_BLOCK_PRODUCT_H

#include "tcn_block.h"
#include "tcn_kernel.h"

/* Add the products of a run of inputs, at `x` and `step` bytes further on for the other column, with weights
 * [taps][channels]. Returns the weights that come next.
 *
 * An input takes 18 instructions for 8 multiply-accumulates on a Cortex-M3 (6 LDRSB, 8 MLA, 4 for the loop), 26 on
 * RV32: 2.3 and 3.3 each. Multiplying and adding alone is 1 and 2. */
TCN_KERNEL static const TCN_FLASH tcn_weight_t *tcn_block_product(tcn_block_t *block,
                                                                  const TCN_FLASH tcn_weight_t *weights,
                                                                  const int8_t *x, int32_t step, int32_t taps)
{
    const int8_t *const end = x + taps;
    const int8_t *x_right = x + step;
    int32_t left_0 = block->sums[0][0];
    int32_t left_1 = block->sums[0][1];
    int32_t left_2 = block->sums[0][2];
    int32_t left_3 = block->sums[0][3];
    int32_t right_0 = block->sums[1][0];
    int32_t right_1 = block->sums[1][1];
    int32_t right_2 = block->sums[1][2];
    int32_t right_3 = block->sums[1][3];

    while (x != end) {
        const int left = *x++;
        const int right = *x_right++;

        left_0 += left * weights[0];
        right_0 += right * weights[0];
        left_1 += left * weights[1];
        right_1 += right * weights[1];
        left_2 += left * weights[2];
        right_2 += right * weights[2];
        left_3 += left * weights[3];
        right_3 += right * weights[3];
        weights += 4;
    }
    block->sums[0][0] = left_0;
    block->sums[0][1] = left_1;
    block->sums[0][2] = left_2;
    block->sums[0][3] = left_3;
    block->sums[1][0] = right_0;
    block->sums[1][1] = right_1;
    block->sums[1][2] = right_2;
    block->sums[1][3] = right_3;
    return weights;
}

#endif /* TCN_BLOCK_PRODUCT_H */
