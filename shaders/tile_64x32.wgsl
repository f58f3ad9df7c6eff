// gemm, tile family: 8 rows by 4 columns of the product for each thread, which loads less for a multiply-add and needs more
// registers.
const TILE_ROWS = 64u;
