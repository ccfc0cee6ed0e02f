/* startup.c - from reset to main() on the Cortex-M processor. */
#include <stdint.h>

#include "port.h"
#include "variables.h"

#define COPROCESSOR_ACCESS_CONTROL (*(volatile uint32_t *)0xE000ED88u) /* CPACR, Armv7-M ARM, B3.2.20 */
#define FULL_ACCESS_TO_FPU (0xFu << 20)

/* Set by link.ld. */
extern uint32_t board_stack_top[];

int main(void);
void board_reset(void);
void board_fault(void);

struct vector_table {
    uint32_t *stack_top;
    void (*handlers[15])(void);
};

/* Every exception but reset is an error: no interrupt is enabled. */
extern const struct vector_table board_vectors;
__attribute__((section(".vectors"), used)) const struct vector_table board_vectors = {
    board_stack_top,
    {board_reset, board_fault, board_fault, board_fault, board_fault, board_fault, board_fault, board_fault,
     board_fault, board_fault, board_fault, board_fault, board_fault, board_fault, board_fault}};

void board_reset(void)
{
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    COPROCESSOR_ACCESS_CONTROL |= FULL_ACCESS_TO_FPU;
    __asm__ volatile ("dsb\n\tisb" : : : "memory");
#endif
    set_up_variables();
    (void)main();
}

void board_fault(void)
{
    port_exit(PORT_STATUS_FAULT);
}
