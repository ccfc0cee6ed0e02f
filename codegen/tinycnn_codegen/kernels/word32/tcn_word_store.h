#ifndef TCN_WORD_STORE_H
#define TCN_WORD_STORE_H

#include "tcn_word.h"

/* Store the sums of the channels [channel, channel + lanes). */
static void tcn_word_store(const TCN_FLASH tcn_word_outputs_t *outputs, int32_t channel, const int32_t *sums,
                           int32_t lanes, int8_t *output)
{
    const TCN_FLASH int32_t *constants = outputs->constants + 2 * channel;
    const int32_t *const end = sums + lanes;
    const int32_t rounding = outputs->rounding;

    while (sums != end) {
        *output++ = (int8_t)tcn_word_rescale(outputs, channel, constants[1], rounding, *sums++ + constants[0]);
        constants += 2;
        channel++;
    }
}

#endif /* TCN_WORD_STORE_H */
