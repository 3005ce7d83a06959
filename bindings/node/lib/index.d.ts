/// <reference lib="es2022" />
/// <reference lib="esnext.disposable" />

/** A fact to append. */
export interface NewEvent {
  event_type: string;
  /** Any value that JSON can hold. NaN, Infinity, BigInt, functions and undefined are refused, not turned into null. */
  payload: any;
}

/** A stored fact. */
export interface EventRecord {
  sequence_number: bigint;
  /** When it was recorded: `YYYY-MM-DDTHH:MM:SS.ffffffZ`. Not the ordering key; `sequence_number` is. */
  occurred_at: string;
  event_type: string;
  payload: any;
}

/** Matches an event of one of the types AND with one of the predicates. An absent field does not constrain; an empty array matches nothing. */
export interface EventFilter {
  event_types?: string[] | null;
  /** Recursive subsets: objects by subset, arrays by containment, scalars by equality (numbers by exact value). */
  payload_predicates?: any[] | null;
}

export interface EventQuery {
  /** Alternatives. Absent or empty: all events. */
  filters?: EventFilter[] | null;
  /** Exclusive read cursor: only rows above it are returned. Ignored by contexts and streams. */
  min_sequence_number?: bigint | null;
  /** At most so many rows, the lowest sequence numbers first. */
  limit?: number | bigint | null;
}

export interface QueryResult {
  event_records: EventRecord[];
  /** The highest sequence number among the returned rows; absent when there are none. */
  last_returned_sequence_number?: bigint;
  /** The highest sequence number in the whole matching context, whatever the cursor and limit; absent when nothing matches. */
  current_context_version?: bigint;
}

export interface AppendResult {
  first_sequence_number: bigint;
  last_sequence_number: bigint;
  committed_count: bigint;
}

export interface ConditionalAppendConflict {
  expected_context_version?: bigint;
  actual_context_version?: bigint;
}

/** Exactly one of the two is present. */
export interface AppendIfResult {
  append_result?: AppendResult;
  conflict?: ConditionalAppendConflict;
}

export interface DurableStream {
  /** Names the cursor: not empty, at most 1,000 bytes of UTF-8, active once at a time across all processes. */
  name: string;
}

/**
 * Gets the matching events of one committed batch. Throwing, rejecting or answering `false` (also by a promise) is a failure. The next batch comes when this one
 * is handled. Every method of the store may be called inside.
 */
export type StreamHandler = (events: EventRecord[]) => unknown;

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
  readonly name: 'FactstrError';
  readonly code: FactstrErrorCode;
  /** Of a BackendFailure. */
  readonly reason?: 'missing_path' | 'permission' | 'disk_full' | 'connection' | 'io' | 'other';
  readonly store?: string;
  readonly operation?: string;
  readonly conflict?: ConditionalAppendConflict;
  /** What the handler threw (HandlerFailed), or the reason of the signal (Cancelled). */
  readonly cause?: unknown;
}

/** The part of an AbortSignal that is used. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: any;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface RequestOptions {
  /**
   * Aborting rejects a request that still waits with `Cancelled`: nothing was written. One that the store has begun goes on and settles as it
   * ends.
   */
  signal?: AbortSignalLike | null;
}

export interface StreamOptions {
  /** Aborting unsubscribes; during the replay of a durable stream the registration rejects with `Cancelled`. */
  signal?: AbortSignalLike | null;
  /** Told what a handler threw or rejected with. Without it a failing handler of a live stream goes unnoticed. */
  onError?: ((failure: unknown) => void) | null;
}

/** Where a stream stands. */
export interface StreamProgress {
  /** A live stream never replays. */
  state: 'replaying' | 'live' | 'ended';
  /** Everything up to here was handled or does not match. */
  position: bigint;
  /** The newest fact when the stream was registered. `position` may be above it before the replay is done, when more is appended meanwhile. */
  replay_target: bigint;
  /** The cursor as it was stored last. Of a live stream: where it began. */
  stored_cursor: bigint;
  /** Why the log cannot be read at the moment, for example because the server is away. The stream tries again until it can. */
  failure: FactstrError | null;
}

