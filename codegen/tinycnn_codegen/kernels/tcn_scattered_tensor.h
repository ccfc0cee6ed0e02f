#ifndef TCN_SCATTERED_TENSOR_H
#define TCN_SCATTERED_TENSOR_H

#include <stdint.h>

#include "tcn_flash.h"
#include "tcn_place.h"

/* A tensor in the arena is a sequence of rows: W*C bytes each for an image, one row for a vector. */
typedef struct {
    int32_t offset;    /* of the first row held, in bytes from the start of the arena */
    int32_t rows;
    int32_t row_bytes;
    int32_t held_rows; /* kept at a time: row r lies where row r - held_rows lay */
    const TCN_FLASH tcn_place_t *places; /* of each row, or 0 where the above tells */
} tcn_tensor_t;

/* Where row `row` of `tensor` lies; 0 <= row < tensor->rows. */
static inline int8_t *tcn_row(int8_t *arena, const TCN_FLASH tcn_tensor_t *tensor, int32_t row)
{
    if (tensor->places != 0) {
        return arena + 4 * (int32_t)tensor->places[row];
    }
    if (tensor->held_rows < tensor->rows) {
        row %= tensor->held_rows;
    }
    return arena + tensor->offset + row * tensor->row_bytes;
}

#endif /* TCN_SCATTERED_TENSOR_H */
