// draw_images: a sheet of images, row by row, in a rectangle of a canvas, from (n, D) f32 in [0, 1], one number for a pixel or three.
// colour = mix(paper, ink, strength value) of grey images, mix(paper, value, strength) of coloured ones. Values between pixels are interpolated, never across the edge of an image.

struct Params {
  canvas: vec2f,    // pixels
  origin: vec2f,    // of the sheet's top left corner, pixels
  size: vec2f,      // of the sheet, pixels
  cells: vec2f,     // columns and rows of the sheet
  image: vec2f,     // columns and rows of an image
  gap: f32,         // between images, pixels
  count: f32,       // images; cells beyond stay empty
  channels: f32,    // of a pixel: 1 or 3
  strength: f32,    // 0 is all paper
  paper: vec4f,
  ink: vec4f,
}

@group(0) @binding(0) var<storage, read> pixels: array<f32>;
@group(0) @binding(1) var<uniform> params: Params;

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
  let corner = vec2f(f32(index & 1u), f32(index >> 1u));
  let at = (params.origin + corner * params.size) / params.canvas;
  return vec4f(2.0 * at.x - 1.0, 1.0 - 2.0 * at.y, 0.0, 1.0);
}

fn pixel(first: u32, at: vec2i) -> vec3f {
  let last = vec2i(params.image) - 1;
  let place = vec2u(clamp(at, vec2i(0), last));
  let start = first + (place.y * u32(params.image.x) + place.x) * u32(params.channels);
  if (params.channels == 1.0) {
    return vec3f(pixels[start]);
  }
  return vec3f(pixels[start], pixels[start + 1u], pixels[start + 2u]);
}

@fragment
fn fragment(@builtin(position) position: vec4f) -> @location(0) vec4f {
  let pitch = params.size / params.cells;
  let inside = position.xy - params.origin;
  let cell = clamp(floor(inside / pitch), vec2f(0.0), params.cells - 1.0);
  let index = cell.y * params.cells.x + cell.x;
  let within = inside - cell * pitch - 0.5 * params.gap;
  let side = pitch - params.gap;
  if (index >= params.count || any(within < vec2f(0.0)) || any(within >= side)) {
    discard;
  }
  let at = within / side * params.image - 0.5;
  let low = floor(at);
  let part = at - low;
  let first = u32(index) * u32(params.image.x) * u32(params.image.y) * u32(params.channels);
  let corner = vec2i(low);
  let top = mix(pixel(first, corner), pixel(first, corner + vec2i(1, 0)), part.x);
  let bottom = mix(pixel(first, corner + vec2i(0, 1)), pixel(first, corner + vec2i(1, 1)), part.x);
  let value = mix(top, bottom, part.y);
  if (params.channels == 1.0) {
    return mix(params.paper, params.ink, params.strength * value.x);
  }
  return mix(params.paper, vec4f(value, 1.0), params.strength);
}
