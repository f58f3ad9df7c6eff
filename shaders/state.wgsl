// What changes from step to step. The GPU advances it itself (finish_step.wgsl); the CPU writes it only to start or resume.
struct State {
  step: u32,      // steps done so far
  epoch: u32,     // of the first sample of the next batch
  position: u32,  // of that sample within its epoch
  halted: u32,    // 1 after a non-finite loss: parameters and state stay as they were, so that the CPU can look
}
