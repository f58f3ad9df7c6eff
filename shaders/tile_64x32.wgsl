// gemm, tile family: 8 rows by 4 columns of C for each thread, which loads less for a multiply-add and needs more registers.
const TILE_ROWS = 64u;
