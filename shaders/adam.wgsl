// adam: one step of Adam (Kingma & Ba 2015, algorithm 1) over all parameters at once, as torch.optim.Adam computes it.
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   param -= learning_rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
// The last line with both sides of the fraction times sqrt(1 - beta2^t), which saves a division for every parameter.
// grad, param, m, v: (P) f32 as vec4, P a multiple of four. t is the number of this step, from 1.
// A new v or parameter that is not finite sets OVERFLOWED. m needs no look: it is at most the largest gradient so far, and a
// gradient that is not finite makes v so; nor does what a moment brings along, which goes into the parameter.
// Needs elementwise.wgsl, state.wgsl.

override WORKGROUP_SIZE: u32 = 64u;
override VEC4S_PER_THREAD: u32 = 1u;

struct Params {
  vec4s: u32,  // P / 4
  learning_rate: f32,
  beta1: f32,
  beta2: f32,
  one_minus_beta1: f32,  // from the CPU's f64: 1 - 0.999f would be off by 6e-5
  one_minus_beta2: f32,
  log_beta1: f32,
  log_beta2: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> grad: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> state: SharedState;
@group(0) @binding(2) var<storage, read_write> param: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;

// 1 - exp(x) for x <= 0, without the cancellation near 0: there the Taylor series, exact to f32 for |x| < 0.5. Its
// coefficients are 1 / n!, so that nothing is divided.
fn one_minus_exp(x: f32) -> f32 {
  let small = 1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0 + x * (1.0 / 5040.0 + x * (1.0 / 40320.0))));
  let series = -x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * small)));
  return select(1.0 - exp(x), series, x > -0.5);
}

// Compilers fold x != x to false, so the bits are looked at: without the sign, infinity and NaN have the largest.
const SIGN_OFF = vec4u(0x7fffffffu);
const INFINITY = vec4u(0x7f800000u);

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  if ((atomicLoad(&state.halted) & HALTED) != 0u) {
    return;
  }
  let t = f32(state.step);
  let root2 = sqrt(one_minus_exp(params.log_beta2 * t));
  let rate = params.learning_rate / one_minus_exp(params.log_beta1 * t) * root2;
  let epsilon = params.epsilon * root2;
  // A workgroup's vec4s lie together, a thread's so far apart that neighbouring threads read neighbours.
  let first = element_index(workgroup_id, num_workgroups, vec3u(), WORKGROUP_SIZE * VEC4S_PER_THREAD) + local_id.x;
  let end = min(first + WORKGROUP_SIZE * VEC4S_PER_THREAD, params.vec4s);
  if (VEC4S_PER_THREAD == 1u) {
    if (first < end) { update(first, rate, epsilon); }
    return;
  }
  for (var index = first; index < end; index += WORKGROUP_SIZE) {
    update(index, rate, epsilon);
  }
}

// Both as scaled above.
fn update(index: u32, rate: f32, epsilon: f32) {
  let g = grad[index];
  let m_new = params.beta1 * m[index] + params.one_minus_beta1 * g;
  let v_new = params.beta2 * v[index] + params.one_minus_beta2 * g * g;
  m[index] = m_new;
  v[index] = v_new;
  let param_new = param[index] - rate * m_new / (sqrt(v_new) + epsilon);
  param[index] = param_new;
  let bits = max(bitcast<vec4u>(v_new) & SIGN_OFF, bitcast<vec4u>(param_new) & SIGN_OFF);
  if (any(bits >= INFINITY)) {
    atomicOr(&state.halted, OVERFLOWED);
  }
}
