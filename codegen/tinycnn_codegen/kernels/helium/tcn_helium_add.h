#ifndef TCN_HELIUM_ADD_H
#define TCN_HELIUM_ADD_H

#include "tcn_flash.h"
#include "tcn_helium.h"

/* Two tensors added: ((a * a_multiplier + b * b_multiplier + addend) >> shift), saturated to int8. All zero points
 * and the rounding are in the addend. When the network was generated it was tried with all 65,536 pairs, and checked
 * that no sum overflows. Four elements take ten instructions. */
typedef struct {
    int32_t bytes; /* of a row */
    int32_t a_multiplier;
    int32_t b_multiplier;
    int32_t addend;
    int32_t shift;
} tcn_helium_add_t;

static void tcn_helium_add_row(const TCN_FLASH tcn_helium_add_t *layer, const int8_t *a, const int8_t *b,
                               int8_t *output)
{
#if TCN_HAS_HELIUM
    int32_t bytes = layer->bytes;

    __asm__ volatile("vdup.32 q3, %7\n\t"
                     "wlstp.32 lr, %3, 2f\n"
                     "1:\n\t"
                     "vldrb.s32 q0, [%0], #4\n\t"
                     "vldrb.s32 q1, [%1], #4\n\t"
                     "vmov q2, q3\n\t"
                     "vmla.s32 q2, q0, %4\n\t"
                     "vmla.s32 q2, q1, %5\n\t"
                     "vshl.s32 q2, %6\n\t"
                     "vqmovnb.s32 q2, q2\n\t"
                     "vqmovnb.s16 q2, q2\n\t"
                     "vstrb.32 q2, [%2], #4\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : "+l"(a), "+l"(b), "+l"(output), "+r"(bytes)
                     : "r"(layer->a_multiplier), "r"(layer->b_multiplier), "r"(-layer->shift), "r"(layer->addend)
                     : "q0", "q1", "q2", "q3", "lr", "cc", "memory");
#else
    int32_t i;

    for (i = 0; i < layer->bytes; i++) {
        const int32_t y = (a[i] * layer->a_multiplier + b[i] * layer->b_multiplier + layer->addend) >> layer->shift;

        output[i] = (int8_t)(y < -128 ? -128 : y > 127 ? 127 : y);
    }
#endif
}

#endif /* TCN_HELIUM_ADD_H */
