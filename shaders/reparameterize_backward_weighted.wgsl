// reparameterize, backward, where the weight of the KL divergence depends on the step or on the latent dimension; else as
// reparameterize_backward.wgsl. With k = scale() counts(j), the weight of KL_j over B:
//   dmu     = dz + k mu
//   dlogvar = dz eps exp(logvar / 2) / 2 + k (exp(logvar) - 1) / 2
// dz (B, L) already carries the 1/B; heads and dheads (B, 2 L). Overwrites dheads. One thread: one element of z.
// Needs elementwise.wgsl, state.wgsl, and one each of noise_*.wgsl, scale_*.wgsl and kl_*.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  batch: u32,      // B
  latent: u32,     // L
  seed: u32,
  stream: u32,
  scale: f32,      // beta / B
}

@group(0) @binding(0) var<storage, read> heads: array<f32>;
@group(0) @binding(1) var<storage, read> state: State;
@group(0) @binding(2) var<storage, read> dz: array<f32>;
@group(0) @binding(3) var<storage, read_write> dheads: array<f32>;
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
  let logvar = heads[head + params.latent];
  let eps = noise(index, state.step, params.stream, params.seed);
  let kl_scale = scale() * counts(index % params.latent);
  dheads[head] = dz[index] + kl_scale * heads[head];
  dheads[head + params.latent] = 0.5 * (dz[index] * eps * exp(0.5 * logvar) + kl_scale * (exp(logvar) - 1.0));
}
