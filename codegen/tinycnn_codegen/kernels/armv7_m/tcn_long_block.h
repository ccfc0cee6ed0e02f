#ifndef TCN_LONG_BLOCK_H
#define TCN_LONG_BLOCK_H

#include "tcn_flash.h"

/* A block of outputs that is summed at once: two pairs of channels at two columns. A word of weights is w0 + 2^24 w1 of
 * a pair of channels, so that one SMLAL, which adds a product to 64 bits, serves both. The lower 24 bits begin with 2^23,
 * which keeps them from being negative and is subtracted by the bias; that the sum of w0 fits them was proved from the
 * weights when the network was generated. */
#define TCN_BLOCK_CHANNELS 4
#define TCN_BLOCK_SPREAD 1 /* bytes from an input of a column to the next, where they are gathered */

/* Without optimization too few registers are left for the assembly. */
#if defined(__thumb2__) && defined(__GNUC__) && defined(__OPTIMIZE__) && !defined(TCN_PORTABLE)
#define TCN_HAS_LONG 1
#else
#define TCN_HAS_LONG 0
#endif

typedef struct {
    int64_t pairs[2][2]; /* [columns][channels / 2] */
    int32_t sums[2][4];  /* [columns][channels] */
} tcn_block_t;

static inline uint8_t tcn_block_input(uint8_t x)
{
    return x;
}

static inline void tcn_block_clear(tcn_block_t *block)
{
    block->pairs[0][0] = 1 << 23;
    block->pairs[0][1] = 1 << 23;
    block->pairs[1][0] = 1 << 23;
    block->pairs[1][1] = 1 << 23;
}

/* Call this between the last product and reading the sums. */
static inline void tcn_block_finish(tcn_block_t *block)
{
    int i;

    for (i = 0; i < 2; i++) {
        block->sums[i][0] = (int32_t)(block->pairs[i][0] & 0xFFFFFF);
        block->sums[i][1] = (int32_t)(block->pairs[i][0] >> 24);
        block->sums[i][2] = (int32_t)(block->pairs[i][1] & 0xFFFFFF);
        block->sums[i][3] = (int32_t)(block->pairs[i][1] >> 24);
    }
}

/* Add the products of a run of `taps` inputs, at `x` and `step` bytes further on for the other column. The weights are
 * two words for each of them. Returns the weights that come next.
 *
 * The inner loop takes 7 instructions for 8 multiply-accumulates (LDRD, 2 LDRSB, 4 SMLAL) and 3 more for every 64, 0.92
 * each; the bound is 0.5, SMLAL alone. On a Cortex-M3 SMLAL takes 4 to 7 cycles and MLA 2, so a SMLAL for two of them
 * saves loads, not multiplications. */
static inline const TCN_FLASH int32_t *tcn_block_product(tcn_block_t *block, const TCN_FLASH int32_t *weights,
                                                         const int8_t *x, int32_t step, int32_t taps)
{
    const int8_t *x_right = x + step;
#if TCN_HAS_LONG
    const int8_t *const end = x + taps;
    const int8_t *const end_of_eights = x + (taps & ~7);
    uint32_t a = (uint32_t)block->pairs[0][0], b = (uint32_t)block->pairs[0][1];
    uint32_t c = (uint32_t)block->pairs[1][0], d = (uint32_t)block->pairs[1][1];
    int32_t a_high = (int32_t)(block->pairs[0][0] >> 32), b_high = (int32_t)(block->pairs[0][1] >> 32);
    int32_t c_high = (int32_t)(block->pairs[1][0] >> 32), d_high = (int32_t)(block->pairs[1][1] >> 32);
    int32_t w0, w1, value;

#define TCN_LONG_TAP                             \
    "ldrd %[w0], %[w1], [%[w]], #8\n\t"          \
    "ldrsb %[v], [%[x]], #1\n\t"                 \
    "smlal %[a], %[ah], %[w0], %[v]\n\t"         \
    "smlal %[b], %[bh], %[w1], %[v]\n\t"         \
    "ldrsb %[v], [%[right]], #1\n\t"             \
    "smlal %[c], %[ch], %[w0], %[v]\n\t"         \
    "smlal %[d], %[dh], %[w1], %[v]\n\t"
    __asm__ volatile("ldr %[v], %[eights]\n\t"
                     "cmp %[x], %[v]\n\t"
                     "beq 2f\n"
                     "1:\n\t" TCN_LONG_TAP TCN_LONG_TAP TCN_LONG_TAP TCN_LONG_TAP
                     TCN_LONG_TAP TCN_LONG_TAP TCN_LONG_TAP TCN_LONG_TAP
                     "ldr %[v], %[eights]\n\t"
                     "cmp %[x], %[v]\n\t"
                     "bne 1b\n"
                     "2:\n\t"
                     "ldr %[v], %[end]\n\t"
                     "cmp %[x], %[v]\n\t"
                     "beq 4f\n"
                     "3:\n\t" TCN_LONG_TAP
                     "ldr %[v], %[end]\n\t"
                     "cmp %[x], %[v]\n\t"
                     "bne 3b\n"
                     "4:"
                     : [w] "+r"(weights), [x] "+r"(x), [right] "+r"(x_right), [a] "+r"(a), [ah] "+r"(a_high),
                       [b] "+r"(b), [bh] "+r"(b_high), [c] "+r"(c), [ch] "+r"(c_high), [d] "+r"(d),
                       [dh] "+r"(d_high), [w0] "=&r"(w0), [w1] "=&r"(w1), [v] "=&r"(value)
                     : [eights] "m"(end_of_eights), [end] "m"(end)
                     : "cc", "memory");
#undef TCN_LONG_TAP
    block->pairs[0][0] = (int64_t)((uint64_t)(uint32_t)a_high << 32 | a);
    block->pairs[0][1] = (int64_t)((uint64_t)(uint32_t)b_high << 32 | b);
    block->pairs[1][0] = (int64_t)((uint64_t)(uint32_t)c_high << 32 | c);
    block->pairs[1][1] = (int64_t)((uint64_t)(uint32_t)d_high << 32 | d);
#else
    for (; taps > 0; taps--) {
        block->pairs[0][0] += (int64_t)weights[0] * *x;
        block->pairs[0][1] += (int64_t)weights[1] * *x;
        block->pairs[1][0] += (int64_t)weights[0] * *x_right;
        block->pairs[1][1] += (int64_t)weights[1] * *x_right;
        x++;
        x_right++;
        weights += 2;
    }
#endif
    return weights;
}

/* The same for one column and two blocks of channels: four words for each input. */
static inline const TCN_FLASH int32_t *tcn_block_vector(tcn_block_t *block, const TCN_FLASH int32_t *weights,
                                                        const int8_t *x, int32_t inputs)
{
    const int8_t *const end = x + inputs;
    int64_t a = block->pairs[0][0];
    int64_t b = block->pairs[0][1];
    int64_t c = block->pairs[1][0];
    int64_t d = block->pairs[1][1];

    while (x != end) {
        const int32_t value = *x++;

        a += (int64_t)weights[0] * value;
        b += (int64_t)weights[1] * value;
        c += (int64_t)weights[2] * value;
        d += (int64_t)weights[3] * value;
        weights += 4;
    }
    block->pairs[0][0] = a;
    block->pairs[0][1] = b;
    block->pairs[1][0] = c;
    block->pairs[1][1] = d;
    return weights;
}

#endif /* TCN_LONG_BLOCK_H */
