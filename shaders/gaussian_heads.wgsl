// The normal likelihood with a mean and a log sigma^2 for every element, which one product makes side by side:
//   term = ((mean - x)^2 / sigma^2 + logvar + log(2 pi)) / 2
//   dmean = (mean - x) / sigma^2,  dlogvar = (1 - (mean - x)^2 / sigma^2) / 2
// heads, dheads (B, 2 D): mean in the first D columns, logvar in the others; x (B, D). dheads is the sink's dinp.

struct Params {
  elements: u32,  // Elements of x
  columns: u32,   // of these, in a row
  masked: u32,
  accumulate: u32,
  scale: f32,     // weight / B
}

@group(0) @binding(0) var<storage, read> heads: array<Element>;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(5) var<uniform> params: Params;

fn likelihood(index: u32, scale: f32) -> Element {
  let head = index / params.columns * 2u * params.columns + index % params.columns;
  let logvar = heads[head + params.columns];
  let inverse = exp(-logvar);
  let difference = heads[head] - x[index];
  let square = difference * difference * inverse;
  put(head, scale * inverse * difference);
  put(head + params.columns, (0.5 * scale) * (1.0 - square));
  return 0.5 * (square + logvar + 1.83787707);
}
