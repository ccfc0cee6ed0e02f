#ifndef TCN_FAR_PLACE_H
#define TCN_FAR_PLACE_H

#include <stdint.h>

typedef uint32_t tcn_place_t; /* of a row in the arena, in words of 4 bytes */

#endif /* TCN_FAR_PLACE_H */
