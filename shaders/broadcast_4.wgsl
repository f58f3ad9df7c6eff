enable subgroups;

// Broadcasts for subgroups of 4 lanes: a column of 16 rows of A lies in four fragments of four rows, one row a lane.
// The lane of a broadcast must be a constant, hence one line a row. The more of k goes into one sum, the seldomer its
// accumulators, which are more than a CPU has registers, are fetched and put back.
const SUBGROUP_SIZE = 4u;

// tile += rows (outer product) columns.
fn multiply_add(tile: ptr<function, Tile>, rows: vec4f, columns: vec4f) {
  (*tile).c0 += subgroupBroadcast(rows.x, 0u) * columns;
  (*tile).c1 += subgroupBroadcast(rows.x, 1u) * columns;
  (*tile).c2 += subgroupBroadcast(rows.x, 2u) * columns;
  (*tile).c3 += subgroupBroadcast(rows.x, 3u) * columns;
  (*tile).c4 += subgroupBroadcast(rows.y, 0u) * columns;
  (*tile).c5 += subgroupBroadcast(rows.y, 1u) * columns;
  (*tile).c6 += subgroupBroadcast(rows.y, 2u) * columns;
  (*tile).c7 += subgroupBroadcast(rows.y, 3u) * columns;
  (*tile).c8 += subgroupBroadcast(rows.z, 0u) * columns;
  (*tile).c9 += subgroupBroadcast(rows.z, 1u) * columns;
  (*tile).c10 += subgroupBroadcast(rows.z, 2u) * columns;
  (*tile).c11 += subgroupBroadcast(rows.z, 3u) * columns;
  (*tile).c12 += subgroupBroadcast(rows.w, 0u) * columns;
  (*tile).c13 += subgroupBroadcast(rows.w, 1u) * columns;
  (*tile).c14 += subgroupBroadcast(rows.w, 2u) * columns;
  (*tile).c15 += subgroupBroadcast(rows.w, 3u) * columns;
}

// The same for two of k.
fn multiply_add_2(tile: ptr<function, Tile>, rows0: vec4f, columns0: vec4f, rows1: vec4f, columns1: vec4f) {
  (*tile).c0 += subgroupBroadcast(rows0.x, 0u) * columns0 + subgroupBroadcast(rows1.x, 0u) * columns1;
  (*tile).c1 += subgroupBroadcast(rows0.x, 1u) * columns0 + subgroupBroadcast(rows1.x, 1u) * columns1;
  (*tile).c2 += subgroupBroadcast(rows0.x, 2u) * columns0 + subgroupBroadcast(rows1.x, 2u) * columns1;
  (*tile).c3 += subgroupBroadcast(rows0.x, 3u) * columns0 + subgroupBroadcast(rows1.x, 3u) * columns1;
  (*tile).c4 += subgroupBroadcast(rows0.y, 0u) * columns0 + subgroupBroadcast(rows1.y, 0u) * columns1;
  (*tile).c5 += subgroupBroadcast(rows0.y, 1u) * columns0 + subgroupBroadcast(rows1.y, 1u) * columns1;
  (*tile).c6 += subgroupBroadcast(rows0.y, 2u) * columns0 + subgroupBroadcast(rows1.y, 2u) * columns1;
  (*tile).c7 += subgroupBroadcast(rows0.y, 3u) * columns0 + subgroupBroadcast(rows1.y, 3u) * columns1;
  (*tile).c8 += subgroupBroadcast(rows0.z, 0u) * columns0 + subgroupBroadcast(rows1.z, 0u) * columns1;
  (*tile).c9 += subgroupBroadcast(rows0.z, 1u) * columns0 + subgroupBroadcast(rows1.z, 1u) * columns1;
  (*tile).c10 += subgroupBroadcast(rows0.z, 2u) * columns0 + subgroupBroadcast(rows1.z, 2u) * columns1;
  (*tile).c11 += subgroupBroadcast(rows0.z, 3u) * columns0 + subgroupBroadcast(rows1.z, 3u) * columns1;
  (*tile).c12 += subgroupBroadcast(rows0.w, 0u) * columns0 + subgroupBroadcast(rows1.w, 0u) * columns1;
  (*tile).c13 += subgroupBroadcast(rows0.w, 1u) * columns0 + subgroupBroadcast(rows1.w, 1u) * columns1;
  (*tile).c14 += subgroupBroadcast(rows0.w, 2u) * columns0 + subgroupBroadcast(rows1.w, 2u) * columns1;
  (*tile).c15 += subgroupBroadcast(rows0.w, 3u) * columns0 + subgroupBroadcast(rows1.w, 3u) * columns1;
}

// The same for four of k: quads[f] are four along k of fragment f's row, columns[i] is B's row k + i.
fn multiply_add_4(tile: ptr<function, Tile>, quads: mat4x4f, columns: mat4x4f) {
  (*tile).c0 += weighted_sum(columns, subgroupBroadcast(quads[0], 0u));
  (*tile).c1 += weighted_sum(columns, subgroupBroadcast(quads[0], 1u));
  (*tile).c2 += weighted_sum(columns, subgroupBroadcast(quads[0], 2u));
  (*tile).c3 += weighted_sum(columns, subgroupBroadcast(quads[0], 3u));
  (*tile).c4 += weighted_sum(columns, subgroupBroadcast(quads[1], 0u));
  (*tile).c5 += weighted_sum(columns, subgroupBroadcast(quads[1], 1u));
  (*tile).c6 += weighted_sum(columns, subgroupBroadcast(quads[1], 2u));
  (*tile).c7 += weighted_sum(columns, subgroupBroadcast(quads[1], 3u));
  (*tile).c8 += weighted_sum(columns, subgroupBroadcast(quads[2], 0u));
  (*tile).c9 += weighted_sum(columns, subgroupBroadcast(quads[2], 1u));
  (*tile).c10 += weighted_sum(columns, subgroupBroadcast(quads[2], 2u));
  (*tile).c11 += weighted_sum(columns, subgroupBroadcast(quads[2], 3u));
  (*tile).c12 += weighted_sum(columns, subgroupBroadcast(quads[3], 0u));
  (*tile).c13 += weighted_sum(columns, subgroupBroadcast(quads[3], 1u));
  (*tile).c14 += weighted_sum(columns, subgroupBroadcast(quads[3], 2u));
  (*tile).c15 += weighted_sum(columns, subgroupBroadcast(quads[3], 3u));
}
