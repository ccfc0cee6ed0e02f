#ifndef TCN_DSP_WINOGRAD_COLUMNS_H
#define TCN_DSP_WINOGRAD_COLUMNS_H

#include "tcn_load4.h"
#include "tcn_sxtb16.h"

/* Bring the ten columns under eight outputs into sums and differences, [4][pairs][4]. `channels` is a multiple of 4.
 *
 * Four channels take 109 instructions: for each pair of outputs 8 SXTB16, additions and subtractions, 8 STR, and LDR
 * for two columns. */
#if TCN_HAS_DSP
/* r0 to r3: where the four go, r4: next of `from`, r5: channel, r6 to r12 and lr: four columns, each as two words; sp:
 * channels, end of `from`. */
#define TCN_WINOGRAD_COLUMNS(even0, odd0, even1, odd1) \
    "ldr " even0 ", [r4], #4\n\t"           \
    "ldr " even1 ", [r4], #4\n\t"           \
    "ldr " even0 ", [" even0 ", r5]\n\t"    \
    "ldr " even1 ", [" even1 ", r5]\n\t"    \
    "sxtb16 " odd0 ", " even0 ", ror #8\n\t" \
    "sxtb16 " even0 ", " even0 "\n\t"       \
    "sxtb16 " odd1 ", " even1 ", ror #8\n\t" \
    "sxtb16 " even1 ", " even1 "\n\t"
#define TCN_WINOGRAD_STORE(to, even, odd, step) \
    "str " odd ", [" to ", #16]\n\t"        \
    "str " even ", [" to "], #" step "\n\t"
#define TCN_WINOGRAD_TRANSFORM(even0, odd0, even1, odd1, even2, odd2, even3, odd3, step) \
    TCN_WINOGRAD_COLUMNS(even2, odd2, even3, odd3) \
    "ssub16 " even0 ", " even0 ", " even2 "\n\t" \
    "ssub16 " odd0 ", " odd0 ", " odd2 "\n\t" \
    TCN_WINOGRAD_STORE("r0", even0, odd0, step) \
    "sadd16 " even0 ", " even1 ", " even2 "\n\t" \
    "sadd16 " odd0 ", " odd1 ", " odd2 "\n\t" \
    TCN_WINOGRAD_STORE("r1", even0, odd0, step) \
    "ssub16 " even0 ", " even2 ", " even1 "\n\t" \
    "ssub16 " odd0 ", " odd2 ", " odd1 "\n\t" \
    TCN_WINOGRAD_STORE("r2", even0, odd0, step) \
    "ssub16 " even1 ", " even1 ", " even3 "\n\t" \
    "ssub16 " odd1 ", " odd1 ", " odd3 "\n\t" \
    TCN_WINOGRAD_STORE("r3", even1, odd1, step)
#define TCN_WINOGRAD_EVEN(step) TCN_WINOGRAD_TRANSFORM("r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", step)
#define TCN_WINOGRAD_ODD(step) TCN_WINOGRAD_TRANSFORM("r10", "r11", "r12", "lr", "r6", "r7", "r8", "r9", step)
#ifdef __OPTIMIZE_SIZE__
#define TCN_WINOGRAD_FOUR                   \
    "2:\n\t"                                \
    TCN_WINOGRAD_EVEN("4")                  \
    TCN_WINOGRAD_ODD("4")                   \
    "ldr r10, [sp, #4]\n\t"                 \
    "cmp r4, r10\n\t"                       \
    "bne 2b\n\t"                            \
    "add r0, #16\n\t"                       \
    "add r1, #16\n\t"                       \
    "add r2, #16\n\t"                       \
    "add r3, #16\n\t"
#else
#define TCN_WINOGRAD_FOUR                   \
    TCN_WINOGRAD_EVEN("4")                  \
    TCN_WINOGRAD_ODD("4")                   \
    TCN_WINOGRAD_EVEN("4")                  \
    TCN_WINOGRAD_ODD("20")
#endif

TCN_ASSEMBLY(44)
static void tcn_dsp_winograd_columns(TCN_UNUSED uint32_t *to, TCN_UNUSED const int8_t *const *from,
                                     TCN_UNUSED int32_t channels)
{
    __asm__("add r3, r1, #40\n\t"
            "push {r2-r11, lr}\n\t"
            "lsl r3, r2, #3\n\t"
            "mov r4, r1\n\t"
            "add r1, r0, r3\n\t"
            "add r2, r1, r3\n\t"
            "add r3, r2, r3\n\t"
            "mov r5, #0\n"
            "1:\n\t"
            TCN_WINOGRAD_COLUMNS("r6", "r7", "r8", "r9")
            TCN_WINOGRAD_FOUR
            "ldr r6, [sp]\n\t"
            "sub r4, #40\n\t"
            "add r5, #4\n\t"
            "cmp r5, r6\n\t"
            "bne 1b\n\t"
            "pop {r2-r11, pc}");
}
#else
/* a + b and a - b of both halves. */
static uint32_t tcn_add_halves(uint32_t a, uint32_t b)
{
    return ((a + b) & 0xFFFFu) | ((a >> 16) + (b >> 16)) << 16;
}

static uint32_t tcn_subtract_halves(uint32_t a, uint32_t b)
{
    return ((a - b) & 0xFFFFu) | ((a >> 16) - (b >> 16)) << 16;
}

static void tcn_dsp_winograd_columns(uint32_t *to, const int8_t *const *from, int32_t channels)
{
    const int32_t m = 2 * channels; /* words of one of the four */
    int32_t c;
    int i;

    for (c = 0; c < channels; c += 4) {
        for (i = 0; i < 8; i += 2) {
            uint32_t even[4];
            uint32_t odd[4];
            int column;

            for (column = 0; column < 4; column++) {
                const uint32_t word = tcn_load4(from[i + column] + c);

                even[column] = tcn_sxtb16(word);
                odd[column] = tcn_sxtb16_odd(word);
            }
            to[0] = tcn_subtract_halves(even[0], even[2]);
            to[4] = tcn_subtract_halves(odd[0], odd[2]);
            to[m] = tcn_add_halves(even[1], even[2]);
            to[m + 4] = tcn_add_halves(odd[1], odd[2]);
            to[2 * m] = tcn_subtract_halves(even[2], even[1]);
            to[2 * m + 4] = tcn_subtract_halves(odd[2], odd[1]);
            to[3 * m] = tcn_subtract_halves(even[1], even[3]);
            to[3 * m + 4] = tcn_subtract_halves(odd[1], odd[3]);
            to++;
        }
        to += 4;
    }
}
#endif

#endif /* TCN_DSP_WINOGRAD_COLUMNS_H */
