// activation, backward: dinp = dout f'(inp), elementwise. dout, inp, dinp (any shape) f32. One thread: one Element.
// Needs elementwise.wgsl, an element_*.wgsl, sink.wgsl and the file of a function, with `backward`.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  elements: u32,  // Elements of inp
  masked: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> dout: array<Element>;
@group(0) @binding(1) var<storage, read> inp: array<Element>;
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
  put(index, backward(inp[index], dout[index]));
}
