#ifndef TCN_DSP_PRODUCT_H
#define TCN_DSP_PRODUCT_H

#include "tcn_kernel.h"
#include "tcn_dsp.h"
#include "tcn_dsp_weights.h"
#include "tcn_sxtb16.h"
#include "tcn_smlad.h"
#include "tcn_signed.h"
#include "tcn_dsp_rescale.h"

/* Weights times gathered columns, four channels a, b, c, d at a time; where channels are no multiple of four, the last
 * four lie over those before. The weights are a stream of words, for every four channels
 *
 *     the sums to begin with: the bias of a, that of a + 256 b, of c, of c + 256 d
 *     for every pair of inputs a + 256 b as two int16, then c + 256 d
 *     the output's zero point + 128, and the four multipliers, 2^32 times the scale; all are 0 where one has no such
 *     form, or its output before it is saturated does not fit 16 bits
 *
 * SXTB16 gives a, the word itself is multiplied too, and the difference of both sums is 256 times that of b, which is
 * exact while the latter fits 24 bits. Where that is not proved, the stream is "wide": a, b, c and d for every pair of
 * inputs, and each with its bias. */
typedef struct {
    uint32_t *columns;             /* [pairs][columns] */
    int8_t *output;                /* of the next channel in the first column */
    const int8_t *end;             /* of the first column's channels */
    int32_t pitch;                 /* of the output, from a column to the next; see below where it is planar */
    const uint32_t *weights;       /* the next ones */
    const uint32_t *first_weights; /* of the first channel */
    int32_t pairs;                 /* of inputs; even */
    int32_t left;                  /* times two columns */
    const int8_t *const *rows;     /* of the input, under a window */
    const int8_t *const *rows_end;
    int32_t offset;                /* in a row, of the first column's window */
    int32_t step;                  /* from one column's window to the next */
    int32_t row_bytes;             /* of a window in whole words */
    int32_t more_bytes;            /* of each row behind them */
    uint32_t *whole;               /* where the columns have the whole words, behind the other bytes */
    uint32_t *more;                /* where the next of the others goes */
    int32_t channels;              /* of the output */
} tcn_dsp_product_t;

/* An output is planar where the pitch is below 0: then it is that from a channel to the one before, in bytes, and the
 * columns lie side by side as int16, 128 more than they are. Channels are a multiple of four. */
static inline void tcn_dsp_product_put(const tcn_dsp_product_t *product, int32_t channel, int32_t column, int8_t value)
{
    if (product->pitch < 0) {
        ((int16_t *)(void *)(product->output - channel * product->pitch))[column] = (int16_t)(value + 128);
    } else {
        product->output[column * product->pitch + channel] = value;
    }
}

/* Channels that are not written yet. */
static inline int32_t tcn_dsp_product_left(const tcn_dsp_product_t *product)
{
    const int32_t bytes = (int32_t)(product->end - product->output);

    return product->pitch < 0 ? bytes / -product->pitch : bytes;
}

/* All channels of the next columns at `output`. */
static inline void tcn_dsp_product_begin(tcn_dsp_product_t *product)
{
    const int32_t channel_bytes = product->pitch < 0 ? -product->pitch : 1;

    product->weights = product->first_weights;
    product->end = product->output + product->channels * channel_bytes;
}

/* Goes on behind the four channels that were written. */
static void tcn_dsp_product_next(tcn_dsp_product_t *product)
{
    const int32_t left = tcn_dsp_product_left(product);
    const int32_t channels = left <= 4 ? left : left < 8 ? left - 4 : 4;

    product->output += product->pitch < 0 ? -channels * product->pitch : channels;
}

/* The functions below compute int8 outputs of as many channels as have a multiplier. Where they stop before `end`,
 * this finishes the four channels at `output`, or as many as there are, from their sums[column][4]. */
TCN_SELDOM static void tcn_dsp_product_rest(tcn_dsp_product_t *product, const TCN_FLASH tcn_rescale_t *rescale,
                                            const uint32_t *sums, int32_t columns)
{
    const int32_t left = tcn_dsp_product_left(product);
    const int32_t channel = product->channels - left;
    int32_t column;
    int32_t i;

    for (column = 0; column < columns; column++) {
        for (i = 0; i < 4 && i < left; i++) {
            const int32_t sum = tcn_signed(sums[4 * column + i]);

            tcn_dsp_product_put(product, i, column, tcn_rescale(rescale, channel + i, sum));
        }
    }
    tcn_dsp_product_next(product);
}

