/* harness.c - runs a network on the inputs of a file and writes what it computed to another file.
 *
 * inputs.bin holds the number of inferences, then for each the bytes of all inputs, one after the other.
 *
 * results.bin holds records: tensor, row, number of bytes, and those bytes. A record stands for one computed
 * row. The last one of an inference has RECORD_OUTPUTS for a tensor, the bytes of stack used for a row, and
 * the bytes of all outputs, one after the other, as a caller finds them in the arena.
 *
 * Numbers have 32 bits, the least significant byte first, whatever the byte order of the machine.
 */
#include <stdint.h>

#include "instrumentation.h"
#include "harness_network.h"
#include "port.h"

#define RECORD_OUTPUTS 0xFFFFFFFFu

struct buffer {
    uint32_t offset_bytes;
    uint32_t size_bytes;
};

static const struct buffer inputs[] = NETWORK_INPUTS;
static const struct buffer outputs[] = NETWORK_OUTPUTS;

static harness_network_arena_t arena;

#ifdef NETWORK_PUSHED_ROWS
#define PUSHED_ROW_BYTES (sizeof image / NETWORK_PUSHED_ROWS)
static int8_t image[NETWORK_PUSHED_BYTES];
#endif
#ifdef NETWORK_PULLED_ROWS
#define PULLED_ROW_BYTES (sizeof pulled / NETWORK_PULLED_ROWS)
static int8_t pulled[NETWORK_PULLED_BYTES];
#endif

#if defined(NETWORK_PUSHED_ROWS) || defined(NETWORK_PULLED_ROWS)
/* Pull the rows of the output that are ready, push one of the image, and so on until neither can be done. */
void harness_pass_rows(harness_network_arena_t *network)
{
    uint32_t i;
#ifdef NETWORK_PULLED_ROWS
    uint32_t ready = 0;
    const int8_t *from;
#endif
#ifdef NETWORK_PUSHED_ROWS
    uint32_t row = 0;
    int8_t *to;
#endif

    harness_network_start(network);
    for (;;) {
#ifdef NETWORK_PULLED_ROWS
        while ((from = harness_network_pull_row(network)) != 0) {
            for (i = 0; i < PULLED_ROW_BYTES && ready < sizeof pulled; i++) {
                pulled[ready++] = from[i];
            }
        }
#endif
#ifdef NETWORK_PUSHED_ROWS
        to = harness_network_next_row(network);
        if (to != 0) {
            for (i = 0; i < PUSHED_ROW_BYTES; i++) {
                to[i] = image[row * PUSHED_ROW_BYTES + i];
            }
            harness_network_push_row(network);
            row++;
            continue;
        }
#endif
        break;
    }
}
#endif

static uint32_t read_number(void)
{
    uint8_t bytes[4];

    port_read(bytes, 4);
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void write_record_head(uint32_t tensor, uint32_t row, uint32_t bytes)
{
    const uint32_t numbers[3] = {tensor, row, bytes};
    uint8_t head[12];
    int i;

    for (i = 0; i < 12; i++) {
        head[i] = (uint8_t)(numbers[i / 4] >> (8 * (i % 4)) & 0xFFu);
    }
    port_write(head, 12);
}

void harness_tap(uint32_t tensor, uint32_t row, const int8_t *data, uint32_t bytes)
{
    write_record_head(tensor, row, bytes);
    port_write(data, bytes);
}

/* A network that reads a byte of the arena before it wrote it gives other results for other garbage. */
static void fill_with_garbage(uint32_t inference)
{
    uint8_t *const bytes = (uint8_t *)arena.bytes;
    uint8_t garbage = (uint8_t)(0x5Au + inference);
    uint32_t i;

    for (i = 0; i < (uint32_t)sizeof arena.bytes; i++) {
        garbage = (uint8_t)(garbage * 5u + 29u);
        bytes[i] = garbage;
    }
}

int main(void)
{
    uint32_t inferences;
    uint32_t inference;

    port_open();
    inferences = read_number();
    for (inference = 0; inference < inferences; inference++) {
        uint32_t stack_bytes;
        uint32_t output_bytes = 0;
        uint32_t i;

        fill_with_garbage(inference);
        for (i = 0; i < (uint32_t)(sizeof inputs / sizeof inputs[0]); i++) {
#ifdef NETWORK_PUSHED_ROWS
            port_read(image, inputs[i].size_bytes);
#else
            port_read(arena.bytes + inputs[i].offset_bytes, inputs[i].size_bytes);
#endif
        }
        stack_bytes = port_run(&arena);
        for (i = 0; i < (uint32_t)(sizeof outputs / sizeof outputs[0]); i++) {
            output_bytes += outputs[i].size_bytes;
        }
        write_record_head(RECORD_OUTPUTS, stack_bytes, output_bytes);
        for (i = 0; i < (uint32_t)(sizeof outputs / sizeof outputs[0]); i++) {
#ifdef NETWORK_PULLED_ROWS
            port_write(pulled, outputs[i].size_bytes);
#else
            port_write(arena.bytes + outputs[i].offset_bytes, outputs[i].size_bytes);
#endif
        }
    }
    port_exit(0);
    return 0;
}
