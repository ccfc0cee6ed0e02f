#ifndef TCN_LOAD4_H
#define TCN_LOAD4_H

#include "tcn_dsp.h"

/* Four int8 that follow each other, the first one lowest. */
static inline uint32_t tcn_load4(const int8_t *from)
{
#if TCN_HAS_DSP
    uint32_t word;

    __builtin_memcpy(&word, from, 4);
    return word;
#else
    return (uint32_t)(uint8_t)from[0] | (uint32_t)(uint8_t)from[1] << 8 | (uint32_t)(uint8_t)from[2] << 16 |
           (uint32_t)(uint8_t)from[3] << 24;
#endif
}

#endif /* TCN_LOAD4_H */
