// tanh, f' = 1 - tanh^2. Written out, because drivers' own differ, may be off by 1e-5, and may be NaN where cosh overflows.

// Near 0 Lambert's continued fraction x / (1 + x^2 / (3 + x^2 / (5 + x^2 / (7 + x^2 / 9)))), within 1e-9 for |x| < 5/8, because
// 1 - exp(-2 |x|) would cancel there.
fn forward(x: Element) -> Element {
  let t = x * x;
  let near = x * (945.0 + t * (105.0 + t)) / (945.0 + t * (420.0 + t * 15.0));
  let e = exp(-2.0 * abs(x));
  let far = (1.0 - e) / (1.0 + e);
  return select(select(-far, far, x >= Element()), near, abs(x) < Element(0.625));
}

// 1 - tanh^2 = 4 e / (1 + e)^2 with e = exp(-2 |x|), without the cancellation.
fn backward(x: Element, d: Element) -> Element {
  let e = exp(-2.0 * abs(x));
  return d * 4.0 * e / ((1.0 + e) * (1.0 + e));
}
