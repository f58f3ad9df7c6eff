// uPlot asks for a number format of `navigator.language` when it is imported, and some systems' language is none that the
// browser's own formats accept, such as `en-US@posix` in a container: this module comes before all that ask.
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { configurable: true, value: 'en-US' });
}
