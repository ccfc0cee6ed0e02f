#ifndef TCN_BLOCK_VECTOR_H
#define TCN_BLOCK_VECTOR_H

#include "tcn_block.h"
#include "tcn_kernel.h"

/* The products of a vector for two blocks of channels at once, with weights [inputs][2 * channels]: the block's other
 * column is the channels after. Returns the weights that come next.
 *
 * An input takes 20 instructions for 8 multiply-accumulates on a Cortex-M3, 28 on RV32. */
TCN_KERNEL static const TCN_FLASH tcn_weight_t *tcn_block_vector(tcn_block_t *block,
                                                                 const TCN_FLASH tcn_weight_t *weights,
                                                                 const int8_t *x, int32_t inputs)
{
    const int8_t *const end = x + inputs;
    int32_t sum_0 = 0;
    int32_t sum_1 = 0;
    int32_t sum_2 = 0;
    int32_t sum_3 = 0;
    int32_t sum_4 = 0;
    int32_t sum_5 = 0;
    int32_t sum_6 = 0;
    int32_t sum_7 = 0;

    while (x != end) {
        const int value = *x++;

        sum_0 += value * weights[0];
        sum_1 += value * weights[1];
        sum_2 += value * weights[2];
        sum_3 += value * weights[3];
        sum_4 += value * weights[4];
        sum_5 += value * weights[5];
        sum_6 += value * weights[6];
        sum_7 += value * weights[7];
        weights += 8;
    }
    block->sums[0][0] = sum_0;
    block->sums[0][1] = sum_1;
    block->sums[0][2] = sum_2;
    block->sums[0][3] = sum_3;
    block->sums[1][0] = sum_4;
    block->sums[1][1] = sum_5;
    block->sums[1][2] = sum_6;
    block->sums[1][3] = sum_7;
    return weights;
}

#endif /* TCN_BLOCK_VECTOR_H */
