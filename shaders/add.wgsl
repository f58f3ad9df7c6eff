// add: out = a + b; the gradient of either is dout.

fn forward(a: Element, b: Element) -> Element {
  return a + b;
}

fn backward(other: Element, d: Element) -> Element {
  return d;
}
