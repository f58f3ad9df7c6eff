// group_norm, gradient of the input. With n = (inp - mean) rstd, y = n weight + bias, g = dout f'(y) weight, and means over the group:
//   dinp = rstd (g - mean(g) - n mean(g n))
// Both means come from the sums over the pixels that group_norm_backward_sums has made.
// dout, inp, dinp (B, H, W, C); weight, bias (C); moments (B, G), mean and rstd; sums (B, 2, C). One workgroup: one group of one image.
// Needs elementwise.wgsl, an element_*.wgsl, group_elements.wgsl, sink.wgsl, workgroup_sum.wgsl and the file of a function, with `backward`.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  groups: u32,   // G
  images: u32,   // B
  pixels: u32,   // H W
  columns: u32,  // Elements of a pixel: of C
  width: u32,    // of these, in a group
  numbers: u32,  // of a group, in all its pixels
  step_pixels: u32,   // see group_elements.wgsl
  step_columns: u32,
  masked: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> dout: array<Element>;
@group(0) @binding(1) var<storage, read> inp: array<Element>;
@group(0) @binding(2) var<storage, read> weight: array<Element>;
@group(0) @binding(3) var<storage, read> bias: array<Element>;
@group(0) @binding(4) var<storage, read> moments: array<vec2f>;
@group(0) @binding(5) var<storage, read> sums: array<Element>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let local_index = local_id.x;  // see elementwise.wgsl
  let number = element_index(workgroup_id, num_workgroups, vec3u(), 1u);  // see group_norm.wgsl
  let row = min(number, params.images * params.groups - 1u);
  let image = row / params.groups;
  let column = row % params.groups * params.width;
  let first = image * params.pixels * params.columns + column;
  let moment = moments[row];

  var products: Element;
  var sum: Element;
  for (var c = column + local_index; c < column + params.width; c += WORKGROUP_SIZE) {
    products += weight[c] * sums[2u * image * params.columns + c];
    sum += weight[c] * sums[(2u * image + 1u) * params.columns + c];
  }
  let mean_gn = workgroup_sum(local_index, total(products)) / f32(params.numbers);
  let mean_g = workgroup_sum(local_index, total(sum)) / f32(params.numbers);
  if (number > row) {
    return;
  }
  for (var e = first_element(local_index); e.x < params.pixels; e = next_element(e)) {
    let c = e.y;
    let at = first + e.x * params.columns + c;
    let n = (inp[at] - moment.x) * moment.y;
    let g = backward(n * weight[column + c] + bias[column + c], dout[at]) * weight[column + c];
    put(at, moment.y * (g - mean_g - n * mean_gn));
  }
}
