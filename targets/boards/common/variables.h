/* variables.h - what start-up code does before main(): initialized variables are copied from flash, the others
 * zeroed. */
#ifndef VARIABLES_H
#define VARIABLES_H

#include <stdint.h>

/* Set by link.ld. */
extern uint32_t board_data_load[];
extern uint32_t board_data_begin[];
extern uint32_t board_data_end[];
extern uint32_t board_bss_begin[];
extern uint32_t board_bss_end[];

static inline __attribute__((always_inline)) void set_up_variables(void)
{
    volatile uint32_t *to;
    const volatile uint32_t *from = board_data_load;

    for (to = board_data_begin; to != board_data_end; to++) {
        *to = *from++;
    }
    for (to = board_bss_begin; to != board_bss_end; to++) {
        *to = 0;
    }
}

#endif /* VARIABLES_H */
