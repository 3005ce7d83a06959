import type { ConditionalAppendConflict } from './facts.js';

export type FactstrErrorCode =
  | 'EmptyAppend'
  | 'ConditionalAppendConflict'
  | 'NotImplemented'
  | 'BackendFailure'
  | 'InvalidArgument'
  | 'InvalidHandle'
  | 'InvalidState'
  | 'ReadOnly'
  | 'StoreClosed'
  | 'Busy'
  | 'Timeout'
  | 'Cancelled'
  | 'CommitUnknown'
  | 'UnsupportedFormat'
  | 'Corrupt'
  | 'LogTruncated'
  | 'DurableStreamActive'
  | 'DurableStreamQueryMismatch'
  | 'DurableStreamLost'
  | 'HandlerFailed'
  | 'Forked'
  | 'Internal';

/** Act on `code`, never on the message. */
export declare class FactstrError extends Error {
  private constructor();
  /** `AbortError` after a signal was aborted, whose code is `Cancelled`, as in Node's own calls. */
  readonly name: 'FactstrError' | 'AbortError';
  readonly code: FactstrErrorCode;
  /** Of a BackendFailure. */
  readonly reason?:
    'missing_path' | 'permission' | 'disk_full' | 'connection' | 'io' | 'other' | undefined;
  readonly store?: string | undefined;
  readonly operation?: string | undefined;
  readonly conflict?: ConditionalAppendConflict | undefined;
  /**
   * What the handler threw (HandlerFailed), the reason of the signal (Cancelled), or the issues of
   * a schema (InvalidArgument, InvalidState).
   */
  readonly cause?: unknown;
}
