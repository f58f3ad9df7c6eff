// layer_norm: every row with mean 0 and variance 1, times a weight, plus a bias.
//   out = (inp - mean) rstd weight + bias, mean of the row, rstd = 1 / sqrt(variance of the row + epsilon)
// Ba et al. 2016, "Layer normalization"; the variance is the biased one, as torch.nn.LayerNorm has it.
// inp, out (R, C); weight, bias (C); mean, rstd (R), kept for the backward pass. One workgroup: one row.
// Needs elementwise.wgsl, workgroup_sum.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  rows: u32,     // R
  columns: u32,  // C
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> inp: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let local_index = local_id.x;  // see elementwise.wgsl
  // The last workgroups of a dispatch of several rows of them have nothing to do, but may not leave before the barriers.
  let number = element_index(workgroup_id, num_workgroups, vec3u(), 1u);
  let row = min(number, params.rows - 1u);
  let first = row * params.columns;

  var sum = 0.0;
  for (var c = local_index; c < params.columns; c += WORKGROUP_SIZE) {
    sum += inp[first + c];
  }
  let row_mean = workgroup_sum(local_index, sum) / f32(params.columns);
  // In a second pass over the row, because the mean of the squares less the square of the mean would cancel.
  var squares = 0.0;
  for (var c = local_index; c < params.columns; c += WORKGROUP_SIZE) {
    let difference = inp[first + c] - row_mean;
    squares += difference * difference;
  }
  let variance = workgroup_sum(local_index, squares) / f32(params.columns);
  if (number >= params.rows) {
    return;
  }
  let row_rstd = inverseSqrt(variance + params.epsilon);
  for (var c = local_index; c < params.columns; c += WORKGROUP_SIZE) {
    out[first + c] = (inp[first + c] - row_mean) * row_rstd * weight[c] + bias[c];
  }
  if (local_index == 0u) {
    mean[row] = row_mean;
    rstd[row] = row_rstd;
  }
}
