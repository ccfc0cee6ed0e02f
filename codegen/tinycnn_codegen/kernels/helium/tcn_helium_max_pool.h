#ifndef TCN_HELIUM_MAX_POOL_H
#define TCN_HELIUM_MAX_POOL_H

#include "tcn_flash.h"
#include "tcn_helium_copy.h"
#include "tcn_kernel.h"

/* The largest element under the window; stride, pad and dilation are along the row. */
typedef struct {
    int32_t input_width;
    int32_t output_width;
    int32_t channels;
    int32_t kernel_height;
    int32_t kernel_width;
    int32_t stride;
    int32_t pad;
    int32_t dilation;
    int32_t padded_width; /* of the columns under all windows of a row */
} tcn_helium_max_pool_t;

/* The larger ones of two times `bytes`. Five instructions for 16. */
static inline void tcn_helium_larger(int8_t *to, const int8_t *a, const int8_t *b, int32_t bytes)
{
#if TCN_HAS_HELIUM
    __asm__ volatile("wlstp.8 lr, %3, 2f\n"
                     "1:\n\t"
                     "vldrb.u8 q0, [%1], #16\n\t"
                     "vldrb.u8 q1, [%2], #16\n\t"
                     "vmax.s8 q0, q0, q1\n\t"
                     "vstrb.8 q0, [%0], #16\n\t"
                     "letp lr, 1b\n"
                     "2:"
                     : "+r"(to), "+r"(a), "+r"(b)
                     : "r"(bytes)
                     : "q0", "q1", "lr", "cc", "memory");
#else
    for (; bytes > 0; bytes--) {
        *to++ = *a > *b ? *a : *b;
        a++;
        b++;
    }
#endif
}

/* The same of `bytes`, but no more than 16, `count` >= 1 times, each as many bytes behind the one before as its step
 * says. Nine instructions. */
static inline void tcn_helium_larger_each(int8_t *to, int32_t to_step, const int8_t *a, int32_t a_step,
                                          const int8_t *b, int32_t b_step, int32_t bytes, int32_t count)
{
#if TCN_HAS_HELIUM
    /* `bytes` comes from memory: -O0 has no register for an eighth operand. */
    __asm__ volatile("ldr lr, %6\n\t"
                     "vctp.8 lr\n\t"
                     "dls lr, %7\n"
                     "1:\n\t"
                     "vpstttt\n\t"
                     "vldrbt.u8 q0, [%1]\n\t"
                     "vldrbt.u8 q1, [%2]\n\t"
                     "vmaxt.s8 q0, q0, q1\n\t"
                     "vstrbt.8 q0, [%0]\n\t"
                     "add %1, %4\n\t"
                     "add %2, %5\n\t"
                     "add %0, %3\n\t"
                     "le lr, 1b"
                     : "+r"(to), "+r"(a), "+r"(b)
                     : "r"(to_step), "r"(a_step), "r"(b_step), "m"(bytes), "r"(count)
                     : "q0", "q1", "lr", "cc", "memory");
#else
    for (; count > 0; count--) {
        tcn_helium_larger(to, a, b, bytes < 16 ? bytes : 16);
        to += to_step;
        a += a_step;
        b += b_step;
    }
#endif
}

/* One row of the output; rows[r] is the input under row r of the window, or a row of -128, which never wins. First the
 * largest of each column, in `scratch` with the padding beside it, then, from column to column, of each window. */
TCN_KERNEL static void tcn_helium_max_pool_row(const TCN_FLASH tcn_helium_max_pool_t *layer,
                                               const int8_t *const *rows, int8_t *scratch, int8_t *output)
{
    const int32_t channels = layer->channels;
    const int32_t before = layer->pad * channels;
    const int32_t bytes = layer->padded_width * channels;
    const int32_t room = bytes - before;
    const int32_t there = layer->input_width * channels;
    const int32_t inside = there < room ? there : room;
    const int32_t step = layer->stride * channels;
    int32_t r;
    int32_t c;
    int32_t tap;

    tcn_helium_fill(scratch, before, -128);
    tcn_helium_larger(scratch + before, rows[0], rows[layer->kernel_height - 1], inside);
    for (r = 1; r + 1 < layer->kernel_height; r++) {
        tcn_helium_larger(scratch + before, scratch + before, rows[r], inside);
    }
    tcn_helium_fill(scratch + before + inside, room - inside, -128);
    for (c = 0; c < channels; c += 16) {
        const int8_t *largest = scratch + c;
        int32_t largest_step = step;

        for (tap = layer->kernel_width > 1 ? 1 : 0; tap < layer->kernel_width; tap++) {
            tcn_helium_larger_each(output + c, channels, largest, largest_step,
                                   scratch + tap * layer->dilation * channels + c, step, channels - c,
                                   layer->output_width);
            largest = output + c;
            largest_step = channels;
        }
    }
}

#endif /* TCN_HELIUM_MAX_POOL_H */
