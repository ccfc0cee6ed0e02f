#ifndef TCN_SHARED_H
#define TCN_SHARED_H

/* TCN_SHARED: what one or two layers need may be compiled into them, with their constants. */
#define TCN_SHARED

#endif /* TCN_SHARED_H */
