#ifndef TCN_LONG_H
#define TCN_LONG_H

/* ARMv7-M without the DSP extension. Each function below that uses its instructions has the same in C beside it, to
 * which TCN_PORTABLE switches.
 *
 * TCN_ASSEMBLY(stack) marks functions that are assembly from their first to their last instruction. They keep to the
 * calling convention by themselves, so that no option of the compiler changes them, and take `stack` bytes of stack. */
#if defined(__thumb2__) && !defined(__ARM_BIG_ENDIAN) && defined(__GNUC__) && !defined(TCN_PORTABLE)
#define TCN_HAS_LONG 1
#if defined(__clang__)
#define TCN_ASSEMBLY(stack) __attribute__((naked, noinline, unused))
#else
#define TCN_ASSEMBLY(stack) __attribute__((naked, noipa, unused))
#endif
#define TCN_UNUSED __attribute__((unused))
#else
#define TCN_HAS_LONG 0
#endif

#endif /* TCN_LONG_H */
