import type { FactstrError } from './errors.js';
import type { EventQuery, AnyEvents, EventRecordOf, QueryInput } from './facts.js';
import type { AbortSignalLike, WaitOptions } from './options.js';

export interface DurableStream {
  /**
   * Names the cursor: not empty, at most 1,000 bytes of UTF-8, active once at a time across all
   * processes.
   */
  name: string;
}

/** The matching events of one committed batch, in ascending order. */
export interface EventBatch<Events = AnyEvents> extends Array<EventRecordOf<Events>> {
  /**
   * The last sequence number of the committed batch, whether that event matches or not: everything
   * up to here was delivered or does not match. Not enumerable.
   */
  readonly position: bigint;
}

/**
 * Gets the matching events of one committed batch. It fails when it throws, rejects or returns
 * `false` (also by a promise). The next batch comes when this one is handled. It may call every
 * method of the store. It may declare the payloads that it expects, which nothing checks.
 */
export type EventStreamHandle<Events = AnyEvents> = {
  handle(events: EventBatch<Events>): unknown;
}['handle'];
/** The same for a handler that declares its parameter as an array of records. */
export type EventRecordsHandle<Events = AnyEvents> = {
  handle(events: EventRecordOf<Events>[]): unknown;
}['handle'];
export type StreamHandler<Events = AnyEvents> = EventStreamHandle<Events>;

export interface StreamOptions {
  /**
   * Aborting unsubscribes; during the replay of a durable stream the registration rejects with
   * `Cancelled`.
   */
  signal?: AbortSignalLike | null | undefined;
  /**
   * Called with what a handler threw or rejected with. Without it the store logs the failures of a
   * live stream's handler.
   */
  onError?: ((failure: unknown) => void) | null | undefined;
}

/** Of `stream`. */
export interface BatchesOptions<Events = AnyEvents> {
  query?: QueryInput<Events> | null | undefined;
  /** Begins behind this number. */
  after?: bigint | null | undefined;
  /** Begins at the cursor of this name. */
  durable?: DurableStream | null | undefined;
  /** Not of a live stream: redelivers a batch that cannot be taken. */
  retry?: StreamFromOptions['retry'];
  /** Aborting ends the stream; the loop throws `Cancelled`. */
  signal?: AbortSignalLike | null | undefined;
}

/** A batch of an iteration. */
export interface OpenBatch<Events = AnyEvents> extends EventBatch<Events> {
  /** Acknowledges the batch now. Further calls do nothing. */
  ack(): void;
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
  /** The cursor as it was last stored; for a stream without one, where it began. */
  stored_cursor: bigint;
  /**
   * Why the log cannot be read at the moment, for example because the server is away. The stream
   * tries again until it can.
   */
  failure: FactstrError | null;
}

/** Of `streamFrom`. */
export interface StreamFromOptions extends StreamOptions {
  /**
   * Called about once a second during the replay, never after the promise has settled. Aborting the
   * signal in it gives the replay up. An exception of it is an uncaught exception, as in every
   * callback of a timer, and leaves the stream as it is.
   */
  onProgress?: ((progress: StreamProgress) => void) | null | undefined;
  /**
   * After this time a replay that is not done is given up: the registration rejects with `Timeout`
   * and the stream ends, whose name is free then. Default: without limit.
   */
  timeoutMs?: number | null | undefined;
  /**
   * Redelivers a failed batch instead of ending the stream. Default: no attempt; delays from 100 ms
   * doubling to 10 s.
   */
  retry?:
    | {
        maxAttempts?: number | undefined;
        delayMs?: number | undefined;
        delayMaxMs?: number | undefined;
        /**
         * What happens after the last attempt: the stream ends, or, of a durable stream, the batch
         * is put aside with its error and the stream goes on (`store.parked(name)`). Default:
         * `end`.
         */
        giveUp?: 'end' | 'park' | undefined;
      }
    | null
    | undefined;
}

export interface DurableStreamOptions extends StreamFromOptions {
  /** How often the cursor is stored at least. Default: every 1,000 batches or 100 ms. */
  cursorEvery?: { batches?: number | undefined; ms?: number | undefined } | null | undefined;
}

/**
 * An open stream. It keeps the process running until it is unsubscribed or `unref()` is called.
 */
export declare class EventStreamSubscription {
  private constructor();
  /**
   * After it returned no further delivery starts, and a durable name is free. May be called again,
   * also inside the handler.
   */
  unsubscribe(): void;
  /**
   * Resolves when everything up to a sequence number was handled or does not match, such as the
   * last number of an append whose effect is to be read. Rejects with `Timeout` after `timeoutMs`,
   * and if the stream ends before: as `closed`, or with `Cancelled` if it was unsubscribed. Do not
   * await it inside the stream's own handler.
   */
  waitFor(number: bigint, options?: WaitOptions | null): Promise<void>;
  /** Where it stands now; after the end the last numbers, with the state 'ended'. */
  progress(): StreamProgress;
  /**
   * Resolves when the stream has ended normally (unsubscribed, store closed) and its handler is not
   * running; rejects with a FactstrError when it failed. A rejection that nobody looks at does not
   * end the process. Do not await it inside the stream's own handler.
   */
  readonly closed: Promise<void>;
  /** Lets the process end although the stream is open. */
  unref(): this;
  /** Takes `unref` back. */
  ref(): this;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The state of a durable name. */
export interface DurableCursor {
  name: string;
  /** What it was registered with; null if another program has left another text. */
  query: EventQuery | null;
  /** The stored cursor: everything up to it was handled or does not match. */
  cursor: bigint;
  /** Facts above the cursor, matching or not. */
  lag_events: bigint;
  /**
   * The age in seconds of the oldest fact above the cursor that matches, by this machine's clock; 0
   * if none does, null if `query` is.
   */
  lag_seconds: number | null;
  /**
   * Who has the name, for people to read: `this store`, or what is known of another holder. null
   * means that nobody has it, so that it can be changed.
   */
  held_by: string | null;
  /** Batches that were put aside. */
  parked: number;
}

/** A batch that a durable stream has put aside, since its handler failed. */
export interface ParkedBatch {
  /** Of the first fact that matches. */
  first_sequence_number: bigint;
  /** The batch's last number, which names it. */
  position: bigint;
  /** What the handler said last. */
  error: string;
  attempts: number;
  parked_at: string;
  /** It is to be delivered again. */
  redelivering: boolean;
}
