#ifndef TCN_DSP_H
#define TCN_DSP_H

#include <stdint.h>

/* The DSP extension (Cortex-M4, M7, M33). Each function below that uses its instructions has the same in C beside it,
 * to which TCN_PORTABLE switches.
 *
 * TCN_ASSEMBLY(stack) marks functions that are assembly from their first to their last instruction. They keep to the
 * calling convention by themselves, so that no option of the compiler changes them, and take `stack` bytes of stack.
 *
 * TCN_SELDOM marks what stands in for assembly where a channel has no multiplier: beside it small, alone fast. */
#if defined(__ARM_FEATURE_DSP) && !defined(__ARM_BIG_ENDIAN) && defined(__GNUC__) && !defined(TCN_PORTABLE)
#define TCN_HAS_DSP 1
#if defined(__clang__)
#define TCN_ASSEMBLY(stack) __attribute__((naked, noinline, unused))
#else
#define TCN_ASSEMBLY(stack) __attribute__((naked, noipa, unused))
#endif
#define TCN_UNUSED __attribute__((unused))
#define TCN_SELDOM __attribute__((cold, noinline))
#else
#define TCN_HAS_DSP 0
#define TCN_UNUSED
#define TCN_SELDOM TCN_KERNEL
#endif

#endif /* TCN_DSP_H */
