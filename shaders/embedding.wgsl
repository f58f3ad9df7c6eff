// embedding: out[n] = weight[indices[n]], rows of a table.
// indices (N) u32; weight (V, C); out (N, C). An index that is no row gives NaN, as nothing else can tell. One thread: one Element.
// Needs elementwise.wgsl, an element_*.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  elements: u32,  // Elements of out
  columns: u32,   // of these, in a row
  rows: u32,      // V
}

@group(0) @binding(0) var<storage, read> indices: array<u32>;
@group(0) @binding(1) var<storage, read> weight: array<Element>;
@group(0) @binding(2) var<storage, read_write> out: array<Element>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let index = element_index(workgroup_id, num_workgroups, local_id, WORKGROUP_SIZE);
  if (index >= params.elements) {
    return;
  }
  let row = indices[index / params.columns];
  if (row < params.rows) {
    out[index] = weight[row * params.columns + index % params.columns];
  } else {
    // The bits of a NaN, made so that no compiler sees a constant.
    out[index] = Element(bitcast<f32>(row | 0x7fc00000u));
  }
}
