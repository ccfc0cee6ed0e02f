#ifndef TCN_DSP_H
#define TCN_DSP_H

#include <stdint.h>

/* Instructions of the DSP extension (Cortex-M4, M7, M33), and the same in C, to which TCN_PORTABLE switches. The
 * assembly needs nearly all registers, so without optimization C is used as well; compile without a frame pointer
 * (-fomit-frame-pointer, which optimization implies), or gcc says that constraints are impossible. */
#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && defined(__OPTIMIZE__) && !defined(TCN_PORTABLE)
#define TCN_HAS_DSP 1
#else
#define TCN_HAS_DSP 0
#endif

/* The lower and the upper half of a word as signed numbers. */
static inline int32_t tcn_low_half(uint32_t word)
{
    return (int32_t)(((word & 0xFFFFu) ^ 0x8000u)) - 0x8000;
}

static inline int32_t tcn_high_half(uint32_t word)
{
    return tcn_low_half(word >> 16);
}

/* Four int8 that follow each other, the first one lowest. */
static inline uint32_t tcn_load4(const int8_t *from)
{
#if TCN_HAS_DSP
    uint32_t word;

    __builtin_memcpy(&word, from, 4);
    return word;
#else
    return (uint32_t)(uint8_t)from[0] | (uint32_t)(uint8_t)from[1] << 8 | (uint32_t)(uint8_t)from[2] << 16 |
           (uint32_t)(uint8_t)from[3] << 24;
#endif
}

/* The bytes 0 and 2 of a word as two signed halves. */
static inline uint32_t tcn_sxtb16(uint32_t word)
{
#if TCN_HAS_DSP
    uint32_t halves;

    __asm__("sxtb16 %0, %1" : "=r"(halves) : "r"(word));
    return halves;
#else
    const uint32_t low = ((word & 0xFFu) ^ 0x80u) - 0x80u;
    const uint32_t high = ((word >> 16 & 0xFFu) ^ 0x80u) - 0x80u;

    return (low & 0xFFFFu) | high << 16;
#endif
}

/* The bytes 1 and 3 of a word as two signed halves. */
static inline uint32_t tcn_sxtb16_odd(uint32_t word)
{
#if TCN_HAS_DSP
    uint32_t halves;

    __asm__("sxtb16 %0, %1, ror #8" : "=r"(halves) : "r"(word));
    return halves;
#else
    return tcn_sxtb16(word >> 8);
#endif
}

/* sum + the two products of halves, modulo 2^32. */
static inline uint32_t tcn_smlad(uint32_t a, uint32_t b, uint32_t sum)
{
#if TCN_HAS_DSP
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    return sum + (uint32_t)(tcn_low_half(a) * tcn_low_half(b)) + (uint32_t)(tcn_high_half(a) * tcn_high_half(b));
#endif
}

/* The lower halves of a and b as one word, then the upper ones. */
static inline uint32_t tcn_low_halves(uint32_t a, uint32_t b)
{
#if TCN_HAS_DSP
    uint32_t word;

    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(word) : "r"(a), "r"(b));
    return word;
#else
    return (a & 0xFFFFu) | b << 16;
#endif
}

static inline uint32_t tcn_high_halves(uint32_t a, uint32_t b)
{
#if TCN_HAS_DSP
    uint32_t word;

    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(word) : "r"(b), "r"(a));
    return word;
#else
    return a >> 16 | (b & 0xFFFF0000u);
#endif
}

/* ((sum * multiplier + 2^31) >> 32) + zero_point, saturated to int8: SMMLAR and SSAT. That this is the rescale of
 * float32 for every sum that can occur was proved when the network was generated. */
static inline int8_t tcn_rescale_high(int32_t sum, int32_t multiplier, int32_t zero_point)
{
    int32_t y;

#if TCN_HAS_DSP
    __asm__("smmlar %0, %1, %2, %3\n\tssat %0, #8, %0" : "=&r"(y) : "r"(sum), "r"(multiplier), "r"(zero_point));
    return (int8_t)y;
#else
    y = (int32_t)(((int64_t)sum * multiplier + INT64_C(0x80000000)) >> 32) + zero_point;
    return (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
#endif
}

/* A word as a signed number, modulo 2^32. */
static inline int32_t tcn_signed(uint32_t word)
{
#if TCN_HAS_DSP
    return (int32_t)word;
#else
    return word < UINT32_C(0x80000000) ? (int32_t)word : -(int32_t)(UINT32_C(0xFFFFFFFF) - word) - 1;
#endif
}

#endif /* TCN_DSP_H */
