#ifndef TCN_MATMUL_H
#define TCN_MATMUL_H

#include "tcn_rescale.h"

/* The product of two computed matrices: a is [rows][depth], b [depth][columns]. */
typedef struct {
    int32_t rows;
    int32_t depth;
    int32_t columns;
    int32_t a_zero_point;
    int32_t b_zero_point;
    tcn_rescale_t rescale; /* one entry */
} tcn_matmul_t;

static void tcn_matmul_row(const TCN_FLASH tcn_matmul_t *layer, const int8_t *a, const int8_t *b, int8_t *output)
{
    const int32_t depth = layer->depth;
    const int32_t columns = layer->columns;
    int32_t row;
    int32_t column;

    for (row = 0; row < layer->rows; row++) {
        for (column = 0; column < columns; column++) {
            const int8_t *factor = b + column;
            int32_t sum = 0;
            int32_t i;

            for (i = 0; i < depth; i++) {
                sum += (a[i] - layer->a_zero_point) * (*factor - layer->b_zero_point);
                factor += columns;
            }
            *output++ = tcn_rescale(&layer->rescale, 0, sum);
        }
        a += depth;
    }
}

#endif /* TCN_MATMUL_H */
