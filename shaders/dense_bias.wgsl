// Epilogue of dense_forward.wgsl: out = activation(sum + bias), activation none, ReLU or sigmoid.
@group(0) @binding(3) var<storage, read> bias: array<Element>;
@group(0) @binding(4) var<storage, read_write> out: array<Element>;

fn epilogue(part: u32, row: u32, column: u32, sums: vec4f) {
  let columns = column + vec4u(0u, 1u, 2u, 3u);
  let last = min(columns, vec4u(params.OC - 1u)) >> vec4u(SHIFT);
  var value = sums + four(bias[last.x], bias[last.y], bias[last.z], bias[last.w]);
  switch (params.activation) {
    case 1u: { value = select(value, vec4f(), value < vec4f()); }  // not max(): that would hide a NaN
    case 2u: { value = 1.0 / (1.0 + exp(-value)); }
    default: {}
  }
  let at = row * params.OC + columns;
  if (columns.x < params.OC) { out[at.x >> SHIFT] = element(value, 0u); }
  if (WIDTH == 1u) {
    if (columns.y < params.OC) { out[at.y] = element(value, 1u); }
    if (columns.z < params.OC) { out[at.z] = element(value, 2u); }
    if (columns.w < params.OC) { out[at.w] = element(value, 3u); }
  }
}

fn epilogue_end(thread: u32) {}
