#ifndef TCN_DSP_PLANAR_FILL_H
#define TCN_DSP_PLANAR_FILL_H

#include <stdint.h>

#include "tcn_dsp.h"

/* `count` times `value`, a multiple of 16; 11 instructions and 13 cycles for 16. */
#if TCN_HAS_DSP
TCN_ASSEMBLY(24)
static void tcn_dsp_planar_fill(TCN_UNUSED int16_t *to, TCN_UNUSED int32_t value, TCN_UNUSED int32_t count)
{
    __asm__("push {r4-r8, lr}\n\t"
            "pkhbt r1, r1, r1, lsl #16\n\t"
            "mov r3, r1\n\t"
            "mov r4, r1\n\t"
            "mov r5, r1\n\t"
            "mov r6, r1\n\t"
            "mov r7, r1\n\t"
            "mov r8, r1\n\t"
            "mov r12, r1\n"
            "1:\n\t"
            "stm r0!, {r1, r3, r4, r5, r6, r7, r8, r12}\n\t"
            "subs r2, #16\n\t"
            "bne 1b\n\t"
            "pop {r4-r8, pc}");
}
#else
static void tcn_dsp_planar_fill(int16_t *to, int32_t value, int32_t count)
{
    for (; count > 0; count--) {
        *to++ = (int16_t)value;
    }
}
#endif

#endif /* TCN_DSP_PLANAR_FILL_H */
