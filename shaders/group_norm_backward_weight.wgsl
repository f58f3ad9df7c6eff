// group_norm, gradients of weight and bias: the sums of group_norm_backward_sums over the images, in their order.
// sums (B, 2, C); dweight, dbias (C). One thread: one Element of the channels.
// Needs elementwise.wgsl, an element_*.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  elements: u32,  // of the channels
  images: u32,    // B
  accumulate_weight: u32,  // add to what is there
  accumulate_bias: u32,
}

@group(0) @binding(0) var<storage, read> sums: array<Element>;
@group(0) @binding(1) var<storage, read_write> dweight: array<Element>;
@group(0) @binding(2) var<storage, read_write> dbias: array<Element>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let column = element_index(workgroup_id, num_workgroups, local_id, WORKGROUP_SIZE);
  if (column >= params.elements) {
    return;
  }
  var products: Element;
  var sum: Element;
  for (var image = 0u; image < params.images; image++) {
    products += sums[2u * image * params.elements + column];
    sum += sums[(2u * image + 1u) * params.elements + column];
  }
  if (params.accumulate_weight != 0u) { products += dweight[column]; }
  if (params.accumulate_bias != 0u) { sum += dbias[column]; }
  dweight[column] = products;
  dbias[column] = sum;
}
