#ifndef TCN_ARG_MAX_H
#define TCN_ARG_MAX_H

#include <stdint.h>

#include "tcn_flash.h"

/* The place of the largest of `length` neighbours, counted from -128: the first or the last of equal ones. */
typedef struct {
    int32_t vectors; /* in a row */
    int32_t length;  /* at most 256 */
    int32_t is_last; /* 1 or 0 */
} tcn_arg_max_t;

static void tcn_arg_max_row(const TCN_FLASH tcn_arg_max_t *layer, const int8_t *input, int8_t *output)
{
    int32_t vector;

    for (vector = 0; vector < layer->vectors; vector++) {
        int32_t found = 0;
        int32_t i;

        for (i = 1; i < layer->length; i++) {
            if (input[i] > input[found] || (layer->is_last && input[i] == input[found])) {
                found = i;
            }
        }
        output[vector] = (int8_t)(found - 128);
        input += layer->length;
    }
}

#endif /* TCN_ARG_MAX_H */
