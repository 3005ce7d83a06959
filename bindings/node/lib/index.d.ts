/// <reference lib="es2022" />
/// <reference lib="esnext.disposable" />

/** A fact to append. */
export interface NewEvent<Payload = unknown> {
  event_type: string;
  /**
   * Any value that JSON can hold; a BigInt is written as the integer it is. What JSON.stringify
   * would silently turn into something else is refused: NaN, Infinity, undefined in arrays,
   * functions, symbols, Map, Set, Error, typed arrays, instances without properties of their own.
   */
  payload: Payload;
}

/** A stored fact. */
export interface EventRecord<Payload = unknown> {
  sequence_number: bigint;
  /**
   * When it was recorded: `YYYY-MM-DDTHH:MM:SS.ffffffZ`. Not the ordering key; `sequence_number`
   * is.
   */
  occurred_at: string;
  event_type: string;
  /**
   * Integers that no Number is written like come as BigInt, such as 9007199254740993n. Another
   * number that no Number is written like fails the reading with `InvalidState`; with the option
   * `rawPayloads` the payload is its JSON text.
   */
  payload: Payload;
}

/**
 * Matches an event of one of the types AND with one of the predicates. An absent field does not
 * constrain; an empty array matches nothing.
 */
export interface EventFilter {
  event_types?: string[] | null | undefined;
  /**
   * Recursive subsets: objects by subset, arrays by containment, scalars by equality (numbers by
   * exact value; BigInt too).
   */
  payload_predicates?: unknown[] | null | undefined;
}

export interface EventQuery {
  /** Alternatives. Absent or empty: all events. */
  filters?: EventFilter[] | null | undefined;
  /** Exclusive read cursor: only rows above it are returned. Ignored by contexts and streams. */
  min_sequence_number?: bigint | null | undefined;
  /** At most so many rows, the lowest sequence numbers first. */
  limit?: number | bigint | null | undefined;
}

export interface QueryResult<Payload = unknown> {
  event_records: EventRecord<Payload>[];
  /** The highest sequence number among the returned rows; absent when there are none. */
  last_returned_sequence_number?: bigint | null | undefined;
  /**
   * The highest sequence number in the whole matching context, whatever the cursor and limit;
   * absent when nothing matches.
   */
  current_context_version?: bigint | null | undefined;
}

export interface AppendResult {
  first_sequence_number: bigint;
  last_sequence_number: bigint;
  committed_count: bigint;
}

export interface ConditionalAppendConflict {
  expected_context_version?: bigint | null | undefined;
  actual_context_version?: bigint | null | undefined;
}

/** Exactly one of the two is present. */
export interface AppendIfResult {
  append_result?: AppendResult | null | undefined;
  conflict?: ConditionalAppendConflict | null | undefined;
}

export interface DurableStream {
  /**
   * Names the cursor: not empty, at most 1,000 bytes of UTF-8, active once at a time across all
   * processes.
   */
  name: string;
}

/**
 * Gets the matching events of one committed batch. Throwing, rejecting or answering `false` (also
 * by a promise) is a failure. The next batch comes when this one is handled. Every method of the
 * store may be called inside. A handler may name the payloads that it expects, which nothing
 * checks.
 */
export type EventStreamHandle<Payload = unknown> = {
  handle(events: EventRecord<Payload>[]): unknown;
}['handle'];
export type StreamHandler<Payload = unknown> = EventStreamHandle<Payload>;

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
  readonly reason?:
    'missing_path' | 'permission' | 'disk_full' | 'connection' | 'io' | 'other' | undefined;
  readonly store?: string | undefined;
  readonly operation?: string | undefined;
  readonly conflict?: ConditionalAppendConflict | undefined;
  /** What the handler threw (HandlerFailed), or the reason of the signal (Cancelled). */
  readonly cause?: unknown;
}

/** The part of an AbortSignal that is used. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface RequestOptions {
  /**
   * Aborting rejects a request that still waits with `Cancelled`: nothing was written. One that the
   * store has begun goes on and settles as it ends.
   */
  signal?: AbortSignalLike | null | undefined;
}

