// Epilogue of dense_forward.wgsl for the last layer: logits l = sum + bias, against the pixels x in [0, 1], never stored:
//   bce  = max(l, 0) - l x + log(1 + exp(-|l|))      (the stable form of -x log s(l) - (1 - x) log(1 - s(l)))
//   dlogits = (sigmoid(l) - x) / B
// x and dlogits (B, D); bce: one partial sum per thread of the dispatch.
@group(0) @binding(3) var<storage, read> bias: array<Element>;
@group(0) @binding(4) var<storage, read> x: array<Element>;
@group(0) @binding(5) var<storage, read_write> dlogits: array<Element>;
@group(0) @binding(6) var<storage, read_write> bce: array<f32>;

var<private> thread_bce: f32 = 0.0;

fn epilogue(part: u32, row: u32, column: u32, sums: vec4f) {
  let columns = column + vec4u(0u, 1u, 2u, 3u);
  let inside = columns < vec4u(params.OC);
  let last = min(columns, vec4u(params.OC - 1u));
  let own = last >> vec4u(SHIFT);
  let at = (row * params.OC + last) >> vec4u(SHIFT);
  let logits = sums + four(bias[own.x], bias[own.y], bias[own.z], bias[own.w]);
  let target_x = four(x[at.x], x[at.y], x[at.z], x[at.w]);
  let e = exp(-abs(logits));
  let terms = max(logits, vec4f()) - logits * target_x + log(1.0 + e);
  thread_bce += dot(select(vec4f(), terms, inside), vec4f(1.0));
  let gradient = (select(e, vec4f(1.0), logits >= vec4f()) / (1.0 + e) - target_x) * params.scale;
  if (inside.x) { dlogits[at.x] = element(gradient, 0u); }
  if (WIDTH == 1u) {
    if (inside.y) { dlogits[at.y] = element(gradient, 1u); }
    if (inside.z) { dlogits[at.z] = element(gradient, 2u); }
    if (inside.w) { dlogits[at.w] = element(gradient, 3u); }
  }
}

fn epilogue_end(thread: u32) {
  bce[thread] = thread_bce;
}
