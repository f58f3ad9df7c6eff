// ReLU: f(x) = x where x > 0, else 0. A NaN stays one; max() would hide it.

fn forward(x: Element) -> Element {
  return select(x, Element(), x < Element());
}

fn backward(x: Element, d: Element) -> Element {
  return select(Element(), d, x > Element());
}
