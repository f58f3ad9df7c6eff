// Clipping by the global norm, first half: squares[w] = sum of the squares of workgroup w's gradients; clip_norm.wgsl is the second.
// grad (P) f32 as vec4, P a multiple of four. The order of the sums is fixed: a thread's vec4s in turn, then a tree.
// Needs elementwise.wgsl, workgroup_sum.wgsl.

override WORKGROUP_SIZE: u32 = 256u;
const VEC4S_PER_THREAD = 16u;

struct Params {
  vec4s: u32,  // P / 4
}

@group(0) @binding(0) var<storage, read> grad: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> squares: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let local_index = local_id.x;  // see elementwise.wgsl
  let group = element_index(workgroup_id, num_workgroups, vec3u(), 1u);
  let first = group * WORKGROUP_SIZE * VEC4S_PER_THREAD;
  let end = min(first + WORKGROUP_SIZE * VEC4S_PER_THREAD, params.vec4s);
  var sum = vec4f();
  for (var index = first + local_index; index < end; index += WORKGROUP_SIZE) {
    sum += grad[index] * grad[index];
  }
  let square = workgroup_sum(local_index, (sum.x + sum.y) + (sum.z + sum.w));
  if (local_index == 0u && group < arrayLength(&squares)) {
    squares[group] = square;
  }
}
