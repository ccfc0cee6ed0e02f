#ifndef TCN_PLACE_H
#define TCN_PLACE_H

#include <stdint.h>

typedef uint16_t tcn_place_t; /* of a row in the arena, in words of 4 bytes */

#endif /* TCN_PLACE_H */
