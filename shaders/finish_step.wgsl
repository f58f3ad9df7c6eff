// finish_step: adds up the step's loss terms, writes their means over the batch to a ring, and advances the state.
//   losses[step % capacity] = (sum(bce) / B, sum(kld) / B), in nats per image
// The order of the sum is fixed (strided, then a tree), so the same terms give the same bits. One workgroup.
// A non-finite loss sets HALTED: adam.wgsl then leaves the parameters alone and the state stays at this step. So does an
// OVERFLOWED of the step before, whose losses stay in the ring.
// Needs state.wgsl.

override WORKGROUP_SIZE: u32 = 256u;

struct Params {
  bce_terms: u32,
  kld_terms: u32,
  batch: u32,     // B
  count: u32,     // N, images in an epoch
  capacity: u32,  // entries of the ring
}

@group(0) @binding(0) var<storage, read> bce: array<f32>;
@group(0) @binding(1) var<storage, read> kld: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: State;
@group(0) @binding(3) var<storage, read_write> losses: array<vec2f>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> partial: array<vec2f, WORKGROUP_SIZE>;

// Compilers fold x != x to false, so the exponent bits are looked at.
fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_id) local_id: vec3u) {
  let local_index = local_id.x;  // see elementwise.wgsl
  var sum = vec2f();
  for (var i = local_index; i < params.bce_terms; i += WORKGROUP_SIZE) {
    sum.x += bce[i];
  }
  for (var i = local_index; i < params.kld_terms; i += WORKGROUP_SIZE) {
    sum.y += kld[i];
  }
  partial[local_index] = sum;
  for (var width = WORKGROUP_SIZE / 2u; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (local_index < width) {
      partial[local_index] += partial[local_index + width];
    }
  }
  if (local_index > 0u) {
    return;
  }
  if ((state.halted & OVERFLOWED) != 0u) {
    state.halted |= HALTED;
    return;
  }
  let mean = partial[0] / f32(params.batch);
  losses[state.step % params.capacity] = mean;
  if (is_finite(mean.x) && is_finite(mean.y)) {
    let position = state.position + params.batch;
    state.step += 1u;
    state.epoch += position / params.count;
    state.position = position % params.count;
  } else {
    state.halted = HALTED;
  }
}
