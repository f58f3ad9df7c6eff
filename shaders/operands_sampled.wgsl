// gemm, operands of vec4 in textures, row by row, for SwiftShader. A sampler has the bounds in it, and samples for all lanes at
// once; of a buffer every number is read on its own, and before textureLoad WGSL's bounds are checked, lane by lane.
// Needs operands_vec4.wgsl.

// Where a texel's middle is, counted in texels: a sampler takes f32. Exact below 2^23.
alias Index = f32;
alias Indices = vec4f;

@group(0) @binding(0) var operand_a: texture_2d<f32>;
@group(0) @binding(1) var operand_b: texture_2d<f32>;
// Takes the nearest texel. Beyond its end a row begins again, so that an index says where in its row a texel is.
@group(0) @binding(9) var texels: sampler;

// Texels to a row, and rows to a texture. Kept, because the size of a texture costs as much as sampling it.
var<private> a_scale: vec2f;
var<private> b_scale: vec2f;

fn open_operands() {
  a_scale = scale(textureDimensions(operand_a));
  b_scale = scale(textureDimensions(operand_b));
}

fn scale(size: vec2u) -> vec2f {
  return 1.0 / vec2f(size);
}

fn to_indices(vec4s: vec4u) -> Indices {
  return vec4f(vec4s) + 0.5;
}

// The middle of a texel, as a sampler wants it: which column, after whole rows, and which row.
fn place(index: Index, scale: vec2f) -> vec2f {
  let rows = index * scale.x;
  return vec2f(rows, (floor(rows) + 0.5) * scale.y);
}

fn read_a(index: Index) -> vec4f {
  return textureSampleLevel(operand_a, texels, place(index, a_scale), 0.0);
}

fn read_b(index: Index) -> vec4f {
  return textureSampleLevel(operand_b, texels, place(index, b_scale), 0.0);
}
