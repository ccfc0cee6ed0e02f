/* Filter a grey image row by row: rows of pixels in from standard input, the filtered image out to standard output.
 * The image is never stored: the network keeps the rows that its 3 x 3 taps still need. */
#include <stdio.h>

#include "filter.h"

static filter_arena_t arena;

int main(void)
{
    const int8_t *filtered;
    int i;

    filter_start(&arena);
    do {
        if (fread(filter_next_row(&arena), 1, FILTER_INPUT_ROW_BYTES, stdin) != FILTER_INPUT_ROW_BYTES) {
            fputs("the image ended too early\n", stderr);
            return 1;
        }
    } while (!filter_push_row(&arena));

    filtered = filter_output(&arena);
    for (i = 0; i < FILTER_OUTPUT_BYTES; i++) {
        putchar(filtered[i] + 128); /* the header says: real = q + 128 */
    }
    return 0;
}
