// layer_norm, gradient of the input. With n = (inp - mean) rstd, g = dout weight, and means over the row:
//   dinp = rstd (g - mean(g) - n mean(g n))
// dout, inp, dinp (R, C); weight (C); mean, rstd (R). One workgroup: one row.
// Needs elementwise.wgsl, element_scalar.wgsl, sink.wgsl, workgroup_sum.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  rows: u32,     // R
  columns: u32,  // C
  masked: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> dout: array<f32>;
@group(0) @binding(1) var<storage, read> inp: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> rstd: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let local_index = local_id.x;  // see elementwise.wgsl
  let number = element_index(workgroup_id, num_workgroups, vec3u(), 1u);  // see layer_norm.wgsl
  let row = min(number, params.rows - 1u);
  let first = row * params.columns;
  let row_mean = mean[row];
  let row_rstd = rstd[row];

  var sum = 0.0;
  var product = 0.0;
  for (var c = local_index; c < params.columns; c += WORKGROUP_SIZE) {
    let g = dout[first + c] * weight[c];
    sum += g;
    product += g * (inp[first + c] - row_mean) * row_rstd;
  }
  let mean_g = workgroup_sum(local_index, sum) / f32(params.columns);
  let mean_gn = workgroup_sum(local_index, product) / f32(params.columns);
  if (number >= params.rows) {
    return;
  }
  for (var c = local_index; c < params.columns; c += WORKGROUP_SIZE) {
    let g = dout[first + c] * weight[c];
    let n = (inp[first + c] - row_mean) * row_rstd;
    put(first + c, row_rstd * (g - mean_g - n * mean_gn));
  }
}
