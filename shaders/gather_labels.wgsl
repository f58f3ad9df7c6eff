// gather_labels: out[i] = labels[sample(position + i)], the labels of the images that gather.wgsl takes.
// labels (N) u32; out (B) u32. One thread: one label. Needs elementwise.wgsl, shuffle.wgsl, state.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  batch: u32,      // B
  count: u32,      // N
  half_bits: u32,  // of the shuffle's Feistel network; 0: in their own order
  seed: u32,
}

@group(0) @binding(0) var<storage, read> labels: array<u32>;
@group(0) @binding(1) var<storage, read> state: State;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

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
  out[row] = labels[sample_at(state.position + row, params.count, params.half_bits, params.seed, state.epoch)];
}
