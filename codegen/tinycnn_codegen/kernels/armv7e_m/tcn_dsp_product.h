#ifndef TCN_DSP_PRODUCT_H
#define TCN_DSP_PRODUCT_H

#include "tcn_kernel.h"
#include "tcn_dsp.h"
#include "tcn_sxtb16.h"
#include "tcn_smlad.h"
#include "tcn_signed.h"
#include "tcn_rescale.h"

/* Weights times gathered columns. The weights are a stream of words: for every two channels a and b
 *
 *     the sums to begin with: bias of a; that of b, or of a + 256 b
 *     for every pair of inputs a + 256 b as two int16, or two int16 of a, then two of b ("wide")
 *     the multipliers of a and b, 2^32 times their scale; both are 0 where one has no such form
 *
 * Half as many words go with a + 256 b: SXTB16 gives a, the word itself is multiplied too, and the difference of both
 * sums is 256 times that of b, which is exact while the latter fits 24 bits. */
typedef struct {
    int32_t zero_point;
    int8_t *output;          /* of the next channel a in the first column; b's comes behind it */
    const uint32_t *columns; /* [pairs][columns] */
    const int8_t *end;       /* output + channels */
    int32_t pitch;           /* from a column of the output to the next */
    int32_t pitch3;          /* 3 pitch */
    const uint32_t *weights; /* the next ones */
    int32_t pairs;
    uint32_t sums[8];        /* of two channels that are left to the caller: a's columns, then b's */
} tcn_dsp_product_t;

/* The functions below compute int8 outputs of as many channels as have a multiplier. Where they stop before `end`,
 * this finishes the two channels at `output`. */
TCN_RARE static void tcn_dsp_product_rest(tcn_dsp_product_t *product, const TCN_FLASH tcn_rescale_t *rescale,
                                          int32_t channel, int32_t columns, int32_t is_wide)
{
    int8_t *output = product->output;
    int32_t column;

    for (column = 0; column < columns; column++) {
        const uint32_t a = product->sums[column];
        const uint32_t b = product->sums[column + columns];

        output[0] = tcn_rescale(rescale, channel, tcn_signed(a));
        output[1] = tcn_rescale(rescale, channel + 1, is_wide ? tcn_signed(b) : tcn_signed(b - a) >> 8);
        output += product->pitch;
    }
    product->output += 2;
}

#if TCN_HAS_DSP
/* b from a + 256 b. */
#define TCN_PRODUCT_DIFFERENCE(a, b) "sub " b ", " b ", " a "\n\tasr " b ", " b ", #8\n\t"
#define TCN_PRODUCT_RESCALE(a, b)              \
    "smmlar " a ", " a ", r2, r12\n\t"         \
    "smmlar " b ", " b ", r3, r12\n\t"         \
    "ssat " a ", #8, " a "\n\t"                \
    "ssat " b ", #8, " b "\n\t"                \
    "bfi " a ", " b ", #8, #8\n\t"
#else
/* What SMMLAR and SSAT do. */
static inline int8_t tcn_dsp_product_int8(int32_t sum, int32_t multiplier, int32_t zero_point)
{
    const int32_t y = (int32_t)(((int64_t)sum * multiplier + INT64_C(0x80000000)) >> 32) + zero_point;

    return (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
}

/* The same with any number of columns up to four. */
static void tcn_dsp_product_plain(tcn_dsp_product_t *product, int32_t columns, int32_t is_wide)
{
    const uint32_t *weights = product->weights;
    int32_t column;
    int32_t a_multiplier;
    int32_t b_multiplier;

    do {
        const uint32_t *x = product->columns;
        uint32_t *const sums = product->sums;
        int32_t pair;

        for (column = 0; column < columns; column++) {
            sums[column] = weights[0];
            sums[column + columns] = weights[1];
        }
        weights += 2;
        for (pair = 0; pair < product->pairs; pair++) {
            const uint32_t a = is_wide ? weights[0] : tcn_sxtb16(weights[0]);
            const uint32_t b = is_wide ? weights[1] : weights[0];

            for (column = 0; column < columns; column++) {
                sums[column] = tcn_smlad(a, *x, sums[column]);
                sums[column + columns] = tcn_smlad(b, *x++, sums[column + columns]);
            }
            weights += is_wide ? 2 : 1;
        }
        a_multiplier = tcn_signed(weights[0]);
        b_multiplier = tcn_signed(weights[1]);
        weights += 2;
        product->weights = weights;
        if (a_multiplier == 0) {
            return;
        }
        for (column = 0; column < columns; column++) {
            int8_t *const output = product->output + column * product->pitch;
            const uint32_t b = sums[column + columns];
            const int32_t b_sum = is_wide ? tcn_signed(b) : tcn_signed(b - sums[column]) >> 8;

            output[0] = tcn_dsp_product_int8(tcn_signed(sums[column]), a_multiplier, product->zero_point);
            output[1] = tcn_dsp_product_int8(b_sum, b_multiplier, product->zero_point);
        }
        product->output += 2;
    } while (product->output != product->end);
}
#endif

#endif /* TCN_DSP_PRODUCT_H */
