/** Bytes, files or folders that are not the data set they should be. The message is one line with a remedy. */
export class DataError extends Error {
  override name = 'DataError';
}

/** More test images asked for than there are. */
export class TestSizeError extends DataError {
  override name = 'TestSizeError';
}
