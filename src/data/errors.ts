/** Bytes, files or folders that are not the data set they should be. The message is one line with a remedy. */
export class DataError extends Error {
  override name = 'DataError';
}
