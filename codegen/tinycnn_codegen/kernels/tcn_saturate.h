#ifndef TCN_SATURATE_H
#define TCN_SATURATE_H

#include <stdint.h>

/* C99 leaves the right shift of a negative number to the compiler; this does not compile where it is not arithmetic. */
typedef char tcn_saturate_needs_arithmetic_shift[(INT32_C(-3) >> 1) == -2 ? 1 : -1];

/* What int8 holds of y: one comparison for both ends. */
static inline int32_t tcn_saturate(int32_t y)
{
    return (uint32_t)y + 128u <= 255u ? y : (y >> 31) ^ 127;
}

#endif /* TCN_SATURATE_H */
