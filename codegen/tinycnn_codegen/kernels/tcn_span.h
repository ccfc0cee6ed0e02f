#ifndef TCN_SPAN_H
#define TCN_SPAN_H

#include <stdint.h>

/* Taps [first, last) of a window. */
typedef struct {
    int32_t first;
    int32_t last;
} tcn_span_t;

/* Which of `taps` taps lie in [low, high) when tap t stands at position + t * dilation. */
static inline tcn_span_t tcn_taps_between(int32_t low, int32_t high, int32_t position, int32_t taps, int32_t dilation)
{
    tcn_span_t span;
    int32_t end = position + (taps - 1) * dilation;

    span.first = 0;
    span.last = taps;
    while (span.first < span.last && position < low) {
        position += dilation;
        span.first++;
    }
    while (span.last > span.first && end >= high) {
        end -= dilation;
        span.last--;
    }
    return span;
}

#endif /* TCN_SPAN_H */
