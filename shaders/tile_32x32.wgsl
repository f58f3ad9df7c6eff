// gemm, tile family: 4 rows by 4 columns of C for each thread.
const TILE_ROWS = 32u;
