/* startup.c - from the first instruction to main() on a 32-bit Linux without a C library.
 *
 * Linux has copied and zeroed all variables; its stack is not the one that link.ld counts.
 */
#include "port.h"

int main(void);
void board_reset(void);
void board_start(void);

#if defined(__i386__)

__asm__(
    ".globl board_reset\n"
    "board_reset:\n"
    "    movl $board_stack_top, %esp\n"
    "    call board_start\n");

#elif defined(__powerpc__)

__asm__(
    ".globl board_reset\n"
    "board_reset:\n"
    "    lis 1, board_stack_top@ha\n"
    "    addi 1, 1, board_stack_top@l\n"
    "    li 0, 0\n"
    "    stwu 0, -16(1)\n"
    "    bl board_start\n");

#else
#error "startup.c knows no stack of this processor"
#endif

void board_start(void)
{
    port_exit(main());
}
