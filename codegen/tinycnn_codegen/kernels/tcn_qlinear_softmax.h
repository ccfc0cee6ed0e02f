#ifndef TCN_QLINEAR_SOFTMAX_H
#define TCN_QLINEAR_SOFTMAX_H

#include <stdint.h>

#include "tcn_flash.h"
#include "tcn_requantize_float.h"

/* exp(x - max x) / sum(exp(x - max x)) of each vector of `length` neighbours, with the bits of IEEE 754 single
 * precision: the exponentials are added up from the first to the last, then each, in steps of the output, is divided
 * by the sum. Only integers are used, because compilers for small processors do not all round floats alike. */
typedef struct {
    int32_t vectors; /* in a row */
    int32_t length;
    int32_t output_zero_point;
    int32_t distances;
    const TCN_FLASH uint32_t *exponentials; /* [distances]: float32 patterns by distance; beyond them it is 0 */
    int32_t divided;
    const TCN_FLASH uint32_t *shares; /* [divided]: the same in steps of the output; beyond, the output is 0 */
} tcn_qlinear_softmax_t;

/* A float32 that is not negative is mantissa * 2^(exponent - 150); numbers below 2^-126 have the exponent 1 too. */
static inline uint32_t tcn_positive_exponent(uint32_t bits)
{
    return bits >> 23 != 0 ? bits >> 23 : 1;
}

static inline uint32_t tcn_positive_mantissa(uint32_t bits)
{
    return bits >> 23 != 0 ? (bits & UINT32_C(0x7FFFFF)) | UINT32_C(0x800000) : bits;
}

/* The sum of two such numbers, below 2^127, rounded half to even. */
static inline uint32_t tcn_positive_sum(uint32_t a, uint32_t b)
{
    const uint32_t large = a > b ? a : b;
    const uint32_t small = a > b ? b : a;
    const uint32_t exponent = tcn_positive_exponent(large);
    const uint32_t shift = exponent - tcn_positive_exponent(small);
    const uint32_t addend = tcn_positive_mantissa(small) << 4;
    uint32_t sum = tcn_positive_mantissa(large) << 4;
    uint8_t drop;

    /* What the shift loses matters only as "not all zero". */
    if (shift > 27) {
        sum |= addend != 0 ? 1u : 0u;
    } else {
        sum += addend >> shift;
        sum |= (addend & ((UINT32_C(1) << shift) - 1u)) != 0 ? 1u : 0u;
    }
    drop = sum >> 28 != 0 ? 5 : 4;
    return ((exponent + drop - 5) << 23) + tcn_round_half_even(sum, drop);
}

/* rint(share / total), at most 512, for numbers of 2^-126 and more: the quotient is rounded to float32 first. */
static inline int32_t tcn_positive_quotient(uint32_t share, uint32_t total)
{
    const uint32_t dividend = tcn_positive_mantissa(share);
    const uint32_t divisor = tcn_positive_mantissa(total);
    const uint8_t shift = dividend < divisor ? 26 : 25;
    const uint64_t wide = (uint64_t)dividend << shift;
    const uint64_t quotient = wide / divisor;
    const int32_t apart = (int32_t)tcn_positive_exponent(total) - (int32_t)tcn_positive_exponent(share);
    const int32_t fraction_bits = shift - 2 + apart;
    uint32_t value;

    /* 26 bits, and one that says whether there is more: rounded to 24, it is value / 2^fraction_bits. */
    value = (uint32_t)(quotient << 1) | (quotient * divisor != wide ? 1u : 0u);
    value = tcn_round_half_even(value, 3);
    if (fraction_bits > 25) {
        return 0;
    }
    return fraction_bits < 15 ? 512 : (int32_t)tcn_round_half_even(value, (uint8_t)fraction_bits);
}

static void tcn_qlinear_softmax_row(const TCN_FLASH tcn_qlinear_softmax_t *layer, const int8_t *input, int8_t *output)
{
    const int32_t length = layer->length;
    int32_t vector;

    for (vector = 0; vector < layer->vectors; vector++) {
        int largest = -128;
        uint32_t total = 0;
        int32_t i;

        for (i = 0; i < length; i++) {
            if (largest < input[i]) {
                largest = input[i];
            }
        }
        for (i = 0; i < length; i++) {
            const int distance = largest - input[i];

            if (distance < layer->distances) {
                total = tcn_positive_sum(total, layer->exponentials[distance]);
            }
        }
        for (i = 0; i < length; i++) {
            const int distance = largest - input[i];
            int32_t y = layer->output_zero_point;

            if (distance < layer->divided) {
                y += tcn_positive_quotient(layer->shares[distance], total);
            }
            output[i] = (int8_t)(y < 127 ? y : 127);
        }
        input += length;
        output += length;
    }
}

#endif /* TCN_QLINEAR_SOFTMAX_H */
