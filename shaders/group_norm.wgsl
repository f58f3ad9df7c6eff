// group_norm: every group of channels of an image with mean 0 and variance 1, times a weight, plus a bias, and a function of that.
//   out = f(y), y = (inp - mean) rstd weight + bias, mean over the group's pixels and channels, rstd = 1 / sqrt(variance + epsilon)
// Wu & He 2018, "Group normalization"; the variance is the biased one, as torch.nn.GroupNorm has it.
// inp, out (B, H, W, C); weight, bias (C); moments (B, G), each mean and rstd, kept for the backward pass.
// One workgroup: one group of one image.
// Needs elementwise.wgsl, an element_*.wgsl, group_elements.wgsl, workgroup_sum.wgsl and the file of a function, with `forward`.

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
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> inp: array<Element>;
@group(0) @binding(1) var<storage, read> weight: array<Element>;
@group(0) @binding(2) var<storage, read> bias: array<Element>;
@group(0) @binding(3) var<storage, read_write> out: array<Element>;
@group(0) @binding(4) var<storage, read_write> moments: array<vec2f>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let local_index = local_id.x;  // see elementwise.wgsl
  // The last workgroups of a dispatch of several rows of them have nothing to do, but may not leave before the barriers.
  let number = element_index(workgroup_id, num_workgroups, vec3u(), 1u);
  let row = min(number, params.images * params.groups - 1u);
  let column = row % params.groups * params.width;
  let first = row / params.groups * params.pixels * params.columns + column;

  var sum: Element;
  for (var e = first_element(local_index); e.x < params.pixels; e = next_element(e)) {
    sum += inp[first + e.x * params.columns + e.y];
  }
  let mean = workgroup_sum(local_index, total(sum)) / f32(params.numbers);
  // In a second pass over the group, because the mean of the squares less the square of the mean would cancel.
  var squares: Element;
  for (var e = first_element(local_index); e.x < params.pixels; e = next_element(e)) {
    let difference = inp[first + e.x * params.columns + e.y] - mean;
    squares += difference * difference;
  }
  let variance = workgroup_sum(local_index, total(squares)) / f32(params.numbers);
  if (number > row) {
    return;
  }
  let rstd = inverseSqrt(variance + params.epsilon);
  for (var e = first_element(local_index); e.x < params.pixels; e = next_element(e)) {
    let at = first + e.x * params.columns + e.y;
    out[at] = forward((inp[at] - mean) * rstd * weight[column + e.y] + bias[column + e.y]);
  }
  if (local_index == 0u) {
    moments[row] = vec2f(mean, rstd);
  }
}
