#ifndef TCN_FROM_UINT8_H
#define TCN_FROM_UINT8_H

#include <stdint.h>

/* Turn the bytes of a sensor, 0 .. 255, into int8 in place: each 128 less. */
static inline void tcn_from_uint8(int8_t *values, int32_t bytes)
{
    int32_t i;

    for (i = 0; i < bytes; i++) {
        values[i] = (int8_t)((int)(uint8_t)values[i] - 128);
    }
}

#endif /* TCN_FROM_UINT8_H */
