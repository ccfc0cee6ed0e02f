/* startup.c - from reset to main() on QEMU's Xtensa boards lx60 and kc705 without MMU, for processors with the call0
 * ABI.
 *
 * QEMU starts at the entry of the ELF file, in the first bytes of the board's memory, which stand for flash here. /
 */
#include "port.h"
#include "variables.h"

int main(void);
void board_reset(void);
void board_start(void);
void board_fault(void);

/* The vectors of an LX106 begin at VECBASE: exceptions of the kernel at 0x30, of the user at 0x50, during another one
 * at 0x70 (ESP8266 SDK, eagle.app.v6.common.ld and its exception vectors). CALLX0 reaches everything; MOVI of an
 * address is a load of a literal, which lies before the instruction. */
__asm__(
    "    .section .vectors, \"ax\"\n"
    "    .align 256\n"
    "board_vectors:\n"
    "    j board_reset\n"
    "    .align 4\n"
    "    .literal_position\n"
    "    .org board_vectors + 0x30\n"
    "    j board_vectors_fault\n"
    "    .org board_vectors + 0x50\n"
    "    j board_vectors_fault\n"
    "    .org board_vectors + 0x70\n"
    "board_vectors_fault:\n"
    "    movi a1, board_stack_top\n"
    "    movi a0, board_fault\n"
    "    callx0 a0\n"
    "    .global board_reset\n"
    "board_reset:\n"
    "    movi a0, board_vectors\n"
    "    wsr a0, vecbase\n"
    "    movi a1, board_stack_top\n"
    "    movi a0, board_start\n"
    "    callx0 a0\n"
    "    .text\n");

void board_start(void)
{
    set_up_variables();
    port_exit(main());
}

void board_fault(void)
{
    port_exit(PORT_STATUS_FAULT);
}
