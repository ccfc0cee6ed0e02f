#ifndef TCN_BLOCK_ASSEMBLY_H
#define TCN_BLOCK_ASSEMBLY_H

/* The sums of blocks are plain C. What stands in for this file has them in assembly. */
#define TCN_BLOCK_ASSEMBLY 0
#define TCN_BLOCK_COLUMNS 2

#endif /* TCN_BLOCK_ASSEMBLY_H */
