// importance_sample, backward: the gradient of scale * sum over the images of their bound, see importance_weights.wgsl.
//   g = dz[b K + k] + scale w z,  w the sample's normalized weight: what comes through p(x|z), and through p(z)
//   dmu[b] = sum_k g,  dlogvar[b] = sum_k g eps exp(logvar / 2) / 2 - scale / 2: through z, and through log q(z|x)
// dz (B K, L) already carries scale and the weights; heads and dheads (B, 2 L); weights (B K). Overwrites dheads.
// One thread: one dimension of one image, its samples in turn. Needs elementwise.wgsl, state.wgsl and one of noise_*.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  batch: u32,    // rows of dz, B K
  latent: u32,   // L
  samples: u32,  // K
  seed: u32,
  stream: u32,
  scale: f32,    // weight / B
}

@group(0) @binding(0) var<storage, read> heads: array<f32>;
@group(0) @binding(1) var<storage, read> state: State;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> dheads: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let index = element_index(workgroup_id, num_workgroups, local_id, WORKGROUP_SIZE);
  if (index >= params.batch / params.samples * params.latent) {
    return;
  }
  let image = index / params.latent;
  let j = index % params.latent;
  let head = image * 2u * params.latent + j;
  let mu = heads[head];
  let sigma = exp(0.5 * heads[head + params.latent]);
  var dmu = 0.0;
  var dlogvar = 0.0;
  for (var k = 0u; k < params.samples; k++) {
    let row = image * params.samples + k;
    let at = row * params.latent + j;
    let shift = sigma * noise(at, state.step, params.stream, params.seed);
    let g = dz[at] + params.scale * weights[row] * (mu + shift);
    dmu += g;
    dlogvar += g * shift;
  }
  dheads[head] = dmu;
  dheads[head + params.latent] = 0.5 * (dlogvar - params.scale);
}
