#ifndef TCN_WORD_STORE2_H
#define TCN_WORD_STORE2_H

#include "tcn_word.h"

/* Store the sums of the channels [first, first + lanes) at two columns. */
static void tcn_word_store2(const TCN_FLASH tcn_word_outputs_t *outputs, int32_t first, int32_t lanes,
                            const int32_t *left_sums, int8_t *left, const int32_t *right_sums, int8_t *right)
{
    const TCN_FLASH int32_t *constants = outputs->constants + 2 * first;
    const int32_t *const end = left_sums + lanes;
    const int32_t rounding = outputs->rounding;

    do {
        const int32_t bias = constants[0];
        const int32_t multiplier = constants[1];
        const int32_t left_sum = *left_sums++ + bias;
        const int32_t right_sum = *right_sums++ + bias;

        if (multiplier != 0) {
            *left++ = (int8_t)tcn_halve(tcn_high_word(left_sum, multiplier) + rounding);
            *right++ = (int8_t)tcn_halve(tcn_high_word(right_sum, multiplier) + rounding);
        } else {
            const int32_t channel = (int32_t)(constants - outputs->constants) / 2;

            *left++ = (int8_t)tcn_word_rescale_otherwise(outputs, channel, left_sum);
            *right++ = (int8_t)tcn_word_rescale_otherwise(outputs, channel, right_sum);
        }
        constants += 2;
    } while (left_sums != end);
}

#endif /* TCN_WORD_STORE2_H */
