// importance_sample: K samples of every image's q(z|x) = N(mu, diag sigma^2), and how much more likely each is under the prior:
//   z[b K + k] = mu[b] + exp(logvar[b] / 2) eps
//   ratio[b K + k] = log p(z) - log q(z|x) = sum_j (eps_j^2 + logvar_j - z_j^2) / 2,  p(z) = N(0, I); the log(2 pi) cancel
// Burda et al. 2016, "Importance weighted autoencoders", section 3.
// heads (B, 2 L): mu in the first L columns, logvar in the others; z (B K, L); ratio (B K). One thread: one sample, its dimensions in
// turn. Needs elementwise.wgsl, state.wgsl and one of noise_*.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  batch: u32,    // rows of z, B K
  latent: u32,   // L
  samples: u32,  // K
  seed: u32,
  stream: u32,
}

@group(0) @binding(0) var<storage, read> heads: array<f32>;
@group(0) @binding(1) var<storage, read> state: State;
@group(0) @binding(2) var<storage, read_write> z: array<f32>;
@group(0) @binding(3) var<storage, read_write> ratio: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let row = element_index(workgroup_id, num_workgroups, local_id, WORKGROUP_SIZE);
  if (row >= params.batch) {
    return;
  }
  let head = row / params.samples * 2u * params.latent;
  var sum = 0.0;
  for (var j = 0u; j < params.latent; j++) {
    let logvar = heads[head + params.latent + j];
    let eps = noise(row * params.latent + j, state.step, params.stream, params.seed);
    let sample = heads[head + j] + exp(0.5 * logvar) * eps;
    z[row * params.latent + j] = sample;
    sum += 0.5 * (eps * eps + logvar - sample * sample);
  }
  ratio[row] = sum;
}
