// layer_norm, gradients of weight and bias: sums over the rows, with n = (inp - mean) rstd
//   dweight = sum of dout n,  dbias = sum of dout
// dout, inp (R, C); mean, rstd (R); dweight, dbias (C). A workgroup: 16 columns, each by 16 threads that take every 16th row;
// what they have come to is added in their order. So the same numbers give the same bits.

const COLUMNS = 16u;
const LANES = 16u;

struct Params {
  rows: u32,        // R
  columns: u32,     // C
  accumulate_weight: u32,  // add to what is there
  accumulate_bias: u32,
}

@group(0) @binding(0) var<storage, read> dout: array<f32>;
@group(0) @binding(1) var<storage, read> inp: array<f32>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(5) var<storage, read_write> dbias: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

var<workgroup> partial: array<vec2f, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup_id: vec3u, @builtin(local_invocation_id) local_id: vec3u) {
  let local_index = local_id.x;  // see elementwise.wgsl
  let column = workgroup_id.x * COLUMNS + local_index % COLUMNS;
  var sum = vec2f();
  if (column < params.columns) {
    for (var row = local_index / COLUMNS; row < params.rows; row += LANES) {
      let at = row * params.columns + column;
      sum += dout[at] * vec2f((inp[at] - mean[row]) * rstd[row], 1.0);
    }
  }
  partial[local_index] = sum;
  workgroupBarrier();
  if (local_index >= COLUMNS || column >= params.columns) {
    return;
  }
  for (var lane = 1u; lane < LANES; lane++) {
    sum += partial[lane * COLUMNS + local_index];
  }
  if (params.accumulate_weight != 0u) { sum.x += dweight[column]; }
  if (params.accumulate_bias != 0u) { sum.y += dbias[column]; }
  dweight[column] = sum.x;
  dbias[column] = sum.y;
}
