// gather: x[i, d] = images[sample(position + i), d] / 255.
// images (N, D) u8, packed four to a word; x (B, D) f32 in [0, 1]. One thread: sixteen neighbouring pixels of one image, so
// that finding the image, which takes longer than copying four, is worth it.
// Needs elementwise.wgsl, shuffle.wgsl, state.wgsl and pixels_vec4.wgsl or pixels_scalar.wgsl.

override WORKGROUP_SIZE: u32 = 64u;
const PIXELS = 16u;  // of a thread

struct Params {
  batch: u32,       // B
  image_size: u32,  // D
  count: u32,       // N
  half_bits: u32,   // of the shuffle's Feistel network; 0: images in their own order
  seed: u32,
}

@group(0) @binding(0) var<storage, read> images: array<u32>;
@group(0) @binding(1) var<storage, read> state: State;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_id) local_id: vec3u,
) {
  let index = element_index(workgroup_id, num_workgroups, local_id, WORKGROUP_SIZE);
  let parts = (params.image_size + PIXELS - 1u) / PIXELS;
  let row = index / parts;
  if (row >= params.batch) {
    return;
  }

  let image = sample_at(state.position + row, params.count, params.half_bits, params.seed, state.epoch);
  let first = (index % parts) * PIXELS;
  let end = min(first + PIXELS, params.image_size);
  for (var pixel = first; pixel < end; pixel += 4u) {
    store_pixels(row, pixel, vec4f(four_bytes(image * params.image_size + pixel)) / 255.0);
  }
}
