#ifndef TCN_PAIRS_H
#define TCN_PAIRS_H

#include <stdint.h>

/* How two tensors meet in a row of [width][channels]. A step of 0 reads the same element again: broadcasting. */
typedef struct {
    int32_t width;
    int32_t channels;
    int32_t a_width; /* bytes of a from one position to the next */
    int32_t a_channel;
    int32_t b_width;
    int32_t b_channel;
} tcn_pairs_t;

#endif /* TCN_PAIRS_H */
