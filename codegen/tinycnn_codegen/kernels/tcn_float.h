#ifndef TCN_FLOAT_H
#define TCN_FLOAT_H

#include <stdint.h>

#include "tcn_flash.h"

/* A float32 in integers, since compilers for small processors do not all round floats alike: mantissa * 2^exponent with
 * |mantissa| <= 2^24. Files that came quantized mean what float32 gives, to the last bit. */
typedef struct {
    int32_t mantissa;
    int32_t exponent;
} tcn_float_t;

/* The number that a float32 pattern stands for; no infinity. */
static inline tcn_float_t tcn_float_of(uint32_t bits)
{
    const int32_t exponent = (int32_t)(bits >> 23 & 0xFFu);
    const int32_t fraction = (int32_t)(bits & UINT32_C(0x7FFFFF));
    const int32_t mantissa = exponent != 0 ? fraction + INT32_C(0x800000) : fraction;
    tcn_float_t number;

    number.mantissa = bits >> 31 != 0 ? -mantissa : mantissa;
    number.exponent = (exponent != 0 ? exponent : 1) - 150;
    return number;
}

/* value * 2^exponent rounded to 24 significant bits, half to even; |value| < 2^63. */
static inline tcn_float_t tcn_float_rounded(int64_t value, int32_t exponent)
{
    uint64_t magnitude = value < 0 ? (uint64_t)-value : (uint64_t)value;
    uint32_t above = (uint32_t)(magnitude >> 24);
    uint8_t drop = 0;
    tcn_float_t result;

    if (magnitude >> 56 != 0) {
        above = (uint32_t)(magnitude >> 56);
        drop = 32;
    }
    if (above != 0) {
        uint8_t step;

        for (step = 16; step != 0; step = (uint8_t)(step / 2)) {
            if (above >> step != 0) {
                above >>= step;
                drop = (uint8_t)(drop + step);
            }
        }
        magnitude += ((uint64_t)1 << drop) - 1 + (magnitude >> (drop + 1) & 1);
        drop++;
    }
    result.mantissa = (int32_t)(magnitude >> drop);
    result.exponent = exponent + drop;
    if (value < 0) {
        result.mantissa = -result.mantissa;
    }
    return result;
}

static inline tcn_float_t tcn_float_sum(tcn_float_t a, tcn_float_t b)
{
    const int32_t b_is_high = a.mantissa == 0 || (b.mantissa != 0 && b.exponent > a.exponent);
    const tcn_float_t high = b_is_high ? b : a;
    const tcn_float_t low = b_is_high ? a : b;
    const int32_t apart = high.exponent - low.exponent;
    int32_t rest = low.mantissa < 0 ? -low.mantissa : low.mantissa;

    if (rest == 0) {
        return high;
    }
    if (apart <= 38) {
        return tcn_float_rounded(high.mantissa * ((int64_t)1 << apart) + low.mantissa, low.exponent);
    }
    /* Of the bits that lie farther below it only matters whether there are any. */
    rest = apart > 62 ? 1 : (rest >> (apart - 38)) | (rest % ((int32_t)1 << (apart - 38)) != 0 ? 1 : 0);
    rest = low.mantissa < 0 ? -rest : rest;
    return tcn_float_rounded(high.mantissa * ((int64_t)1 << 38) + rest, high.exponent - 38);
}

static inline tcn_float_t tcn_float_product(tcn_float_t a, tcn_float_t b)
{
    return tcn_float_rounded((int64_t)a.mantissa * b.mantissa, a.exponent + b.exponent);
}

/* The place of a number among all float32 numbers in rising order; that of 0 is 0. */
static inline int32_t tcn_float_place(tcn_float_t number)
{
    int32_t magnitude = number.mantissa < 0 ? -number.mantissa : number.mantissa;
    int32_t exponent = number.exponent + 150;
    int32_t place;

    if (magnitude == 0) {
        return 0;
    }
    while (magnitude < INT32_C(0x800000)) {
        magnitude *= 2;
        exponent--;
    }
    place = exponent > 0 ? (exponent - 1) * INT32_C(0x800000) + magnitude : 0; /* below 2^-126 it is like 0 */
    return number.mantissa < 0 ? -place : place;
}

/* The output for a number, given the places of the least numbers that give -127, -126, .. 127. */
static inline int8_t tcn_float_output(tcn_float_t number, const TCN_FLASH int32_t *steps)
{
    const int32_t place = tcn_float_place(number);
    int reached = 0;
    int half;

    for (half = 128; half > 0; half /= 2) {
        if (place >= steps[reached + half - 1]) {
            reached += half;
        }
    }
    return (int8_t)(reached - 128);
}

#endif /* TCN_FLOAT_H */