export interface DurableStreamOptions extends StreamOptions {
  /**
   * Called about once a second during the replay, never after the promise has settled. Aborting the signal in it gives the replay up. What it throws is an
   * uncaught exception, as in every callback of a timer, and leaves the stream as it is.
   */
  onProgress?: ((progress: StreamProgress) => void) | null;
  /** Redelivers a failed batch instead of ending the stream. Default: no attempt; delays from 100 ms doubling to 10 s. */
  retry?: { maxAttempts?: number; delayMs?: number; delayMaxMs?: number } | null;
  /** How often the cursor is stored at least. Default: each 1,000 batches or 100 ms. */
  cursorEvery?: { batches?: number; ms?: number } | null;
}

/** An open stream. It keeps the process running until it is unsubscribed or `unref()` was called. */
export declare class EventStreamSubscription {
  private constructor();
  /** No further delivery starts after this returned; a durable name is free at once. May be called again, also inside the handler. */
  unsubscribe(): void;
  /** Where it stands, read at each call. After the end the last numbers, with the state 'ended'. */
  progress(): StreamProgress;
  /**
   * Resolves when the stream has ended normally (unsubscribed, store closed) and its handler is not running; rejects with a FactstrError when it failed.
   * A rejection that nobody looks at does not end the process. Do not await it inside the stream's own handler.
   */
  readonly closed: Promise<void>;
  /** Lets the process end although the stream is open. */
  unref(): this;
  ref(): this;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface StoreOptions {
  /** How long close() waits at most. Default 5,000. */
  closeTimeoutMs?: number;
  /** How long an append waits for room in a full queue before `Busy`. Default 5,000. */
  queueTimeoutMs?: number;
  /** Default 16 MiB. */
  payloadBytesMax?: number;
  /** Default 10,000. */
  batchEventsMax?: number;
  /** Default 64 MiB. */
  batchBytesMax?: number;
  /** Default 256 MiB. */
  resultBytesMax?: number;
}

export interface SqliteStoreOptions extends StoreOptions {
  /** How long a write waits for other processes before `Busy`. Default 5,000. */
  busyTimeoutMs?: number;
}

export interface PostgresStoreOptions extends StoreOptions {
  /** Holds the tables; created when it does not exist. Default: the current schema of the connection. */
  schema?: string;
  /** How the server lists the connections. Default: what the URL says, else 'factstr'. */
  applicationName?: string;
  /** A URL past a pooler in transaction mode, for the connections that hold durable names and listen. Default: the store's URL. */
  directUrl?: string;
  /** How many connections read at most. Default 4. One more appends, and two serve open streams. */
  connectionsMax?: number;
  /** How long one attempt to connect takes at most. Default 5,000. */
  connectTimeoutMs?: number;
  /** How long a write waits for other processes before `Busy`. Default 5,000. */
  lockTimeoutMs?: number;
  /** How long the server may take to answer a commit before the connection counts as lost. Default 30,000. */
  responseTimeoutMs?: number;
  /** How often the log is looked at while streams are open, should a notification get lost. Default 250. */
  pollIntervalMs?: number;
}

export interface OpenOptions {
  /** Aborting gives the opening up: it rejects with `Cancelled`, and no store is left open. What was created until then, such as a file or tables, stays. */
  signal?: AbortSignalLike | null;
}

export interface PostgresBootstrapTarget {
  /** The server, and a database that exists on it: the other one is created from there. */
  serverUrl: string;
  /** `[A-Za-z_][A-Za-z0-9_]*`, at most 63 bytes. */
  databaseName: string;
}

/** What every store can do. Sync methods throw a FactstrError, the others reject with one. */
interface Store {
  /** Returns after the batch is as durable as the store promises. */
  append(events: NewEvent[]): AppendResult;
  query(query?: EventQuery | null): QueryResult;
  /**
   * Appends only if the context version of `query` equals `expected`; null or undefined expects that no event matches. A conflict is an answer, and then nothing
   * happened. A Number is refused: it cannot hold every sequence number.
   */
  appendIf(events: NewEvent[], query: EventQuery, expected?: bigint | null): AppendIfResult;

