/* Filter a grey image row by row: rows of pixels in from standard input, filtered rows out to standard output. Neither
 * image is ever stored: the network keeps the rows that its 3 x 3 taps still need. */
#include <stdio.h>

#include "filter.h"

static filter_arena_t arena;

int main(void)
{
    const int8_t *row;
    uint8_t *place;
    int i;

    filter_start(&arena);
    for (;;) {
        while ((row = filter_pull_row(&arena)) != 0) {
            for (i = 0; i < FILTER_OUTPUT_ROW_BYTES; i++) {
                putchar(row[i] + 128); /* the header says: real = q + 128 */
            }
        }
        place = filter_next_row(&arena);
        if (place == 0) {
            return 0;
        }
        if (fread(place, 1, FILTER_INPUT_ROW_BYTES, stdin) != FILTER_INPUT_ROW_BYTES) {
            fputs("the image ended too early\n", stderr);
            return 1;
        }
        filter_push_row(&arena);
    }
}
