// The normal likelihood with one learned log sigma^2 for all elements, second half: adds up what gaussian_learned.wgsl has left.
//   S = sum over all N elements of (pred - x)^2 / (2 sigma^2)
//   term = S + N (logvar + log(2 pi)) / 2,  dlogvar = N / 2 - S
// In a fixed order: strided, then a tree. One workgroup. Needs workgroup_sum.wgsl and a scale_*.wgsl.

override WORKGROUP_SIZE: u32 = 256u;

struct Params {
  parts: u32,       // of S
  count: f32,       // N
  accumulate: u32,  // dlogvar: add to what is there
  scale: f32,       // weight / B
}

@group(0) @binding(0) var<storage, read> squares: array<f32>;
@group(0) @binding(1) var<storage, read> logvar: array<f32>;
@group(0) @binding(2) var<storage, read_write> term: array<f32>;
@group(0) @binding(3) var<storage, read_write> dlogvar: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_id) local_id: vec3u) {
  let local_index = local_id.x;  // see elementwise.wgsl
  var sum = 0.0;
  for (var i = local_index; i < params.parts; i += WORKGROUP_SIZE) {
    sum += squares[i];
  }
  sum = workgroup_sum(local_index, sum);
  if (local_index > 0u) {
    return;
  }
  term[0] = sum + 0.5 * params.count * (logvar[0] + 1.83787707);
  var gradient = scale() * (0.5 * params.count - sum);
  if (params.accumulate != 0u) {
    gradient += dlogvar[0];
  }
  dlogvar[0] = gradient;
}