export interface StreamOptions {
  /**
   * Aborting unsubscribes; during the replay of a durable stream the registration rejects with
   * `Cancelled`.
   */
  signal?: AbortSignalLike | null | undefined;
  /**
   * Told what a handler threw or rejected with. Without it the store logs the failures of a live
   * stream's handler.
   */
  onError?: ((failure: unknown) => void) | null | undefined;
}

/** Where a stream stands. */
export interface StreamProgress {
  /** A live stream never replays. */
  state: 'replaying' | 'live' | 'ended';
  /** Everything up to here was handled or does not match. */
  position: bigint;
  /**
   * The newest fact when the stream was registered. `position` may be above it before the replay is
   * done, when more is appended meanwhile.
   */
  replay_target: bigint;
  /** The cursor as it was stored last. Of a live stream: where it began. */
  stored_cursor: bigint;
  /**
   * Why the log cannot be read at the moment, for example because the server is away. The stream
   * tries again until it can.
   */
  failure: FactstrError | null;
}

export interface DurableStreamOptions extends StreamOptions {
  /**
   * Called about once a second during the replay, never after the promise has settled. Aborting the
   * signal in it gives the replay up. What it throws is an uncaught exception, as in every callback
   * of a timer, and leaves the stream as it is.
   */
  onProgress?: ((progress: StreamProgress) => void) | null | undefined;
  /**
   * Redelivers a failed batch instead of ending the stream. Default: no attempt; delays from 100 ms
   * doubling to 10 s.
   */
  retry?:
    | {
        maxAttempts?: number | undefined;
        delayMs?: number | undefined;
        delayMaxMs?: number | undefined;
      }
    | null
    | undefined;
  /** How often the cursor is stored at least. Default: each 1,000 batches or 100 ms. */
  cursorEvery?: { batches?: number | undefined; ms?: number | undefined } | null | undefined;
}

/**
 * An open stream. It keeps the process running until it is unsubscribed or `unref()` was called.
 */
