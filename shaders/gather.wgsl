// gather: x[i, d] = images[sample(position + i), d] / 255.
// images (N, D) u8, packed four to a word; x (B, D) f32 in [0, 1]. One thread: four neighbouring pixels of one image.
// Needs elementwise.wgsl, shuffle.wgsl, state.wgsl.

override WORKGROUP_SIZE: u32 = 64u;

struct Params {
  batch: u32,       // B
  image_size: u32,  // D
  count: u32,       // N
  half_bits: u32,   // of the shuffle's Feistel network; 0: images in their own order
  seed: u32,
}

@group(0) @binding(0) var<storage, read> images: array<u32>;
@group(0) @binding(1) var<storage, read> state: State;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) num_workgroups: vec3u,
  @builtin(local_invocation_index) local_index: u32,
) {
  let index = element_index(workgroup_id, num_workgroups, local_index, WORKGROUP_SIZE);
  let quads = (params.image_size + 3u) / 4u;
  let row = index / quads;
  if (row >= params.batch) {
    return;
  }
  let pixel = (index % quads) * 4u;

  // A batch may straddle epochs, and a batch larger than the data set several of them.
  let stream = state.position + row;
  var image = stream % params.count;
  if (params.half_bits > 0u) {
    image = shuffled_position(image, params.count, params.half_bits, params.seed, state.epoch + stream / params.count);
  }

  // Image sizes need not be a multiple of four: the four bytes may lie across two words.
  let byte = image * params.image_size + pixel;
  let shift = (byte & 3u) * 8u;
  var word = images[byte >> 2u] >> shift;
  if (shift > 0u) {
    word |= images[(byte >> 2u) + 1u] << (32u - shift);
  }
  let value = vec4f(vec4u(word, word >> 8u, word >> 16u, word >> 24u) & vec4u(0xffu)) / 255.0;

  let out = row * params.image_size + pixel;
  x[out] = value.x;
  if (pixel + 1u < params.image_size) { x[out + 1u] = value.y; }
  if (pixel + 2u < params.image_size) { x[out + 2u] = value.z; }
  if (pixel + 3u < params.image_size) { x[out + 3u] = value.w; }
}
