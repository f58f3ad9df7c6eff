// finish_step: adds up the step's loss terms, at most four, writes their means over the batch to a ring, and advances the state.
//   losses[step % capacity, i] = sum(term_i) / B
// The order of the sums is fixed (strided, then a tree), so the same terms give the same bits. One workgroup.
// A non-finite loss sets HALTED: adam.wgsl then leaves the parameters alone and the state stays at this step. So does an
// OVERFLOWED of the step before, whose losses stay in the ring.
// Needs state.wgsl.

override WORKGROUP_SIZE: u32 = 256u;

struct Params {
  terms: u32,     // T, columns of the ring
  count_0: u32,   // partial sums of each term; 0: there is no such term
  count_1: u32,
  count_2: u32,
  count_3: u32,
  batch: u32,     // B
  count: u32,     // N, images in an epoch
  capacity: u32,  // entries of the ring
}

@group(0) @binding(0) var<storage, read> term_0: array<f32>;
@group(0) @binding(1) var<storage, read> term_1: array<f32>;
@group(0) @binding(2) var<storage, read> term_2: array<f32>;
@group(0) @binding(3) var<storage, read> term_3: array<f32>;
@group(0) @binding(4) var<storage, read_write> state: State;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;  // (capacity, T)
@group(0) @binding(6) var<uniform> params: Params;

var<workgroup> partial: array<vec4f, WORKGROUP_SIZE>;

// Compilers fold x != x to false, so the exponent bits are looked at.
fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_id) local_id: vec3u) {
  let local_index = local_id.x;  // see elementwise.wgsl
  var sum = vec4f();
  for (var i = local_index; i < params.count_0; i += WORKGROUP_SIZE) {
    sum.x += term_0[i];
  }
  for (var i = local_index; i < params.count_1; i += WORKGROUP_SIZE) {
    sum.y += term_1[i];
  }
  for (var i = local_index; i < params.count_2; i += WORKGROUP_SIZE) {
    sum.z += term_2[i];
  }
  for (var i = local_index; i < params.count_3; i += WORKGROUP_SIZE) {
    sum.w += term_3[i];
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
  let at = (state.step % params.capacity) * params.terms;
  losses[at] = mean.x;
  if (params.terms > 1u) { losses[at + 1u] = mean.y; }
  if (params.terms > 2u) { losses[at + 2u] = mean.z; }
  if (params.terms > 3u) { losses[at + 3u] = mean.w; }
  if (is_finite(mean.x) && is_finite(mean.y) && is_finite(mean.z) && is_finite(mean.w)) {
    let position = state.position + params.batch;
    state.step += 1u;
    state.epoch += position / params.count;
    state.position = position % params.count;
  } else {
    state.halted = HALTED;
  }
}
