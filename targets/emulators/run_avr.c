/* run_avr.c - runs an image on simavr, with files in place of a serial line, and counts.
 *
 *   run_avr [MARKS COUNTS CYCLES] MCU IMAGE
 *
 * targets/boards/avr/port_avr.c says what the I/O registers mean. With the three files, instructions and clock cycles
 * of every step are counted, as count_instructions.c does: MARKS has its format, COUNTS and CYCLES get a line of
 * decimal numbers for each inference. simavr is exact to the cycle for the instructions of the megaAVR family.
 */
#include <inttypes.h>
#include <simavr/avr_ioport.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <simavr/sim_io.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Addresses in data space, the same in all megaAVR that have these registers (datasheets, register summary). */
enum { GPIOR0 = 0x3E, GPIOR1 = 0x4A, GPIOR2 = 0x4B };

enum { STATUS_FAULT = 2, STATUS_FILE = 3 };

#define FLASH_BYTES_MAXIMUM 262144u

static FILE *inputs;
static FILE *results;
static int ended;
static int status;
static uint32_t counter_at[FLASH_BYTES_MAXIMUM]; /* the counter to switch to at an address, plus 1 */
static uint32_t outside;
static uint64_t *counts;
static uint64_t *cycles;

static void end(int with_status)
{
    if (!ended) {
        ended = 1;
        status = with_status;
    }
}

static FILE *open_file(const char *name, const char *mode)
{
    FILE *file = fopen(name, mode);

    if (file == NULL) {
        fprintf(stderr, "run_avr: cannot open %s\n", name);
        exit(STATUS_FILE);
    }
    return file;
}

static uint8_t on_input(struct avr_t *avr, avr_io_addr_t address, void *data)
{
    const int byte = fgetc(inputs);

    (void)avr;
    (void)address;
    (void)data;
    if (byte == EOF) {
        end(STATUS_FILE);
    }
    return (uint8_t)byte;
}

static void on_result(struct avr_t *avr, avr_io_addr_t address, uint8_t value, void *data)
{
    (void)avr;
    (void)address;
    (void)data;
    if (fputc(value, results) == EOF) {
        end(STATUS_FILE);
    }
}

static void on_exit_status(struct avr_t *avr, avr_io_addr_t address, uint8_t value, void *data)
{
    (void)avr;
    (void)address;
    (void)data;
    end(value);
}

static void read_marks(const char *name)
{
    FILE *file = open_file(name, "r");
    uint32_t address;
    uint32_t counter;

    if (fscanf(file, "%" SCNu32, &outside) != 1 || outside > FLASH_BYTES_MAXIMUM) {
        exit(STATUS_FILE);
    }
    while (fscanf(file, "%" SCNx32 " %" SCNu32, &address, &counter) == 2) {
        if (address >= FLASH_BYTES_MAXIMUM || counter > outside) {
            exit(STATUS_FILE);
        }
        counter_at[address] = counter + 1;
    }
    fclose(file);
    counts = calloc(outside + 1, sizeof *counts);
    cycles = calloc(outside + 1, sizeof *cycles);
    if (counts == NULL || cycles == NULL) {
        exit(STATUS_FILE);
    }
}

static void write_line(FILE *file, uint64_t *numbers)
{
    uint32_t i;

    for (i = 0; i < outside; i++) {
        fprintf(file, "%" PRIu64 "%c", numbers[i], i + 1 < outside ? ' ' : '\n');
        numbers[i] = 0;
    }
}

static void run(struct avr_t *avr, FILE *counts_file, FILE *cycles_file)
{
    uint32_t current = outside;

    while (!ended) {
        const avr_cycle_count_t before = avr->cycle;
        int state;

        if (counts != NULL && avr->pc < FLASH_BYTES_MAXIMUM && counter_at[avr->pc] != 0) {
            const uint32_t counter = counter_at[avr->pc] - 1;

            if (counter == outside && current != outside) {
                write_line(counts_file, counts);
                write_line(cycles_file, cycles);
            }
            current = counter;
        }
        avr->run_cycle_count = 1; /* one instruction at a time */
        state = avr_run(avr);
        if (counts != NULL) {
            counts[current]++;
            cycles[current] += avr->cycle - before;
        }
        if (state == cpu_Done || state == cpu_Crashed) {
            end(STATUS_FAULT);
        }
    }
}

int main(int argc, char **argv)
{
    elf_firmware_t firmware;
    struct avr_t *avr;
    FILE *counts_file = NULL;
    FILE *cycles_file = NULL;

    if (argc != 3 && argc != 6) {
        fprintf(stderr, "usage: run_avr [MARKS COUNTS CYCLES] MCU IMAGE\n");
        return 1;
    }
    if (argc == 6) {
        read_marks(argv[1]);
        counts_file = open_file(argv[2], "w");
        cycles_file = open_file(argv[3], "w");
    }
    inputs = open_file("inputs.bin", "rb");
    results = open_file("results.bin", "wb");
    memset(&firmware, 0, sizeof firmware);
    if (elf_read_firmware(argv[argc - 1], &firmware) != 0) {
        fprintf(stderr, "run_avr: cannot read %s\n", argv[argc - 1]);
        return 1;
    }
    avr = avr_make_mcu_by_name(argv[argc - 2]);
    if (avr == NULL) {
        fprintf(stderr, "run_avr: simavr knows no %s\n", argv[argc - 2]);
        return 1;
    }
    avr_init(avr);
    firmware.frequency = 16000000;
    avr->log = LOG_ERROR;
    avr_load_firmware(avr, &firmware);
    avr_register_io_read(avr, GPIOR0, on_input, NULL);
    avr_register_io_write(avr, GPIOR1, on_result, NULL);
    avr_register_io_write(avr, GPIOR2, on_exit_status, NULL);
    run(avr, counts_file, cycles_file);
    if (fclose(results) != 0 || (counts_file != NULL && (fclose(counts_file) != 0 || fclose(cycles_file) != 0))) {
        end(STATUS_FILE);
    }
    return status;
}
