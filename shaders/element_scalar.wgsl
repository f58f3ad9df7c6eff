// What an elementwise operation computes with: one number. Any size.
alias Element = f32;

fn total(x: Element) -> f32 {
  return x;
}
