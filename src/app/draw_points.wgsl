// draw_points: the means of q(z|x) as discs, coloured by class, straight from heads (n, 2 L) f32.
// One instance per image, four vertices each (a triangle strip).

struct Params {
  canvas: vec2f,     // pixels
  scale: vec2f,      // pixels per unit of z, y negative
  offset: vec2f,     // pixel of z = 0
  radius: f32,       // pixels
  alpha: f32,
  axis_x: u32,       // dimension of z on each axis
  axis_y: u32,
  latent: u32,       // L; 1: the class takes the place of the second dimension
  slots: u32,        // places of classes
  hidden: vec2u,     // bit c: points of colour c are not shown
  count: u32,        // colours in use
  colors: array<vec4f, 64>,
}

@group(0) @binding(0) var<storage, read> heads: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;   // places, below params.slots
@group(0) @binding(2) var<uniform> params: Params;

struct Corner {
  @builtin(position) position: vec4f,
  @location(0) at: vec2f,      // in radii
  @location(1) color: vec4f,   // alpha included, not multiplied
}

@vertex
fn vertex(@builtin(vertex_index) index: u32, @builtin(instance_index) image: u32) -> Corner {
  let slot = labels[image];
  // More classes than colours share them along a bar.
  let color = select(slot, slot * params.count / params.slots, params.slots > params.count);
  let row = image * 2u * params.latent;
  var z = vec2f(heads[row + params.axis_x], heads[row + params.axis_y]);
  if (params.latent == 1u) {
    // The multiples of the golden ratio, modulo 1, fill a strip evenly.
    let strip = 5.5 / f32(params.slots);
    z.y = strip * (0.5 * f32(params.slots - 1u) - f32(slot) + 0.73 * (fract(f32(image) * 0.618034) - 0.5));
  }
  let corner = 2.0 * vec2f(f32(index & 1u), f32(index >> 1u)) - 1.0;
  let reach = params.radius + 0.5;
  let at = (params.offset + params.scale * z + corner * reach) / params.canvas;
  let is_hidden = (params.hidden[color >> 5u] >> (color & 31u)) & 1u;
  var out: Corner;
  // Behind the far plane nothing is drawn.
  out.position = vec4f(2.0 * at.x - 1.0, 1.0 - 2.0 * at.y, select(0.0, 2.0, is_hidden == 1u), 1.0);
  out.at = corner * reach;
  out.color = params.colors[color];
  return out;
}

@fragment
fn fragment(corner: Corner) -> @location(0) vec4f {
  let cover = clamp(params.radius + 0.5 - length(corner.at), 0.0, 1.0) * params.alpha;
  return vec4f(corner.color.rgb * cover, cover);
}
