// The logistic function s(x) = 1 / (1 + exp(-x)), of an exponential that never overflows. Needs an element_*.wgsl.

fn logistic(x: Element) -> Element {
  let e = exp(-abs(x));
  return select(e, Element(1.0), x >= Element()) / (1.0 + e);
}
