#ifndef TCN_HELIUM_RESCALE_H
#define TCN_HELIUM_RESCALE_H

#include "tcn_helium.h"
#include "tcn_requantize_float.h"

/* How four sums become outputs, before the zero point is added. `factors` are multipliers: VRMULH gives ((sum *
 * multiplier + 2^31) >> 32), which was proved to be the rescale of float32 for every sum that can occur when the
 * network was generated; or, in functions named _float, for layers where that could not be proved, the scales
 * themselves: the conversion to float32, the product and the rounding to the nearest, ties to even, are those of the
 * rescale. */
#define TCN_HELIUM_RESCALE(sums, factors) "vrmulh.s32 " sums ", " sums ", " factors "\n\t"
#define TCN_HELIUM_RESCALE_FLOAT(sums, factors)       \
    "vcvt.f32.s32 " sums ", " sums "\n\t"             \
    "vmul.f32 " sums ", " sums ", " factors "\n\t"    \
    "vcvtn.s32.f32 " sums ", " sums "\n\t"

#if !TCN_HAS_HELIUM
static inline int8_t tcn_helium_rescale(int32_t sum, int32_t factor, int32_t zero_point, int is_float)
{
    int32_t y;

    if (is_float) {
        return tcn_requantize_float(sum, (uint32_t)factor, zero_point);
    }
    y = (int32_t)(((int64_t)sum * factor + INT64_C(0x80000000)) >> 32) + zero_point;
    return (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
}
#endif

#endif /* TCN_HELIUM_RESCALE_H */
