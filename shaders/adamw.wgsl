// adamw: adam.wgsl with decoupled weight decay (Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2, as
// torch.optim.AdamW computes it), a learning rate that follows a schedule, and gradients that are clipped beforehand:
//   rate = learning_rate step_factor(t - 1),  g = clip grad
//   param -= rate decay param + rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon), m and v as in adam.wgsl
// The decay is taken off in one subtraction, not by the factor 1 - rate decay, which in f32 would be off by 6e-8 / (rate decay).
// grad, param, m, v: (P) f32 as vec4, P a multiple of four; decay (P / 64): one for every 64 neighbours, since parameters begin at
// multiples of 256 bytes; clip (2): the factor, and the norm. t is the number of this step, from 1.
// Halts, and looks for values that are not finite, as adam.wgsl does. Needs elementwise.wgsl, state.wgsl, step_schedule.wgsl.

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
@group(0) @binding(5) var<storage, read> decay: array<f32>;
@group(0) @binding(6) var<storage, read> clip: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

// See adam.wgsl, also for the bits below.
fn one_minus_exp(x: f32) -> f32 {
  let small = 1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0 + x * (1.0 / 5040.0 + x * (1.0 / 40320.0))));
  let series = -x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * small)));
  return select(1.0 - exp(x), series, x > -0.5);
}

const SIGN_OFF = vec4u(0x7fffffffu);
const INFINITY = vec4u(0x7f800000u);

// What is the same for all parameters in a step; both sides of the fraction are multiplied by sqrt(1 - beta2^t), as in adam.wgsl.
struct Step {
  decay_rate: f32,  // rate
  rate: f32,
  epsilon: f32,
  clip: f32,
}

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
  let rate = params.learning_rate * step_factor(state.step - 1u);
  let step = Step(rate, rate / one_minus_exp(params.log_beta1 * t) * root2, params.epsilon * root2, clip[0]);
  // A workgroup's vec4s lie together, a thread's so far apart that neighbouring threads read neighbours.
  let first = element_index(workgroup_id, num_workgroups, vec3u(), WORKGROUP_SIZE * VEC4S_PER_THREAD) + local_id.x;
  let end = min(first + WORKGROUP_SIZE * VEC4S_PER_THREAD, params.vec4s);
  for (var index = first; index < end; index += WORKGROUP_SIZE) {
    update(index, step);
  }
}

fn update(index: u32, step: Step) {
  let g = step.clip * grad[index];
  let m_new = params.beta1 * m[index] + params.one_minus_beta1 * g;
  let v_new = params.beta2 * v[index] + params.one_minus_beta2 * g * g;
  m[index] = m_new;
  v[index] = v_new;
  let shrink = (step.decay_rate * decay[index / 16u]) * param[index];
  let param_new = param[index] - (shrink + step.rate * m_new / (sqrt(v_new) + step.epsilon));
  param[index] = param_new;
  let bits = max(bitcast<vec4u>(v_new) & SIGN_OFF, bitcast<vec4u>(param_new) & SIGN_OFF);
  if (any(bits >= INFINITY)) {
    atomicOr(&state.halted, OVERFLOWED);
  }
}
