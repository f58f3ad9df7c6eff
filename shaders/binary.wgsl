// binary: out = f(a, b), elementwise, for add and multiply. a, b, out (any shape, the same) f32. One thread: one Element.
// Needs elementwise.wgsl, an element_*.wgsl and add.wgsl or multiply.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  elements: u32,  // Elements of a
}

@group(0) @binding(0) var<storage, read> a: array<Element>;
@group(0) @binding(1) var<storage, read> b: array<Element>;
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
  out[index] = forward(a[index], b[index]);
}
