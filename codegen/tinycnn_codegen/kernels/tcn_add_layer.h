#ifndef TCN_ADD_LAYER_H
#define TCN_ADD_LAYER_H

#include <stdint.h>

/* C99 leaves the right shift of a negative number to the compiler; this does not compile where it is not arithmetic. */
typedef char tcn_add_needs_arithmetic_shift[(INT32_C(-3) >> 1) == -2 ? 1 : -1];

/* Two tensors added: ((a * a_multiplier + b * b_multiplier + addend) >> shift), saturated to int8. All zero points
 * and the rounding are in the addend. When the network was generated it was tried with all 65,536 pairs, and checked
 * that no sum overflows. */
typedef struct {
    int32_t bytes; /* of a row */
    int32_t a_multiplier;
    int32_t b_multiplier;
    int32_t addend;
    int32_t shift;
} tcn_add_t;

#endif /* TCN_ADD_LAYER_H */
