// binary, backward: the gradient of one of the two inputs, given dout and the other input. One dispatch per input, since
// they may have one gradient, as in x * x. One thread: one Element.
// Needs elementwise.wgsl, an element_*.wgsl, sink.wgsl and add.wgsl or multiply.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  elements: u32,  // Elements of dout
  masked: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> dout: array<Element>;
@group(0) @binding(1) var<storage, read> other: array<Element>;
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
  put(index, backward(other[index], dout[index]));
}