export declare class EventStreamSubscription {
  private constructor();
  /**
   * No further delivery starts after this returned; a durable name is free at once. May be called
   * again, also inside the handler.
   */
  unsubscribe(): void;
  /** Where it stands, read at each call. After the end the last numbers, with the state 'ended'. */
  progress(): StreamProgress;
  /**
   * Resolves when the stream has ended normally (unsubscribed, store closed) and its handler is not
   * running; rejects with a FactstrError when it failed. A rejection that nobody looks at does not
   * end the process. Do not await it inside the stream's own handler.
   */
  readonly closed: Promise<void>;
  /** Lets the process end although the stream is open. */
  unref(): this;
  ref(): this;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a store logs: what nobody else is told of. Act on `event`, never on the message. */
export interface LogRecord {
  /** `YYYY-MM-DDTHH:MM:SS.ffffffZ` */
  time: string;
  level: 'info' | 'warning' | 'error';
  /**
   * Of the closed set in docs/operating.md, such as `handler_failed`, `stream_ended`,
   * `connection_lost`.
   */
  event: string;
  message: string;
  /**
   * What goes with the event: `durable_name`, `error`, `code`, `stack`, ... Where a stream stood
   * (`first`, `last`, `position`, `through`, `stored_cursor`) is a BigInt.
   */
  [attribute: string]: unknown;
}

/** What a store counts since it was opened, in this process alone. */
export interface StoreStatistics {
  store_kind: 'memory' | 'sqlite' | 'postgres';
  /** The newest sequence number. */
  head: bigint;
  facts: bigint;
  /** Why the log cannot be read at the moment; then head and facts are as last known. */
  failure: FactstrError | null;
  /** SQLite's database file, or PostgreSQL's table of facts with its indexes. */
  database_bytes: number | null;
  /** SQLite's write-ahead log file. */
  log_file_bytes: number | null;
  /** Batches committed, and the transactions that committed them. */
  appends: number;
  groups: number;
  group_appends_max: number;
  groups_retried: number;
  /** Appends that wait for the group before them. */
  queue_appends: number;
  queue_bytes: number;
  read_retries: number;
  redeliveries: number;
  reconnects: number;
  /** The newest facts that are kept in memory. */
  tail_events: number;
  tail_bytes: number;
  /** Up to where the payload index holds the log; null without an index. */
  index_watermark: bigint | null;
  /**
   * Those that are open. A live stream's position may be some batches ahead of its handler here.
   */
  streams: (StreamProgress & {
    number: number;
    durable_name: string | null;
    /** Facts between its position and the head, matching or not. */
    lag: bigint;
  })[];
}

export interface StoreOptions {
  /** How long closing takes at most. Default 5,000. */
  closeTimeoutMs?: number | undefined;
  /** How long an append waits for room in a full queue before `Busy`. Default 5,000. */
  queueTimeoutMs?: number | undefined;
  /** Default 16 MiB. */
  payloadBytesMax?: number | undefined;
  /** Default 10,000. */
  batchEventsMax?: number | undefined;
  /** Default 64 MiB. */
  batchBytesMax?: number | undefined;
  /** Of all payload predicates of a query together. Default 16 MiB. */
  predicateBytesMax?: number | undefined;
  /** Default 256 MiB. */
  resultBytesMax?: number | undefined;
  /**
   * Gives payloads as their JSON text, for numbers that neither Number nor BigInt can hold, and for
   * parsers of your own. Default false.
   */
  rawPayloads?: boolean | undefined;
  /**
   * Told what the store logs, of every level. Default: warnings and errors become
   * `process.emitWarning` of the type `FactstrWarning`, with the event as code. null or false is
   * silence. It keeps no process alive; what it throws is a warning.
   */
  onLog?: ((record: LogRecord) => void) | null | false | undefined;
}

export interface SqliteStoreOptions extends StoreOptions {
  /** How long a write waits for other processes before `Busy`. Default 5,000. */
  busyTimeoutMs?: number | undefined;
}

export interface PostgresStoreOptions extends StoreOptions {
  /**
   * Holds the tables; created when it does not exist. Default: the current schema of the
   * connection.
   */
  schema?: string | undefined;
  /** How the server lists the connections. Default: what the URL says, else 'factstr'. */
  applicationName?: string | undefined;
  /**
   * A URL past a pooler in transaction mode, for the connections that hold durable names and
   * listen. Default: the store's URL.
   */
  directUrl?: string | undefined;
  /** How many connections read at most. Default 4. One more appends, and two serve open streams. */
  connectionsMax?: number | undefined;
  /** How long one attempt to connect takes at most. Default 5,000. */
  connectTimeoutMs?: number | undefined;
  /** How long a write waits for other processes before `Busy`. Default 5,000. */
  lockTimeoutMs?: number | undefined;
  /**
   * How long the server may take to answer a commit before the connection counts as lost. Default
   * 30,000.
   */
  responseTimeoutMs?: number | undefined;
  /**
   * How often the log is looked at while streams are open, should a notification get lost. Default
   * 250.
   */
  pollIntervalMs?: number | undefined;
}

export interface OpenOptions {
  /**
   * Aborting gives the opening up: it rejects with `Cancelled`, and no store is left open. What was
   * created until then, such as a file or tables, stays.
   */
  signal?: AbortSignalLike | null | undefined;
}

export interface FactstrPostgresBootstrapOptions {
  /** The server, and a database that exists on it: the other one is created from there. */
  serverUrl: string;
  /** `[A-Za-z_][A-Za-z0-9_]*`, at most 63 bytes. */
  databaseName: string;
}
export type PostgresBootstrapTarget = FactstrPostgresBootstrapOptions;

/**
 * What every store can do; `Payload` is what the program takes its payloads for, nothing checks it.
 * Sync methods throw a FactstrError, the others reject with one.
 */
interface Store<Payload> {
  /** Returns after the batch is as durable as the store promises. */
  append(events: readonly NewEvent<Payload>[]): AppendResult;
  query(query?: EventQuery | null): QueryResult<Payload>;
  /**
   * Appends only if the context version of `query` equals `expected`; null or undefined expects
   * that no event matches. A conflict is an answer, and then nothing happened. A Number is refused:
   * it cannot hold every sequence number.
   */
  appendIf(
    events: readonly NewEvent<Payload>[],
    query: EventQuery,
    expected?: bigint | null,
  ): AppendIfResult;

