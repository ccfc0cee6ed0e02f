#ifndef TCN_DSP_ADD_H
#define TCN_DSP_ADD_H

#include "tcn_dsp.h"
#include "tcn_flash.h"

/* C99 leaves the right shift of a negative number to the compiler; this does not compile where it is not arithmetic. */
typedef char tcn_dsp_add_needs_arithmetic_shift[(INT32_C(-3) >> 1) == -2 ? 1 : -1];

/* Two tensors added: ((a * a_multiplier + b * b_multiplier + addend) >> shift), saturated to int8. All zero points
 * and the rounding are in the addend. When the network was generated it was tried with all 65,536 pairs, and checked
 * that no sum overflows. */
typedef struct {
    int32_t bytes; /* of a row, a multiple of 4 */
    int32_t a_multiplier;
    int32_t b_multiplier;
    int32_t addend;
    int32_t shift;
} tcn_dsp_add_t;

/* The inner loop takes 30 instructions for 4 outputs (8 LDRSB, 8 MLA, 4 ASR, 4 SSAT, 4 STRB), 7.5 each. */
#if TCN_HAS_DSP
TCN_ASSEMBLY(36)
static void tcn_dsp_add_row(TCN_UNUSED const tcn_dsp_add_t *layer, TCN_UNUSED const int8_t *a,
                            TCN_UNUSED const int8_t *b, TCN_UNUSED int8_t *output)
{
    __asm__("push {r4-r11, lr}\n\t"
            "ldm r0, {r4-r8}\n\t"
            "add r4, r1\n"
            "1:\n\t"
            ".rept 4\n\t"
            "ldrsb r9, [r1], #1\n\t"
            "ldrsb r10, [r2], #1\n\t"
            "mla r9, r9, r5, r7\n\t"
            "mla r9, r10, r6, r9\n\t"
            "asr r9, r9, r8\n\t"
            "ssat r9, #8, r9\n\t"
            "strb r9, [r3], #1\n\t"
            ".endr\n\t"
            "cmp r1, r4\n\t"
            "bne 1b\n\t"
            "pop {r4-r11, pc}");
}
#else
static void tcn_dsp_add_row(const TCN_FLASH tcn_dsp_add_t *layer, const int8_t *a, const int8_t *b, int8_t *output)
{
    int32_t i;

    for (i = 0; i < layer->bytes; i++) {
        const int32_t y = (a[i] * layer->a_multiplier + b[i] * layer->b_multiplier + layer->addend) >> layer->shift;

        output[i] = (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
    }
}
#endif

#endif /* TCN_DSP_ADD_H */
