/**
 * Ten colours told apart under the common colour vision deficiencies: M. A. Petroff, "Accessible Color Sequences for
 * Data Visualization", arXiv:2107.02270 (2021), the sequence of ten. Reordered so that digits which lie side by side in
 * latent space (4, 7 and 9; 3, 5 and 8; 0, 2 and 6) have the colours farthest apart, for every kind of colour vision.
 */
export const PALETTE = [
  '#717581',
  '#b9ac70',
  '#94a4a2',
  '#bd1f01',
  '#92dadd',
  '#ffa90e',
  '#e76300',
  '#a96b59',
  '#832db6',
  '#3f90da',
] as const;
