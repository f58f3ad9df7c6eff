// gemm, tile family: 4 rows by 4 columns of the product for each thread.
const TILE_ROWS = 32u;