  appendAsync(events: NewEvent[], options?: RequestOptions | null): Promise<AppendResult>;
  queryAsync(query?: EventQuery | null, options?: RequestOptions | null): Promise<QueryResult>;
  appendIfAsync(events: NewEvent[], query: EventQuery, expected?: bigint | null, options?: RequestOptions | null): Promise<AppendIfResult>;

  /** Sees every batch committed after it returned. */
  streamAll(handle: StreamHandler, options?: StreamOptions | null): EventStreamSubscription;
  streamTo(query: EventQuery, handle: StreamHandler, options?: StreamOptions | null): EventStreamSubscription;
  /** Resolves when everything committed before has been handled; goes on live. Starts after the stored cursor of the name. */
  streamAllDurable(
    durableStream: DurableStream,
    handle: StreamHandler,
    options?: DurableStreamOptions | null,
  ): Promise<EventStreamSubscription>;
  streamToDurable(
    durableStream: DurableStream,
    query: EventQuery,
    handle: StreamHandler,
    options?: DurableStreamOptions | null,
  ): Promise<EventStreamSubscription>;

  /** Ends all streams and closes the store. May be called again. */
  close(): void;
  [Symbol.dispose](): void;
  /** Closes, and waits until running handlers have settled. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Facts in memory, for the life of the instance. */
export declare class FactstrMemoryStore {
  constructor(options?: StoreOptions | null);
}
export interface FactstrMemoryStore extends Store {}

/** Facts in a SQLite database, created when it does not exist. */
export declare class FactstrSqliteStore {
  /** @param path file system path; '' and ':memory:' are refused */
  constructor(path: string, options?: SqliteStoreOptions | null);
  /** The same without blocking the event loop, which the lock of another program could do. */
  static open(path: string, options?: (SqliteStoreOptions & OpenOptions) | null): Promise<FactstrSqliteStore>;
}
export interface FactstrSqliteStore extends Store {}

/**
 * Facts in a PostgreSQL database, shared by many processes and hosts. The constructor and `bootstrap` block the thread for as long as connecting takes; `open` and
 * `bootstrapAsync` do not. A server that is lost later is connected to again. No message holds the password or the URL.
 */
export declare class FactstrPostgresStore {
  /**
   * Opens a database that exists, and creates what is missing in it.
   * @param url `postgres://user:password@host:5432/database?sslmode=require`, or keywords: `host=... dbname=...`
   */
  constructor(url: string, options?: PostgresStoreOptions | null);
  /** The same without blocking the event loop. */
  static open(url: string, options?: (PostgresStoreOptions & OpenOptions) | null): Promise<FactstrPostgresStore>;
  /** Creates the database when it does not exist, and opens it. Several processes may do so at once. */
  static bootstrap(target: PostgresBootstrapTarget, options?: PostgresStoreOptions | null): FactstrPostgresStore;
  /** The same without blocking the event loop. */
  static bootstrapAsync(
    target: PostgresBootstrapTarget,
    options?: (PostgresStoreOptions & OpenOptions) | null,
  ): Promise<FactstrPostgresStore>;
}
export interface FactstrPostgresStore extends Store {}

/** Settings of the whole process, to be made before the first store is opened. */
export declare function configure(settings: {
  /** A soft limit on the memory of the library's runtime. */
  memoryLimitBytes?: number;
  /** How many processors the library uses at most. */
  processorsMax?: number;
}): void;
