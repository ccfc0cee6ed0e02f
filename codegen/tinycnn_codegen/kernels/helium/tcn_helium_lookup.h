#ifndef TCN_HELIUM_LOOKUP_H
#define TCN_HELIUM_LOOKUP_H

#include "tcn_flash.h"
#include "tcn_helium.h"

/* Any function of one element, as a table of its 256 results. */
typedef struct {
    int32_t bytes;                 /* of a row */
    const TCN_FLASH int8_t *table; /* [256]: the results for -128 .. 127 */
} tcn_helium_lookup_t;

/* `bytes` of them. Five instructions for 16, but VLDRB from 16 addresses takes as many accesses. */
static inline void tcn_helium_look_up(int8_t *to, const int8_t *from, int32_t bytes, const TCN_FLASH int8_t *table)
{
#if TCN_HAS_HELIUM
    __asm__ volatile("vmov.i8 q2, #128\n\t"
                     "wlstp.8 lr, %2, 2f\n"
                     "1:\n\t"
                     "vldrb.u8 q0, [%1], #16\n\t"
                     "veor q0, q0, q2\n\t"
                     "vldrb.u8 q1, [%3, q0]\n\t"
                     "vstrb.8 q1, [%0], #16\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : "+r"(to), "+r"(from)
                     : "r"(bytes), "r"(table)
                     : "q0", "q1", "q2", "lr", "cc", "memory");
#else
    for (; bytes > 0; bytes--) {
        *to++ = table[*from++ + 128];
    }
#endif
}

static void tcn_helium_lookup_row(const TCN_FLASH tcn_helium_lookup_t *layer, const int8_t *input, int8_t *output)
{
    tcn_helium_look_up(output, input, layer->bytes, layer->table);
}

#endif /* TCN_HELIUM_LOOKUP_H */
