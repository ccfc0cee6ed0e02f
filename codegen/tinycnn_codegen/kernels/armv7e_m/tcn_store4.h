#ifndef TCN_STORE4_H
#define TCN_STORE4_H

#include "tcn_dsp.h"

/* Four int8 that follow each other, the lowest one first. */
static inline void tcn_store4(int8_t *to, uint32_t word)
{
#if TCN_HAS_DSP
    __builtin_memcpy(to, &word, 4);
#else
    int i;

    for (i = 0; i < 4; i++) {
        const int32_t byte = (int32_t)(word >> 8 * i & 0xFFu);

        to[i] = (int8_t)(byte < 128 ? byte : byte - 256);
    }
#endif
}

#endif /* TCN_STORE4_H */
