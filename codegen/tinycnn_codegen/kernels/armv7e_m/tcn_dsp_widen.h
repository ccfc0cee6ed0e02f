#ifndef TCN_DSP_WIDEN_H
#define TCN_DSP_WIDEN_H

#include "tcn_load4.h"
#include "tcn_sxtb16.h"

/* `count` bytes as pairs (0, 2), (1, 3) of int16 of every four; the last one to three are filled up with zeros. */
static void tcn_dsp_widen(uint32_t *to, const int8_t *from, int32_t count)
{
    uint32_t word;

    for (; count >= 4; count -= 4) {
        word = tcn_load4(from);
        to[0] = tcn_sxtb16(word);
        to[1] = tcn_sxtb16_odd(word);
        from += 4;
        to += 2;
    }
    if (count > 0) {
        word = (uint8_t)from[0];
        word |= count > 1 ? (uint32_t)(uint8_t)from[1] << 8 : 0u;
        word |= count > 2 ? (uint32_t)(uint8_t)from[2] << 16 : 0u;
        to[0] = tcn_sxtb16(word);
        to[1] = tcn_sxtb16_odd(word);
    }
}

#endif /* TCN_DSP_WIDEN_H */
