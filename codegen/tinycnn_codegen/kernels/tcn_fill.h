#ifndef TCN_FILL_H
#define TCN_FILL_H

#include <stdint.h>

/* Make the padding row: `bytes` times the value that stands for nothing. */
static inline void tcn_fill(int8_t *row, int32_t bytes, int8_t value)
{
    int32_t i;

    for (i = 0; i < bytes; i++) {
        row[i] = value;
    }
}

#endif /* TCN_FILL_H */
