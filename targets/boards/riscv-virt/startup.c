/* startup.c - from reset to main() on QEMU's RISC-V board "virt", in machine mode.
 *
 * Without firmware (-bios none) the board starts at the first address of its memory, which stands for flash here.
 */
#include "port.h"
#include "variables.h"

int main(void);
void board_reset(void);
void board_start(void);
void board_fault(void);

/* The first instructions: a stack, and mtvec (control and status register 0x305) for every exception. The write
 * is spelt as an encoding because assemblers disagree on the name of the extension that it belongs to. */
__attribute__((naked, section(".vectors"), used)) void board_reset(void)
{
    __asm__ volatile (
        "la sp, board_stack_top\n\t"
        "la t0, board_fault\n\t"
        ".insn i 0x73, 1, x0, t0, 0x305\n\t"
        "j board_start");
}

void board_start(void)
{
    set_up_variables();
    (void)main();
}

__attribute__((aligned(4))) void board_fault(void)
{
    port_exit(PORT_STATUS_FAULT);
}
