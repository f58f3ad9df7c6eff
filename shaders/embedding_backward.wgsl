// embedding, backward: dweight[v] = sum of dout[n] over the n with indices[n] = v.
// dout (N, C); indices (N) u32; dweight (V, C). One thread: one Element of the table, which looks through all N indices in their
// order. That is N comparisons per Element, but needs no float atomics, and gives the same bits every time.
// Needs elementwise.wgsl, an element_*.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  elements: u32,    // Elements of dweight
  columns: u32,     // of these, in a row
  count: u32,       // N
  accumulate: u32,  // add to what is there
}

@group(0) @binding(0) var<storage, read> dout: array<Element>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> dweight: array<Element>;
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
  let row = index / params.columns;
  let column = index % params.columns;
  var sum: Element;
  for (var n = 0u; n < params.count; n++) {
    if (indices[n] == row) {
      sum += dout[n * params.columns + column];
    }
  }
  if (params.accumulate != 0u) {
    sum += dweight[index];
  }
  dweight[index] = sum;
}
