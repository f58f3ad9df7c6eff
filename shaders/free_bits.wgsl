// free_bits: per latent dimension the KL divergence as a mean over the batch, of which the first `floor` nats cost nothing
// (Kingma et al. 2016, "Improving variational inference with inverse autoregressive flow", free bits, each dimension a group):
//   loss = sum over j of max(floor, KL_j),  KL_j = sum over i of kld[i, j] / B
//   terms[j] = B max(floor, KL_j), so that their sum over B is the loss;  counted[j] = 1 where KL_j > floor, else 0
// kld (B, L); terms, counted (L). One workgroup: one dimension, always added up in the same order.
// Needs elementwise.wgsl, workgroup_sum.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  batch: u32,   // B
  latent: u32,  // L
  floor: f32,   // in nats
}

@group(0) @binding(0) var<storage, read> kld: array<f32>;
@group(0) @binding(1) var<storage, read_write> terms: array<f32>;
@group(0) @binding(2) var<storage, read_write> counted: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let local_index = local_id.x;  // see elementwise.wgsl
  // The last workgroups of a dispatch of several rows of them have nothing to do, but may not leave before the barriers.
  let number = element_index(workgroup_id, num_workgroups, vec3u(), 1u);
  let column = min(number, params.latent - 1u);
  var part = 0.0;
  for (var row = local_index; row < params.batch; row += WORKGROUP_SIZE) {
    part += kld[row * params.latent + column];
  }
  let sum = workgroup_sum(local_index, part);
  if (local_index > 0u || number >= params.latent) {
    return;
  }
  let free = params.floor * f32(params.batch);
  // A NaN is not free.
  let is_free = sum <= free;
  terms[column] = select(sum, free, is_free);
  counted[column] = select(1.0, 0.0, is_free);
}
