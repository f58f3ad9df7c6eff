// Clipping by the global norm, second half (Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", as
// torch.nn.utils.clip_grad_norm_ computes it): what all gradients are to be multiplied by.
//   norm = sqrt(sum of squares),  clip = (min(1, max_norm / (norm + 1e-6)), norm)
// squares: what grad_squares.wgsl has left; clip (2). In a fixed order: strided, then a tree. One workgroup.
// A norm that is not finite is handed on as the factor, so that adamw.wgsl makes values that are not finite and says so, where a
// factor of 0 would end the learning without a word.
// Needs workgroup_sum.wgsl.

override WORKGROUP_SIZE: u32 = 256u;

struct Params {
  parts: u32,  // of the sum
  max_norm: f32,
}

@group(0) @binding(0) var<storage, read> squares: array<f32>;
@group(0) @binding(1) var<storage, read_write> clip: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_id) local_id: vec3u) {
  let local_index = local_id.x;  // see elementwise.wgsl
  var part = 0.0;
  for (var i = local_index; i < params.parts; i += WORKGROUP_SIZE) {
    part += squares[i];
  }
  let norm = sqrt(workgroup_sum(local_index, part));
  if (local_index > 0u) {
    return;
  }
  let factor = params.max_norm / (norm + 1e-6);
  // Compilers fold x != x to false, so the bits are looked at.
  let is_finite = (bitcast<u32>(norm) & 0x7f800000u) != 0x7f800000u;
  clip[0] = select(norm, min(1.0, factor), is_finite);
  clip[1] = norm;
}
