// gemm, operands of vec4 in textures, row by row, for lavapipe. It reads a texture for all lanes at once and
// checks the bounds at once; of a buffer every number is read by an instruction of its own, behind a check of its own.
// Needs operands_vec4.wgsl.

override TEXELS_PER_ROW: u32 = 1024u;

alias Index = u32;
alias Indices = vec4u;

@group(0) @binding(0) var operand_a: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var operand_b: texture_storage_2d<rgba32float, read>;

fn open_operands() {}

fn to_indices(vec4s: vec4u) -> Indices {
  return vec4s;
}

fn texel(index: u32) -> vec2u {
  return vec2u(index % TEXELS_PER_ROW, index / TEXELS_PER_ROW);
}

fn read_a(index: Index) -> vec4f {
  return textureLoad(operand_a, texel(index));
}

fn read_b(index: Index) -> vec4f {
  return textureLoad(operand_b, texel(index));
}
