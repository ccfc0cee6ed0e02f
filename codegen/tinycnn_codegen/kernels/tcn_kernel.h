#ifndef TCN_KERNEL_H
#define TCN_KERNEL_H

/* TCN_KERNEL: what layers share is called; compilers would else copy it into each of them at -O3, and add up the stack
 * of all. TCN_RARE: kept out of the loops that rarely need it. */
#if defined(__clang__)
#define TCN_KERNEL __attribute__((noinline))
#define TCN_RARE __attribute__((noinline))
#elif defined(__GNUC__)
#define TCN_KERNEL __attribute__((noinline, noclone))
#define TCN_RARE __attribute__((noinline))
#else
#define TCN_KERNEL
#define TCN_RARE
#endif

#endif /* TCN_KERNEL_H */
