// conv, weight, second half: adds up what the parts of the batch have come to, always in their order, and turns the result.
//   dweight (K, OC) = sums of weight_sums (parts, rows, columns), K = KH KW C, its rows and columns OC and K or filled up
//   dbias (channels) = sums of bias_sums (bias_parts, bias_columns)
// One thread per element of dweight, then one per element of dbias.

override WORKGROUP_SIZE: u32;

struct Params {
  K: u32,
  OC: u32,
  parts: u32,
  rows: u32,
  columns: u32,
  channels: u32,
  bias_parts: u32,
  bias_columns: u32,
}

@group(0) @binding(0) var<storage, read> weight_sums: array<f32>;
@group(0) @binding(1) var<storage, read> bias_sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(3) var<storage, read_write> dbias: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let index = element_index(workgroup_id, num_workgroups, local_id, WORKGROUP_SIZE);
  let weights = params.K * params.OC;
  var sum = 0.0;
  if (index < weights) {
    let n = index / params.OC;
    let first = (index - n * params.OC) * params.columns + n;
    for (var part = 0u; part < params.parts; part++) {
      sum += weight_sums[part * params.rows * params.columns + first];
    }
    dweight[index] = sum;
  } else if (index < weights + params.channels) {
    let channel = index - weights;
    for (var part = 0u; part < params.bias_parts; part++) {
      sum += bias_sums[part * params.bias_columns + channel];
    }
    dbias[channel] = sum;
  }
}