#if TCN_HAS_DSP
/* b from a + 256 b. */
#define TCN_PRODUCT_DIFFERENCE(a, b) "sub " b ", " b ", " a "\n\tasr " b ", " b ", #8\n\t"
/* Four finished sums as outputs that are not saturated yet. */
#define TCN_PRODUCT_SCALE(zero_point, a, b, c, d, by_a, by_b, by_c, by_d) \
    "smmlar " a ", " a ", " by_a ", " zero_point "\n\t"                   \
    "smmlar " b ", " b ", " by_b ", " zero_point "\n\t"                   \
    "smmlar " c ", " c ", " by_c ", " zero_point "\n\t"                   \
    "smmlar " d ", " d ", " by_d ", " zero_point "\n\t"
/* These as the bytes of `a`. USAT16 takes two that fit 16 bits, from 0 to 255 for -128 to 127. */
#define TCN_PRODUCT_BYTES(a, b, c, d)          \
    "pkhbt " a ", " a ", " c ", lsl #16\n\t"   \
    "pkhbt " b ", " b ", " d ", lsl #16\n\t"   \
    "usat16 " a ", #8, " a "\n\t"              \
    "usat16 " b ", #8, " b "\n\t"              \
    "orr " a ", " a ", " b ", lsl #8\n\t"      \
    "eor " a ", #0x80808080\n\t"
#else
/* What the functions in assembly do with gathered columns. Leaves sums to the caller in `rest`. */
static void tcn_dsp_product_plain(tcn_dsp_product_t *product, int32_t columns, uint32_t *rest, int32_t is_wide)
{
    do {
        const uint32_t *ends = product->weights;
        uint32_t sums[8];
        int32_t column;
        int32_t i;

        for (column = 0; column < columns; column++) {
            const uint32_t *weights = product->weights;
            const uint32_t *x = product->columns + column;
            const uint32_t *const end = x + columns * product->pairs;
            uint32_t a = weights[0];
            uint32_t b = weights[1];
            uint32_t c = weights[2];
            uint32_t d = weights[3];

            weights += 4;
            for (; x != end; x += columns) {
                if (TCN_IS_WIDE(is_wide)) {
                    a = tcn_smlad(weights[0], *x, a);
                    b = tcn_smlad(weights[1], *x, b);
                    c = tcn_smlad(weights[2], *x, c);
                    d = tcn_smlad(weights[3], *x, d);
                    weights += 4;
                } else {
                    a = tcn_smlad(tcn_sxtb16(weights[0]), *x, a);
                    b = tcn_smlad(weights[0], *x, b);
                    c = tcn_smlad(tcn_sxtb16(weights[1]), *x, c);
                    d = tcn_smlad(weights[1], *x, d);
                    weights += 2;
                }
            }
            sums[4 * column] = a;
            sums[4 * column + 1] = TCN_IS_WIDE(is_wide) ? b : (uint32_t)(tcn_signed(b - a) >> 8);
            sums[4 * column + 2] = c;
            sums[4 * column + 3] = TCN_IS_WIDE(is_wide) ? d : (uint32_t)(tcn_signed(d - c) >> 8);
            ends = weights;
        }
        product->weights = ends + 5;
        if (ends[1] == 0) {
            for (i = 0; i < 4 * columns; i++) {
                rest[i] = sums[i];
            }
            return;
        }
        for (column = 0; column < columns; column++) {
            for (i = 0; i < 4; i++) {
                const int32_t sum = tcn_signed(sums[4 * column + i]);

                tcn_dsp_product_put(product, i, column,
                                    tcn_dsp_rescale(0, 0, tcn_signed(ends[1 + i]), tcn_signed(ends[0]) - 128, sum));
            }
        }
        tcn_dsp_product_next(product);
    } while (product->output != product->end);
}
#endif

#endif /* TCN_DSP_PRODUCT_H */
