// gather, where D is any number: four bytes may lie across two words, and the last of an image may be fewer than four.

@group(0) @binding(2) var<storage, read_write> x: array<f32>;

fn four_bytes(byte: u32) -> vec4u {
  let shift = (byte & 3u) * 8u;
  var word = images[byte >> 2u] >> shift;
  if (shift > 0u) {
    word |= images[(byte >> 2u) + 1u] << (32u - shift);
  }
  return vec4u(word, word >> 8u, word >> 16u, word >> 24u) & vec4u(0xffu);
}

fn store_pixels(row: u32, pixel: u32, values: vec4f) {
  let at = row * params.image_size + pixel;
  x[at] = values.x;
  if (pixel + 1u < params.image_size) { x[at + 1u] = values.y; }
  if (pixel + 2u < params.image_size) { x[at + 2u] = values.z; }
  if (pixel + 3u < params.image_size) { x[at + 3u] = values.w; }
}
