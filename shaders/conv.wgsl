// conv: convolutions and transposed ones, as products of matrices that are never laid out. Each layer has a large tensor L
// (B, H, W, C), a small one S (B, HO, WO, OC) and weights (KH, KW, C, OC); HO = floor((H + 2 padding - KH) / stride) + 1.
//   gather   S[b, y, x, o] = sum over i, j, c of L[b, stride y + i - padding, stride x + j - padding, c] weight[i, j, c, o]
//   spread   L = its transpose applied to S
//   weight   dweight[i, j, c, o] = sum over b, y, x of L[b, stride y + i - padding, ...] S[b, y, x, o]
// A convolution is a gather and its input gradient a spread; for a transposed convolution it is the other way round.
// Products read four channels at a time, so C and OC are multiples of four. An odd OC, and the weights with it, is first filled up with
// zeros; for an odd C, such as that of images, L's patches are laid out (conv_columns.wgsl), or those of the result are made and
// then added up (conv_fold.wgsl), and the product is that of a kernel of 1 x 1.

struct Params {
  B: u32,
  H: u32,
  W: u32,
  C: u32,
  HO: u32,
  WO: u32,
  OC: u32,
  KH: u32,
  KW: u32,
  stride: u32,
  padding: u32,
  weight_rows: u32, // of weight as a matrix (KH KW C, OC), before C is filled up
  tile_rows: u32,   // rows of the core's tile
  activation: u32,  // 0 none, 1 ReLU, 2 SiLU
  masked: u32,      // 1: a gradient of a ReLU's output, 0 where that is not positive
  images: u32,      // conv_weight: of a part of the batch
}

@group(0) @binding(2) var<uniform> params: Params;

const NUMBERS = vec4u(0u, 1u, 2u, 3u);

// i / size without a remainder, for quotients below 2^21. Compilers for CPUs divide whole numbers lane by lane.
fn quotient(i: u32, size: u32) -> u32 {
  let near = u32(f32(i) / f32(size));
  let rest = i32(i - near * size);
  return near + select(0u, 1u, rest >= i32(size)) - select(0u, 1u, rest < 0);
}

fn quotients(i: vec4u, size: u32) -> vec4u {
  let near = vec4u(vec4f(i) / f32(size));
  let rest = vec4i(i - near * size);
  return near + select(vec4u(), vec4u(1u), rest >= vec4i(i32(size))) - select(vec4u(), vec4u(1u), rest < vec4i());
}
