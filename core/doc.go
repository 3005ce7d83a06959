// Package factstr is an event store: immutable facts in one global log. A command queries the facts
// that matter to it, decides, and appends only if that context is unchanged.
//
// # Opening a store
//
// The packages memory, sqlite and postgres open stores, each with its own Open function and
// options; [Options] are the ones that all of them take. All methods of a [Store] may be called
// concurrently. [Store.Close] ends it.
//
// # Appending
//
// [Store.Append] appends a batch of [NewEvent] as one unit: all of its facts are in the log, with
// consecutive sequence numbers, or none is. When it returns without error, the batch is as durable
// as the store kind promises.
//
// [Store.AppendIf] is the conditional append. It names the context by an [EventQuery] and the
// version of that context that the caller has decided on, which is the highest sequence number of
// all facts that match ([QueryResult].CurrentContextVersion). If the context has another version by
// now, nothing is appended and the error is [CodeConditionalAppendConflict]. [Version] makes the
// argument from a number; nil expects that no fact matches.
//
// [Store.Decide] queries, decides and appends in one call, and starts over after a conflict.
//
// [Store.AppendWhen] takes several conditions, each on a context of its own and from a number on:
// see [AppendCondition].
//
// [Store.AppendAsync] and its twins queue a batch and call a function with the result.
//
// # Queries
//
// [Store.Query] returns the facts that match a query, in the order of their sequence numbers, and
// the version of the whole context, both from one snapshot of the log. [AllEvents], [OfTypes],
// [Where] and [AnyOf] make queries; [EventQuery.Where], [EventQuery.Or], [EventQuery.After] and
// [EventQuery.AtMost] refine them. An [EventFilter] selects by event type, by payload, or by both:
// a payload matches a predicate that is a recursive subset of it. [Decode] reads the payload of a
// fact that was returned. [Store.Read] reads any number of facts in bounded memory.
// [Store.QueryAtOnce] is for callers that must not wait. [Store.QueryInto] gives the rows to a
// [RowTaker] while they are read.
//
// # Streams
//
// [Store.StreamTo] registers a handler for the batches that are committed from then on and hold a
// fact that matches; [Store.StreamAll] does so for all batches. Batches are delivered whole, in the
// order of the log, one at a time. A slow handler delays neither appends nor other streams. If the
// handler fails, a live stream logs that and goes on with the next batch.
//
// A stream without handler is a pull stream: take its batches with [EventStream.Batches] or
// [EventStream.Next].
//
// [EventStream.Unsubscribe] stops a stream at once. [EventStream.Drain] stops it after what was
// committed so far.
//
// # Durable streams
//
// [Store.StreamToDurable] registers a stream under a name. The name has a cursor, stored with the
// log: a new registration, in this process or another one, goes on behind the last batch that was
// handled. It replays what was committed in the meantime and is live after that
// ([EventStream.WaitReady]). Since the cursor is stored after the handler has returned
// ([CursorEvery]), a crash repeats deliveries and loses none. One store at a time holds a name
// ([CodeDurableStreamActive]). If the handler fails, the batch is delivered again as [RetryPolicy]
// says; after that the stream ends.
//
// # Errors
//
// Every error is an [*Error] with a [Code], and errors.Is(err, factstr.CodeBusy) holds for errors
// with that code. Two codes deserve attention: [CodeConditionalAppendConflict], after which the
// command queries and decides again, and [CodeCommitUnknown], after which the batch may or may not
// be in the log. All other errors of an append say that nothing was appended.
//
// # Limits
//
// [Limits] bound what is appended and asked; their zero values stand for [DefaultLimits]. Reading
// accepts whatever is stored.
//
// # Logging
//
// What no caller is told, a store logs to Options.Logger: recovered panics, failures of handlers,
// streams that end, lost connections. Each record has the attribute "event", a [LogEvent], and some
// have "task", a [Task]. Both sets are closed. [Store.Statistics] shows how a store is doing.
//
// # For backends
//
// A backend stores one log: it implements [Backend] and passes itself to [OpenStore]. Core does the
// rest, such as validation, matching, conditions, numbering and streams. Applications need none of
// these types:
//
//   - [Backend] and its part [Reader], with [Scan], [Boundary] and [Head];
//   - what a backend may implement besides: [HeadScanner], [NearHead], [NearLog], [Pacer], [Watcher],
//     [Recoverer] and [Measurer];
//   - a group of appends that is to be committed: [Group], with [Write] and [Proposal];
//   - what a scan may leave out: [Plan], with [Candidate];
//   - durable names and their cursors: [StreamClaim], [CursorWrite] and [DurableQuery];
//   - errors: [NewError], [BackendFailure], [ContextEnded], [ErrStoreClosed], [ErrStreamActive],
//     [ErrStreamLost] and [ErrQueryMismatch];
//   - what is logged: [Options.Observed], [Options.Log], [Observer], [Trouble] and [Task].
//
// The package storetest proves that a backend keeps the contract.
//
// [ProvenEvent] is for layers that put another language on top of a store.
package factstr
