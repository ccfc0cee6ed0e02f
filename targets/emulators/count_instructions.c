/* count_instructions.c - a QEMU plugin that counts the instructions of a network, step by step.
 *
 * It is told some addresses and to which of n + 1 counters each of them switches: counters 0 to n - 1 belong to the
 * steps of the network, counter n is for everything outside of it. Whenever control leaves the network, the counts of
 * the inference are written as one line of decimal numbers, and start again from zero. No instruction is added to the
 * program, so the counts are those of the program as it is.
 *
 * Beside the instructions it adds up their prices, for an estimate of clock cycles.
 *
 * -plugin ./count_instructions.so,marks=FILE,counts=FILE,prices=FILE,cycles=FILE
 *
 * The file of marks holds n, then pairs of a hexadecimal address and the number of a counter. The file of prices holds
 * a hexadecimal address, the price of its instruction, and what is added when the next one executed is not the one
 * behind it; what it does not name costs nothing. The file of cycles gets the sums of prices as the file of counts the
 * counts.
 *
 * Debian installs no qemu-plugin.h, so the part of QEMU's plugin interface that is used stands here. It is kept to
 * functions that have not changed since plugins exist; only the version of the interface has to be named (QEMU 7.2: 1).
 * /
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

/* NO_REGS: the callback reads and writes no register of the emulated processor. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;   /* a translated block: instructions that run in sequence */
struct qemu_plugin_insn; /* one instruction in it */
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS = 0 };

typedef void (*translation_callback_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *block);
typedef void (*execution_callback_t)(unsigned int processor, void *data);
typedef void (*exit_callback_t)(qemu_plugin_id_t id, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translation_callback_t callback);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
                                            execution_callback_t callback, enum qemu_plugin_cb_flags flags,
                                            void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, exit_callback_t callback, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *instruction);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);

EXPORTED int qemu_plugin_version = QEMU_PLUGIN_INTERFACE;
EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int count, char **arguments);

struct mark {
    uint64_t address;
    size_t counter;
};

struct price {
    uint64_t address;
    uint64_t units;
    uint64_t taken_units;
};

/* A run of instructions without a mark, or with one at its start: all are executed, or none. */
struct segment {
    uint64_t begin;
    uint64_t end;
    uint64_t instructions;
    uint64_t units;
    uint64_t taken_units;    /* of the last instruction */
    const struct mark *mark; /* at the first instruction, or NULL */
};

static struct mark *marks;
static size_t mark_count;
static uint64_t *counters;
static size_t outside;
static size_t current;
static FILE *counts_file;
static struct price *all_prices;
static size_t price_count;
static uint64_t *cycles;
static FILE *cycles_file;
static const struct segment *before; /* the segment that was executed last */

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "count_instructions: %s %s\n", what, name);
    exit(1);
}

static void *allocate(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);

    if (memory == NULL) {
        fail("out of", "memory");
    }
    return memory;
}

static int compare_marks(const void *left, const void *right)
{
    const uint64_t a = ((const struct mark *)left)->address;
    const uint64_t b = ((const struct mark *)right)->address;

    return (a > b) - (a < b);
}

static int compare_prices(const void *left, const void *right)
{
    const uint64_t a = ((const struct price *)left)->address;
    const uint64_t b = ((const struct price *)right)->address;

    return (a > b) - (a < b);
}

/* The file is sorted by address. */
static void read_prices(const char *name)
{
    FILE *file = fopen(name, "r");
    struct price price;
    size_t capacity = 0;

    if (file == NULL) {
        fail("cannot read", name);
    }
    while (fscanf(file, "%" SCNx64 " %" SCNu64 " %" SCNu64, &price.address, &price.units, &price.taken_units) == 3) {
        if (price_count == capacity) {
            capacity = 2 * capacity + 4096;
            all_prices = realloc(all_prices, capacity * sizeof *all_prices);
            if (all_prices == NULL) {
                fail("out of", "memory");
            }
        }
        all_prices[price_count++] = price;
    }
    fclose(file);
}

