enable subgroups;

// Broadcasts for subgroups of 8 lanes: a column of 16 rows of A lies in two fragments of eight rows, one row a lane.
const SUBGROUP_SIZE = 8u;

// tile += rows (outer product) columns. The lane of a broadcast must be a constant, hence one line a row.
fn multiply_add(tile: ptr<function, Tile>, rows: vec4f, columns: vec4f) {
  (*tile).c0 += subgroupBroadcast(rows.x, 0u) * columns;
  (*tile).c1 += subgroupBroadcast(rows.x, 1u) * columns;
  (*tile).c2 += subgroupBroadcast(rows.x, 2u) * columns;
  (*tile).c3 += subgroupBroadcast(rows.x, 3u) * columns;
  (*tile).c4 += subgroupBroadcast(rows.x, 4u) * columns;
  (*tile).c5 += subgroupBroadcast(rows.x, 5u) * columns;
  (*tile).c6 += subgroupBroadcast(rows.x, 6u) * columns;
  (*tile).c7 += subgroupBroadcast(rows.x, 7u) * columns;
  (*tile).c8 += subgroupBroadcast(rows.y, 0u) * columns;
  (*tile).c9 += subgroupBroadcast(rows.y, 1u) * columns;
  (*tile).c10 += subgroupBroadcast(rows.y, 2u) * columns;
  (*tile).c11 += subgroupBroadcast(rows.y, 3u) * columns;
  (*tile).c12 += subgroupBroadcast(rows.y, 4u) * columns;
  (*tile).c13 += subgroupBroadcast(rows.y, 5u) * columns;
  (*tile).c14 += subgroupBroadcast(rows.y, 6u) * columns;
  (*tile).c15 += subgroupBroadcast(rows.y, 7u) * columns;
}
