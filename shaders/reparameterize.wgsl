// reparameterize: z = mu + exp(logvar / 2) eps, and the KL divergence of q(z|x) from N(0, I), term by term
//   kld[i, j] = -1/2 (1 + logvar - mu^2 - exp(logvar))
// Kingma & Welling 2014, "Auto-encoding variational Bayes", section 2.4 and appendix B.
// heads (B, 2 L): mu in the first L columns, logvar in the others; z (B, L); kld (B, L). One thread: one element.
// Needs elementwise.wgsl, state.wgsl and one of noise_*.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  batch: u32,   // B
  latent: u32,  // L
  seed: u32,
  stream: u32,
}

@group(0) @binding(0) var<storage, read> heads: array<f32>;
@group(0) @binding(1) var<storage, read> state: State;
@group(0) @binding(2) var<storage, read_write> z: array<f32>;
@group(0) @binding(3) var<storage, read_write> kld: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let index = element_index(workgroup_id, num_workgroups, local_id, WORKGROUP_SIZE);
  if (index >= params.batch * params.latent) {
    return;
  }
  let row = index / params.latent;
  let head = row * 2u * params.latent + index % params.latent;
  let mu = heads[head];
  let logvar = heads[head + params.latent];
  z[index] = mu + exp(0.5 * logvar) * noise(index, state.step, params.stream, params.seed);
  kld[index] = -0.5 * (1.0 + logvar - mu * mu - exp(logvar));
}
