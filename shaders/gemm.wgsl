// gemm: C = epilogue(op(A) op(B)), C (M, N). What the two families (gemm_tile.wgsl, gemm_subgroup.wgsl) have in common.
// The layouts that training needs differ only in strides:
//   NT  A (M, K), B (N, K)   forward:         out = inp weight^T
//   NN  A (M, K), B (K, N)   input gradient:  dinp = dout weight
//   TN  A (K, M), B (K, N)   weight gradient: dweight = dout^T inp
// An epilogue file gives three functions, called by every thread:
//   epilogue(row, column, stride, sum)  for each of its rows: four sums, of columns column, column + stride, ...
//   epilogue_row(row, sum)              the sum over k of A's row, from the threads of the first column of tiles
//   epilogue_end(thread)                once, last; thread is its index in the whole dispatch
// A core file gives the bindings a and b, as f32 or vec4f, and the entry point.

struct Params {
  M: u32,
  N: u32,
  K: u32,
  a_row: u32,     // strides, in elements
  a_k: u32,
  b_k: u32,
  b_column: u32,
  activation: u32,  // gemm_bias: 0 none, 1 ReLU, 2 sigmoid
  scale: f32,       // gemm_bce: 1 / B
}

@group(0) @binding(2) var<uniform> params: Params;
