// conv: what is applied to a sum and its bias. Needs logistic.wgsl and silu.wgsl.

fn activate(x: Element) -> Element {
  switch (params.activation) {
    case 1u: { return select(x, Element(), x < Element()); }  // not max(): that would hide a NaN
    case 2u: { return forward(x); }
    default: { return x; }
  }
}
