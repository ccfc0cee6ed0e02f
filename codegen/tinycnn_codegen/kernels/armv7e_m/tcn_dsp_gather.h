#ifndef TCN_DSP_GATHER_H
#define TCN_DSP_GATHER_H

#include "tcn_load4.h"
#include "tcn_sxtb16.h"

/* `bytes` bytes of four columns side by side, as pairs (0, 2), (1, 3) of int16 of every four: to[pair][column]. `bytes`
 * is a multiple of 4, and 4 at least. Returns where the next pair goes.
 *
 * The inner loop takes 30 instructions for 32 bytes (8 LDR, 16 SXTB16, 4 STM, 2 for the loop), 0.94 each; the bound is
 * 0.81, without STM's and the loop's. */
#if TCN_HAS_DSP
TCN_ASSEMBLY(36)
static uint32_t *tcn_dsp_gather(TCN_UNUSED uint32_t *to, TCN_UNUSED const int8_t *const *from,
                                TCN_UNUSED int32_t bytes)
{
#define TCN_GATHER_4                    \
    "ldr r6, [r1], #4\n\t"              \
    "ldr r7, [r2], #4\n\t"              \
    "ldr r8, [r3], #4\n\t"              \
    "ldr r9, [r4], #4\n\t"              \
    "sxtb16 r10, r6\n\t"                \
    "sxtb16 r11, r7\n\t"                \
    "sxtb16 r12, r8\n\t"                \
    "sxtb16 lr, r9\n\t"                 \
    "stm r0!, {r10, r11, r12, lr}\n\t"  \
    "sxtb16 r6, r6, ror #8\n\t"         \
    "sxtb16 r7, r7, ror #8\n\t"         \
    "sxtb16 r8, r8, ror #8\n\t"         \
    "sxtb16 r9, r9, ror #8\n\t"         \
    "stm r0!, {r6, r7, r8, r9}\n\t"
    __asm__("push {r4-r11, lr}\n\t"
            "mov r6, r2\n\t"
            "ldm r1, {r1, r2, r3, r4}\n\t"
            "add r5, r1, r6\n\t"
            "tst r6, #4\n\t"
            "bne 2f\n"
            "1:\n\t" TCN_GATHER_4
            "2:\n\t" TCN_GATHER_4
            "cmp r1, r5\n\t"
            "bne 1b\n\t"
            "pop {r4-r11, pc}");
#undef TCN_GATHER_4
}
#else
static uint32_t *tcn_dsp_gather(uint32_t *to, const int8_t *const *from, int32_t bytes)
{
    int32_t i;
    int column;

    for (i = 0; i < bytes; i += 4) {
        for (column = 0; column < 4; column++) {
            const uint32_t word = tcn_load4(from[column] + i);

            to[column] = tcn_sxtb16(word);
            to[column + 4] = tcn_sxtb16_odd(word);
        }
        to += 8;
    }
    return to;
}
#endif

#endif /* TCN_DSP_GATHER_H */
