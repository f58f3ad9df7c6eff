// Sums over rows of inp (R, C), cut into parts of `rows`: sums (parts, C), each in the order of its rows.
// One thread per part and Element of a row. Needs elementwise.wgsl and an element_*.wgsl.

override WORKGROUP_SIZE: u32;

struct Params {
  elements: u32,  // parts times columns
  R: u32,
  columns: u32,   // Elements of a row
  rows: u32,
}

@group(0) @binding(0) var<storage, read> inp: array<Element>;
@group(0) @binding(1) var<storage, read_write> sums: array<Element>;
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
  let part = index / params.columns;
  let column = index - part * params.columns;
  var sum = Element();
  let end = min(params.R, (part + 1u) * params.rows);
  for (var row = part * params.rows; row < end; row++) {
    sum += inp[row * params.columns + column];
  }
  sums[index] = sum;
}
