// repeat_rows: every row K times, one after the other: out[b K + k, d] = inp[b, d]. inp (B, D), out (B K, D).
// One thread: one Element of out. Needs elementwise.wgsl and an element_*.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  elements: u32,  // Elements of out
  columns: u32,   // of these, in a row
  samples: u32,   // K
}

@group(0) @binding(0) var<storage, read> inp: array<Element>;
@group(0) @binding(1) var<storage, read_write> out: array<Element>;
@group(0) @binding(2) var<uniform> params: Params;

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
  out[index] = inp[index / params.columns / params.samples * params.columns + index % params.columns];
}
