/* port_semihosting.c - port.h on a Cortex-M or RISC-V, with the files of the machine that runs the emulator
 * or debugger.
 *
 * Operation numbers, parameter blocks and results: "Semihosting for AArch32 and AArch64", Arm, section
 * "Semihosting operations". On M-profile processors the call is BKPT 0xAB with the operation in r0 and its
 * block's address in r1. RISC-V has the same operations with registers a0 and a1 ("RISC-V Semihosting",
 * RISC-V International); its call is EBREAK between two instructions that do nothing, all uncompressed.
 */
#include "port.h"

enum {
    OPERATION_OPEN = 0x01,
    OPERATION_WRITE = 0x05,
    OPERATION_READ = 0x06,
    OPERATION_EXIT_EXTENDED = 0x20
};

enum { MODE_READ_BINARY = 1, MODE_WRITE_BINARY = 5 };

#define STOPPED_APPLICATION_EXIT 0x20026u
#define PAINT 0x5AFEC0DEu

/* Where the linker script lets the stack end; its first word stays unused while the stack is large enough. */
extern uint32_t board_stack_limit[];

static uint32_t inputs;
static uint32_t results;

#if defined(__riscv)

static __attribute__((noinline)) uint32_t call_debugger(uint32_t operation, const uint32_t *block)
{
    register uint32_t a0 __asm__("a0") = operation;
    register const uint32_t *a1 __asm__("a1") = block;

    /* Aligned, since the three may not lie on two pages. */
    __asm__ volatile (
        ".option push\n\t.option norvc\n\t.balign 16\n\t"
        "slli x0, x0, 0x1f\n\tebreak\n\tsrai x0, x0, 7\n\t.option pop"
        : "+r" (a0) : "r" (a1) : "memory");
    return a0;
}

#define READ_STACK_POINTER "mv %0, sp"

#else

static uint32_t call_debugger(uint32_t operation, const uint32_t *block)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const uint32_t *r1 __asm__("r1") = block;

    __asm__ volatile ("bkpt 0xAB" : "+r" (r0) : "r" (r1) : "memory");
    return r0;
}

#define READ_STACK_POINTER "mov %0, sp"

#endif

static uint32_t open_file(const char *name, uint32_t mode)
{
    uint32_t length = 0;
    uint32_t block[3];
    uint32_t handle;

    while (name[length] != '\0') {
        length++;
    }
    block[0] = (uint32_t)name;
    block[1] = mode;
    block[2] = length;
    handle = call_debugger(OPERATION_OPEN, block);
    if (handle == 0xFFFFFFFFu) {
        port_exit(PORT_STATUS_FILE);
    }
    return handle;
}

/* Reading and writing take the same block and both return the number of bytes that were left undone. */
static void transfer(uint32_t operation, uint32_t handle, const void *address, uint32_t bytes)
{
    const uint32_t block[3] = {handle, (uint32_t)address, bytes};

    if (bytes != 0 && call_debugger(operation, block) != 0) {
        port_exit(PORT_STATUS_FILE);
    }
}

void port_open(void)
{
    inputs = open_file("inputs.bin", MODE_READ_BINARY);
    results = open_file("results.bin", MODE_WRITE_BINARY);
}

void port_read(void *to, uint32_t bytes)
{
    transfer(OPERATION_READ, inputs, to, bytes);
}

void port_write(const void *from, uint32_t bytes)
{
    transfer(OPERATION_WRITE, results, from, bytes);
}

void port_exit(int status)
{
    const uint32_t block[2] = {STOPPED_APPLICATION_EXIT, (uint32_t)status};

    (void)call_debugger(OPERATION_EXIT_EXTENDED, block);
    for (;;) {
    }
}

/* Paints the free stack, calls the network, and looks for the lowest word that lost its paint. Painting
 * happens here and not in a function of its own, whose frame would hide the first words below; the stack
 * pointer stays where it is between entry and return, and no interrupt is enabled that could use the free
 * stack. */
uint32_t port_run(harness_network_arena_t *arena)
{
    volatile uint32_t *const limit = board_stack_limit;
    volatile uint32_t *word;
    uint32_t stack_pointer;

    __asm__ volatile (READ_STACK_POINTER : "=r" (stack_pointer));
    for (word = limit; (uint32_t)word < stack_pointer; word++) {
        *word = PAINT;
    }
    harness_network_run(arena);
    if (*limit != PAINT) {
        port_exit(PORT_STATUS_STACK);
    }
    word = limit;
    while ((uint32_t)word < stack_pointer && *word == PAINT) {
        word++;
    }
    return stack_pointer - (uint32_t)word;
}
