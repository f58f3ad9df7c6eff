// gather, where D is a multiple of four: so every image begins with a word, and x is an array of vec4.

@group(0) @binding(2) var<storage, read_write> x: array<vec4f>;

// Four neighbouring bytes of the images, beginning at a byte that is a multiple of four.
fn four_bytes(byte: u32) -> vec4u {
  let word = images[byte / 4u];
  return vec4u(word, word >> 8u, word >> 16u, word >> 24u) & vec4u(0xffu);
}

fn store_pixels(row: u32, pixel: u32, values: vec4f) {
  x[(row * params.image_size + pixel) / 4u] = values;
}
