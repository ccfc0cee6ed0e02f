#ifndef TCN_REDUCED_H
#define TCN_REDUCED_H

#include <stdint.h>

/* Along which axes a tensor is reduced. Of each row, [width][channels], the output keeps both axes or has 1 in place of
 * what is reduced. */
typedef struct {
    int32_t all_rows; /* 1: over all rows of the input; 0: row by row */
    int32_t width;
    int32_t channels;
    int32_t output_width;    /* width or 1 */
    int32_t output_channels; /* channels or 1 */
} tcn_reduced_t;

#endif /* TCN_REDUCED_H */
