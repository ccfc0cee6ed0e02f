#ifndef TCN_HELIUM_COPY_H
#define TCN_HELIUM_COPY_H

#include "tcn_helium.h"

/* `bytes` of them. Three instructions for 16. */
static inline void tcn_helium_copy(int8_t *to, const int8_t *from, int32_t bytes)
{
#if TCN_HAS_HELIUM
    __asm__ volatile("wlstp.8 lr, %2, 2f\n"
                     "1:\n\t"
                     "vldrb.u8 q0, [%1], #16\n\t"
                     "vstrb.8 q0, [%0], #16\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : "+r"(to), "+r"(from)
                     : "r"(bytes)
                     : "q0", "lr", "cc", "memory");
#else
    for (; bytes > 0; bytes--) {
        *to++ = *from++;
    }
#endif
}

/* `bytes` of them, but no more than 16, `count` >= 1 times, each `from_step` and `to_step` bytes behind the last. */
static inline void tcn_helium_copy_each(int8_t *to, int32_t to_step, const int8_t *from, int32_t from_step,
                                        int32_t bytes, int32_t count)
{
#if TCN_HAS_HELIUM
    __asm__ volatile("vctp.8 %4\n\t"
                     "dls lr, %5\n"
                     "1:\n\t"
                     "vpstt\n\t"
                     "vldrbt.u8 q0, [%1]\n\t"
                     "vstrbt.8 q0, [%0]\n\t"
                     "add %1, %3\n\t"
                     "add %0, %2\n\t"
                     "le lr, 1b"
                     : "+r"(to), "+r"(from)
                     : "r"(to_step), "r"(from_step), "r"(bytes), "r"(count)
                     : "q0", "lr", "cc", "memory");
#else
    for (; count > 0; count--) {
        tcn_helium_copy(to, from, bytes < 16 ? bytes : 16);
        to += to_step;
        from += from_step;
    }
#endif
}

/* `bytes` times `value`. */
static inline void tcn_helium_fill(int8_t *to, int32_t bytes, int32_t value)
{
#if TCN_HAS_HELIUM
    __asm__ volatile("vdup.8 q0, %2\n\t"
                     "wlstp.8 lr, %1, 2f\n"
                     "1:\n\t"
                     "vstrb.8 q0, [%0], #16\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : "+r"(to)
                     : "r"(bytes), "r"(value)
                     : "q0", "lr", "cc", "memory");
#else
    for (; bytes > 0; bytes--) {
        *to++ = (int8_t)value;
    }
#endif
}

#endif /* TCN_HELIUM_COPY_H */
