// gradient_mask: the backward pass of a ReLU in place, gradient = 0 where the ReLU's output is not positive, for gradients whose
// own kernel does not do it. out and gradient (any shape, the same) f32. One thread: one Element.
// Needs elementwise.wgsl and an element_*.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  elements: u32,  // Elements of gradient
}

@group(0) @binding(0) var<storage, read> out: array<Element>;
@group(0) @binding(1) var<storage, read_write> gradient: array<Element>;
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
  gradient[index] = select(Element(), gradient[index], out[index] > Element());
}
