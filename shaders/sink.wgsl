// Where an operation puts the gradient of an input: dinp = gradient, or dinp += gradient if the input has several consumers
// and another one's gradient is there already. Where the input is the output of a ReLU, `mask`, the gradient is 0 where that
// is not positive, so that the ReLU needs no kernel of its own; without one, `mask` is bound to anything and not read.
// Needs an element_*.wgsl, and params with `masked` and `accumulate`, 0 or 1.

@group(0) @binding(8) var<storage, read> mask: array<Element>;
@group(0) @binding(9) var<storage, read_write> dinp: array<Element>;

fn put(index: u32, gradient: Element) {
  var value = gradient;
  if (params.masked != 0u) {
    value = select(Element(), value, mask[index] > Element());
  }
  if (params.accumulate != 0u) {
    value += dinp[index];
  }
  dinp[index] = value;
}