  appendAsync(
    events: readonly NewEvent<Payload>[],
    options?: RequestOptions | null,
  ): Promise<AppendResult>;
  queryAsync(
    query?: EventQuery | null,
    options?: RequestOptions | null,
  ): Promise<QueryResult<Payload>>;
  appendIfAsync(
    events: readonly NewEvent<Payload>[],
    query: EventQuery,
    expected?: bigint | null,
    options?: RequestOptions | null,
  ): Promise<AppendIfResult>;

  /** Sees every batch committed after it returned. */
  streamAll(
    handle: EventStreamHandle<Payload>,
    options?: StreamOptions | null,
  ): EventStreamSubscription;
  streamTo(
    query: EventQuery,
    handle: EventStreamHandle<Payload>,
    options?: StreamOptions | null,
  ): EventStreamSubscription;
  /**
   * Resolves when everything committed before has been handled; goes on live. Starts after the
   * stored cursor of the name.
   */
  streamAllDurable(
    durableStream: DurableStream,
    handle: EventStreamHandle<Payload>,
    options?: DurableStreamOptions | null,
  ): Promise<EventStreamSubscription>;
  streamToDurable(
    durableStream: DurableStream,
    query: EventQuery,
    handle: EventStreamHandle<Payload>,
    options?: DurableStreamOptions | null,
  ): Promise<EventStreamSubscription>;

  /** What the store counts. A log that cannot be read is no error. */
  statistics(): Promise<StoreStatistics>;

  /**
   * Ends all streams and closes the store. Live streams get what was committed before, within
   * `closeTimeoutMs`: then the store closes after this has returned, as one of PostgreSQL with live
   * streams always does, and `closed` of the subscriptions tells. May be called again.
   */
  close(): void;
  [Symbol.dispose](): void;
  /** Closes, and waits until running handlers have settled. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Facts in memory, for the life of the instance. */
export declare class FactstrMemoryStore<Payload = unknown> {
  constructor(options?: StoreOptions | null);
}
export interface FactstrMemoryStore<Payload = unknown> extends Store<Payload> {}

/** Facts in a SQLite database, created when it does not exist. */
export declare class FactstrSqliteStore<Payload = unknown> {
  /** @param path file system path; '' and ':memory:' are refused */
  constructor(path: string, options?: SqliteStoreOptions | null);
  /** The same without blocking the event loop, which the lock of another program could do. */
  static open<Payload = unknown>(
    path: string,
    options?: (SqliteStoreOptions & OpenOptions) | null,
  ): Promise<FactstrSqliteStore<Payload>>;
}
export interface FactstrSqliteStore<Payload = unknown> extends Store<Payload> {}

/**
 * Facts in a PostgreSQL database, shared by many processes and hosts. The constructor and
 * `bootstrap` block the thread for as long as connecting takes; `open` and `bootstrapAsync` do not.
 * A server that is lost later is connected to again. No message holds the password or the URL.
 */
export declare class FactstrPostgresStore<Payload = unknown> {
  /**
   * Opens a database that exists, and creates what is missing in it. @param url
   * `postgres://user:password@host:5432/database?sslmode=require`, or keywords: `host=...
   * dbname=...`
   */
  constructor(url: string, options?: PostgresStoreOptions | null);
  /** The same without blocking the event loop. */
  static open<Payload = unknown>(
    url: string,
    options?: (PostgresStoreOptions & OpenOptions) | null,
  ): Promise<FactstrPostgresStore<Payload>>;
  /**
   * Creates the database when it does not exist, and opens it. Several processes may do so at once.
   */
  static bootstrap<Payload = unknown>(
    target: FactstrPostgresBootstrapOptions,
    options?: PostgresStoreOptions | null,
  ): FactstrPostgresStore<Payload>;
  /** The same without blocking the event loop. */
  static bootstrapAsync<Payload = unknown>(
    target: FactstrPostgresBootstrapOptions,
    options?: (PostgresStoreOptions & OpenOptions) | null,
  ): Promise<FactstrPostgresStore<Payload>>;
}
export interface FactstrPostgresStore<Payload = unknown> extends Store<Payload> {}

/** Settings of the whole process, to be made before the first store is opened. */
export declare function configure(settings: {
  /** A soft limit on the memory of the library's runtime. */
  memoryLimitBytes?: number | undefined;
  /** How many processors the library uses at most. */
  processorsMax?: number | undefined;
}): void;
