// gemm: C = epilogue(op(A) op(B)), C (M, N). What the cores (gemm_tile.wgsl, gemm_subgroup*.wgsl) and the operations
// (dense_forward.wgsl, dense_backward*.wgsl) agree on. The layouts that training needs differ only in strides:
//   NT  A (M, K), B (N, K)   forward:         out = inp weight^T
//   NN  A (M, K), B (K, N)   input gradient:  dinp = dout weight
//   TN  A (K, M), B (K, N)   weight gradient: dweight = dout^T inp
// A core gives the entry point and the types in which the operands are read, ElementA and ElementB: f32 or vec4f.
// An operation gives the operands and
//   problem(row_tile) -> Problem              which product a row of tiles belongs to
//   load_a(index) -> ElementA, load_b(part, index) -> ElementB
//   epilogue(part, row, column, stride, sum)  for each of a thread's rows: sums of columns column, column + stride, ...
//   epilogue_row(part, row, sum)              the sum over k of A's row, from the threads of the first column of tiles
//   epilogue_end(thread)                      once, last; thread is its index in the whole dispatch
// A dispatch has its row tiles along x, its column tiles along y: neighbouring workgroups read the same columns of B.

struct Problem {
  M: u32,
  N: u32,
  K: u32,
  a_row: u32,  // strides, in elements
  a_k: u32,
  b_k: u32,
  b_column: u32,
  row_tile: u32,  // within this product
  part: u32,      // which product, where a dispatch makes two
}
