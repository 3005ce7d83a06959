import type { AnyEvents } from './facts.js';
import type { LogRecord } from './operating.js';
import type { PayloadSchemas } from './schema.js';

/** The part of an AbortSignal that is used. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** The part of a `file:` URL that is used. */
export interface FileUrlLike {
  readonly href: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly pathname: string;
}

export interface SignalOptions {
  /**
   * Aborting rejects a request that still waits with an error of the name `AbortError` and the code
   * `Cancelled`: nothing was written. An append that the store has begun goes on and settles as it
   * ends.
   */
  signal?: AbortSignalLike | null | undefined;
}

export interface RequestOptions extends SignalOptions {
  /**
   * After this time a request that still waits rejects with `Timeout`: nothing was written. An
   * append that the store has begun goes on and settles as it ends. Default: without limit.
   */
  timeoutMs?: number | null | undefined;
}

/** Of `read`. */
export interface ReadOptions extends SignalOptions {
  /**
   * How long the loop waits for the next records at most, before `Timeout`; what its body takes
   * does not count. Default: without limit.
   */
  timeoutMs?: number | null | undefined;
}

export interface WaitOptions {
  /** How long to wait at most, before `Timeout`. Default: without limit. */
  timeoutMs?: number | null | undefined;
  /** Aborting gives the wait up: it rejects with `Cancelled`. */
  signal?: AbortSignalLike | null | undefined;
}

export interface DecideOptions extends RequestOptions {
  /** How often the context is read and decided on at most; default 20. */
  attempts?: number | undefined;
}

export interface OpenOptions {
  /**
   * Aborting gives the opening up: it rejects with `Cancelled`, and no store is left open. What was
   * created until then, such as a file or tables, stays.
   */
  signal?: AbortSignalLike | null | undefined;
  /** After this time the opening is given up in the same way, with `Timeout`. */
  timeoutMs?: number | null | undefined;
}

export interface StoreOptions<Events = AnyEvents> {
  /** How long closing waits at most. Default 5,000. */
  closeTimeoutMs?: number | undefined;
  /** How long a blocking append waits for room in a full queue before `Busy`. Default 5,000. */
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
   * Validators of payloads by the type of their events, as Standard Schema has them (Zod, Valibot,
   * ArkType, ...). An append stores what the validator returns, or fails with `InvalidArgument`,
   * which names the place (`events[0].payload.amount`) and has the issues as its cause. The
   * schemas declare the store's events, too.
   */
  schemas?: PayloadSchemas<Events> | null | undefined;
  /**
   * Validates what is read, too, by queries, streams and loops: a payload becomes what its
   * validator returns, and one that it refuses makes reading fail with `InvalidState`. Default
   * false.
   */
  validateReads?: boolean | undefined;
  /**
   * Called with every record that the store logs, of every level. Default: warnings and errors
   * become `process.emitWarning` of the type `FactstrWarning`, with the event as code. null or
   * false is silence. It keeps no process alive; an exception of it becomes a warning.
   */
  onLog?: ((record: LogRecord) => void) | null | false | undefined;
}

export interface SqliteStoreOptions<Events = AnyEvents> extends StoreOptions<Events> {
  /** How long a write waits for other processes before `Busy`. Default 5,000. */
  busyTimeoutMs?: number | undefined;
  /**
   * On macOS a commit waits until the drive has emptied its cache, and so survives a loss of power.
   * Elsewhere every commit waits for the drive, and this changes nothing. Default false.
   */
  fullFsync?: boolean | undefined;
  /**
   * Opens an existing database without writing to it. Appends, durable streams and changes of
   * cursors are `ReadOnly`. Default false.
   */
  readOnly?: boolean | undefined;
}

export interface PostgresStoreOptions<Events = AnyEvents> extends StoreOptions<Events> {
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
  /** How long one attempt to connect may take. Default 5,000. */
  connectTimeoutMs?: number | undefined;
  /** How long a write waits for other processes before `Busy`. Default 5,000. */
  lockTimeoutMs?: number | undefined;
  /**
   * How long the server may take to answer a commit, or to go on with the answer to a read, before
   * `Timeout`. Default 30,000.
   */
  responseTimeoutMs?: number | undefined;
  /**
   * How often the log is read while streams are open, should a notification get lost. Default 250.
   */
  pollIntervalMs?: number | undefined;
  /**
   * How much memory the index of terms of a store that is asked much may take. A log that needs
   * more is left to the server's own index, and so are all with 0. Default 256 MiB.
   */
  indexBytesMax?: number | undefined;
  /**
   * Writes nothing to the database, so that a role that may only read is enough. Appends, durable
   * streams and changes of cursors are `ReadOnly`. Default false.
   */
  readOnly?: boolean | undefined;
}

export interface FactstrPostgresBootstrapOptions {
  /** The server, and a database that exists on it: the other one is created from there. */
  serverUrl: string;
  /** `[A-Za-z_][A-Za-z0-9_]*`, at most 63 bytes. */
  databaseName: string;
}
export type PostgresBootstrapTarget = FactstrPostgresBootstrapOptions;
