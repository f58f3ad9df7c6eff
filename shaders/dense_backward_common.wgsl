// dense layer, backward: what the gradients of weight and input have in common.
// Operand a is dout (B, OC) in both. inp (B, C), weight (OC, C). Needs gemm.wgsl and a core.

struct Params {
  B: u32,
  C: u32,
  OC: u32,
  weight_tiles: u32,  // row tiles of dweight, which come first
  relu: u32,          // 1: inp is the output of a ReLU, and dinp is 0 where it is not positive
}

@group(0) @binding(2) var<uniform> params: Params;

fn epilogue_end(thread: u32) {}
