#ifndef TCN_REQUANTIZE_FLOAT_H
#define TCN_REQUANTIZE_FLOAT_H

#include <stdint.h>

/* value / 2^drop, rounded half to even; 1 <= drop <= 31. */
static inline uint32_t tcn_round_half_even(uint32_t value, uint8_t drop)
{
    const uint32_t quotient = value >> drop;
    const uint32_t rest = value - (quotient << drop);
    const uint32_t half = UINT32_C(1) << (drop - 1);

    return quotient + (rest + (quotient & 1u) > half ? 1u : 0u);
}

/* rint((float)acc * scale) + zero_point, saturated to int8, in integers only: the bits that IEEE 754 single
 * precision gives, without a floating-point unit or library.
 *
 * scale_bits is the pattern of the float32 scale, finite and not negative; -128 <= zero_point <= 127. */
static inline int8_t tcn_requantize_float(int32_t acc, uint32_t scale_bits, int32_t zero_point)
{
    const uint32_t scale_mantissa = (scale_bits & UINT32_C(0x7FFFFF)) | UINT32_C(0x800000);
    uint32_t value = acc < 0 ? UINT32_C(0) - (uint32_t)acc : (uint32_t)acc;
    int16_t fraction_bits = (int16_t)(126 - (int16_t)(scale_bits >> 23));
    uint64_t product;
    uint8_t step;
    int32_t y;

    /* A scale below 2^-126 brings no accumulator to 1/2. */
    if (acc == 0 || scale_bits < UINT32_C(0x800000)) {
        return (int8_t)zero_point;
    }

    /* (float)acc: move the top bit to bit 31, then round to 24 bits. */
    for (step = 16; step != 0; step = (uint8_t)(step >> 1)) {
        if (value < UINT32_C(1) << (32 - step)) {
            value <<= step;
            fraction_bits = (int16_t)(fraction_bits + step);
        }
    }
    value = tcn_round_half_even(value, 8);

    /* The product has 47 or 48 bits; the lowest 16 matter only as "not all zero". Round to 24 bits. */
    product = (uint64_t)value * scale_mantissa;
    value = (uint32_t)(product >> 16) | ((product & 0xFFFFu) != 0 ? 1u : 0u);
    step = value >> 31 != 0 ? 8 : 7;
    value = tcn_round_half_even(value, step);
    fraction_bits = (int16_t)(fraction_bits - step);

    /* It is value / 2^fraction_bits now, with 2^23 <= value <= 2^24: rint it. */
    if (fraction_bits > 25) {
        return (int8_t)zero_point;
    }
    y = fraction_bits < 15 ? 512 : (int32_t)tcn_round_half_even(value, (uint8_t)fraction_bits);
    y = (acc < 0 ? -y : y) + zero_point;
    return (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
}

#endif /* TCN_REQUANTIZE_FLOAT_H */
