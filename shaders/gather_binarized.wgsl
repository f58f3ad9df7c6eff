// gather, with pixels binarized dynamically: x[i, d] = 1 with probability images[sample(position + i), d] / 255, else 0, drawn anew
// in every step (Burda et al. 2016, "Importance weighted autoencoders", section 5.1; Salakhutdinov & Murray 2008).
// images (N, D) u8, packed four to a word; x (B, D) f32, 0 or 1. One thread: sixteen neighbouring pixels of one image.
// Pixel d of row i is 1 where u < byte / 255, u = (w >> 8) / 2^24, with w word d mod 4 of Philox's counter
// (i ceil(D / 4) + floor(d / 4), step, stream, 0). Compared as integers, so that it is exact: (w >> 8) 255 < byte 2^24.
// Needs elementwise.wgsl, philox.wgsl, shuffle.wgsl, state.wgsl and pixels_vec4.wgsl or pixels_scalar.wgsl.

override WORKGROUP_SIZE: u32 = 64u;
const PIXELS = 16u;  // of a thread

struct Params {
  batch: u32,       // B
  image_size: u32,  // D
  count: u32,       // N
  half_bits: u32,   // of the shuffle's Feistel network; 0: images in their own order
  seed: u32,
  stream: u32,
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
  let counter = row * ((params.image_size + 3u) / 4u);
  for (var pixel = first; pixel < end; pixel += 4u) {
    let random = philox4x32_10(vec4u(counter + pixel / 4u, state.step, params.stream, 0u), vec2u(params.seed, 0u));
    let is_one = (random >> vec4u(8u)) * 255u < four_bytes(image * params.image_size + pixel) << vec4u(24u);
    store_pixels(row, pixel, select(vec4f(), vec4f(1.0), is_one));
  }
}
