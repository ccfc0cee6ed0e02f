#ifndef TCN_DSP_PRODUCT_H
#define TCN_DSP_PRODUCT_H

#include "tcn_dsp.h"

/* Two channels times four columns: sums[0 .. 3] += channel a, sums[4 .. 7] += a + 256 b, over `pairs` pairs of inputs,
 * an even number. `columns` is [pairs][4] words of two int16. A weight word holds a + 256 b of both inputs as int16:
 * SXTB16 gives a from it, and the word itself goes into the second product.
 *
 * The inner loop takes 12 instructions for 16 multiply-accumulates (LDR, SXTB16, 2 LDRD, 8 SMLAD), 0.75 each; the
 * bound is 0.5, SMLAD alone. */
static inline const uint32_t *tcn_dsp_product(const uint32_t *weights, const uint32_t *columns, int32_t pairs,
                                              uint32_t *sums)
{
#if TCN_HAS_DSP
    uint32_t a0 = sums[0], a1 = sums[1], a2 = sums[2], a3 = sums[3];
    uint32_t b0 = sums[4], b1 = sums[5], b2 = sums[6], b3 = sums[7];
    uint32_t word, bytes, x, y;
    const uint32_t *const end = weights + pairs;
    const uint32_t *const end_of_eights = weights + pairs / 8 * 8;

#define TCN_DSP_PAIR                          \
    "ldr %[word], [%[w]], #4\n\t"             \
    "ldrd %[x], %[y], [%[c]], #8\n\t"         \
    "sxtb16 %[bytes], %[word]\n\t"            \
    "smlad %[a0], %[bytes], %[x], %[a0]\n\t"  \
    "smlad %[b0], %[word], %[x], %[b0]\n\t"   \
    "smlad %[a1], %[bytes], %[y], %[a1]\n\t"  \
    "smlad %[b1], %[word], %[y], %[b1]\n\t"   \
    "ldrd %[x], %[y], [%[c]], #8\n\t"         \
    "smlad %[a2], %[bytes], %[x], %[a2]\n\t"  \
    "smlad %[b2], %[word], %[x], %[b2]\n\t"   \
    "smlad %[a3], %[bytes], %[y], %[a3]\n\t"  \
    "smlad %[b3], %[word], %[y], %[b3]\n\t"
    __asm__ volatile("ldr %[x], %[eights]\n\t"
                     "cmp %[w], %[x]\n\t"
                     "beq 2f\n"
                     "1:\n\t" TCN_DSP_PAIR TCN_DSP_PAIR TCN_DSP_PAIR TCN_DSP_PAIR
                     TCN_DSP_PAIR TCN_DSP_PAIR TCN_DSP_PAIR TCN_DSP_PAIR
                     "ldr %[x], %[eights]\n\t"
                     "cmp %[w], %[x]\n\t"
                     "bne 1b\n"
                     "2:\n\t"
                     "ldr %[x], %[end]\n\t"
                     "cmp %[w], %[x]\n\t"
                     "beq 4f\n"
                     "3:\n\t" TCN_DSP_PAIR TCN_DSP_PAIR
                     "ldr %[x], %[end]\n\t"
                     "cmp %[w], %[x]\n\t"
                     "bne 3b\n"
                     "4:"
                     : [w] "+r"(weights), [c] "+r"(columns), [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2),
                       [a3] "+r"(a3), [b0] "+r"(b0), [b1] "+r"(b1), [b2] "+r"(b2), [b3] "+r"(b3),
                       [word] "=&r"(word), [bytes] "=&r"(bytes), [x] "=&r"(x), [y] "=&r"(y)
                     : [eights] "m"(end_of_eights), [end] "m"(end)
                     : "cc", "memory");
#undef TCN_DSP_PAIR
    sums[0] = a0;
    sums[1] = a1;
    sums[2] = a2;
    sums[3] = a3;
    sums[4] = b0;
    sums[5] = b1;
    sums[6] = b2;
    sums[7] = b3;
#else
    for (; pairs > 0; pairs--) {
        const uint32_t word = *weights++;
        const uint32_t bytes = tcn_sxtb16(word);
        int column;

        for (column = 0; column < 4; column++) {
            sums[column] = tcn_smlad(bytes, columns[column], sums[column]);
            sums[column + 4] = tcn_smlad(word, columns[column], sums[column + 4]);
        }
        columns += 4;
    }
#endif
    return weights;
}

#endif /* TCN_DSP_PRODUCT_H */
