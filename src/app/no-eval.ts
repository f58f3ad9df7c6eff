import { z } from 'zod';

// Zod's compiled parsers need eval, which the page's Content-Security-Policy forbids; it tries when a schema is made, so
// this module comes before all that make one.
z.config({ jitless: true });
