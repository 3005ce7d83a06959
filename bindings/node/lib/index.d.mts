export * from './index.js';
declare const factstr: typeof import('./index.js');
export default factstr;