static void read_marks(const char *name)
{
    FILE *file = fopen(name, "r");
    struct mark mark;
    size_t capacity = 0;

    if (file == NULL || fscanf(file, "%zu", &outside) != 1) {
        fail("cannot read", name);
    }
    while (fscanf(file, "%" SCNx64 " %zu", &mark.address, &mark.counter) == 2) {
        if (mark.counter > outside) {
            fail("a mark names a counter that does not exist in", name);
        }
        if (mark_count == capacity) {
            capacity = 2 * capacity + 64;
            marks = realloc(marks, capacity * sizeof *marks);
            if (marks == NULL) {
                fail("out of", "memory");
            }
        }
        marks[mark_count++] = mark;
    }
    fclose(file);
    if (mark_count == 0) {
        fail("no marks in", name);
    }
    qsort(marks, mark_count, sizeof *marks, compare_marks);
    counters = allocate(outside + 1, sizeof *counters);
    cycles = allocate(outside + 1, sizeof *cycles);
    current = outside;
}

static void write_line(FILE *file, uint64_t *numbers)
{
    size_t i;

    for (i = 0; i < outside; i++) {
        fprintf(file, "%" PRIu64 "%c", numbers[i], i + 1 < outside ? ' ' : '\n');
    }
    memset(numbers, 0, (outside + 1) * sizeof *numbers);
}

static void on_segment(unsigned int processor, void *data)
{
    const struct segment *const segment = data;

    (void)processor;
    if (before != NULL && before->end != segment->begin) {
        cycles[current] += before->taken_units;
    }
    before = segment;
    if (segment->mark != NULL && segment->mark->counter != current) {
        if (segment->mark->counter == outside) {
            write_line(counts_file, counters);
            write_line(cycles_file, cycles);
        }
        current = segment->mark->counter;
    }
    counters[current] += segment->instructions;
    cycles[current] += segment->units;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    const size_t instructions = qemu_plugin_tb_n_insns(block);
    struct segment *segment = NULL;
    size_t i;

    (void)id;
    for (i = 0; i < instructions; i++) {
        struct qemu_plugin_insn *const instruction = qemu_plugin_tb_get_insn(block, i);
        struct mark key = {0, 0};
        struct price price_key = {0, 0, 0};
        const struct mark *mark;
        const struct price *price;

        key.address = price_key.address = qemu_plugin_insn_vaddr(instruction);
        price = price_count == 0 ? NULL
                                 : bsearch(&price_key, all_prices, price_count, sizeof *all_prices, compare_prices);
        mark = bsearch(&key, marks, mark_count, sizeof *marks, compare_marks);
        if (segment == NULL || mark != NULL) {
            /* Kept until the emulator ends: the block may be executed at any time, and few are ever
             * translated. */
            segment = allocate(1, sizeof *segment);
            segment->mark = mark;
            segment->begin = key.address;
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_segment, QEMU_PLUGIN_CB_NO_REGS, segment);
        }
        segment->instructions++;
        segment->end = key.address + qemu_plugin_insn_size(instruction);
        segment->units += price == NULL ? 0 : price->units;
        segment->taken_units = price == NULL ? 0 : price->taken_units;
    }
}

static void on_exit_of_emulator(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    if (fclose(counts_file) != 0 || fclose(cycles_file) != 0) {
        fail("cannot write the files of", "counts and cycles");
    }
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int count, char **arguments)
{
    int i;

    (void)info;
    for (i = 0; i < count; i++) {
        if (strncmp(arguments[i], "marks=", 6) == 0) {
            read_marks(arguments[i] + 6);
        } else if (strncmp(arguments[i], "counts=", 7) == 0) {
            counts_file = fopen(arguments[i] + 7, "w");
        } else if (strncmp(arguments[i], "prices=", 7) == 0) {
            read_prices(arguments[i] + 7);
        } else if (strncmp(arguments[i], "cycles=", 7) == 0) {
            cycles_file = fopen(arguments[i] + 7, "w");
        } else {
            fail("unknown argument", arguments[i]);
        }
    }
    if (marks == NULL || counts_file == NULL || cycles_file == NULL) {
        fail("needs", "marks=FILE,counts=FILE,prices=FILE,cycles=FILE");
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit_of_emulator, NULL);
    return 0;
}
