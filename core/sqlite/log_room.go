package sqlite

// Room in the log
//
// A sync of a file that grew takes about twice as long as one of a file that was overwritten, since
// the file system stores the new size, too. SQLite's log grows with each commit until it starts
// again from its beginning, which it does at 16 MiB: in a new log, and after each opening, some
// thousand small appends are slower than the rest. So zeros are written behind the log ahead of
// them, a mebibyte at a time; a space that the file system only reserves would be no faster.
//
//   - It happens inside a write transaction, right after the look at the files: whoever appends to
//     the log has SQLite's write lock, and this store has it. Without it the zeros could come over
//     another process's commit.
//   - It only makes the file longer. SQLite takes zeros behind the last frame for the end of the
//     log, as it takes the frames of a former round: they do not have the log's salt.
//   - Large commits make no room, which would be written twice.
//   - It may fail, and then the log grows as it always did. With a limit on the size of files it is
//     not tried, since the system would send a signal that ends the host.
const (
	roomStep       = 1 << 20
	roomLeast      = 64 << 10                       // so much is free when more is made
	roomMax        = checkpointPagesMax * pageBytes // where the log starts again
	roomPagesSmall = 8                              // of a commit that is small
)

// logRoom is what the writer knows of the log's room.
type logRoom struct {
	salt uint64 // of the round of the log that the rest is of
	used int64
	size int64 // of the file
}

// makeRoom makes the log longer if the next small commits would. The caller has SQLite's write
// lock, and has just looked at the files; index is the log's.
func (b *backend) makeRoom(index logIndex) {
	room, used := &b.room, index.bytes()
	if room.salt != index.salt {
		file, err := identityOf(b.path + "-wal")
		if err != nil {
			return
		}
		*room = logRoom{salt: index.salt, used: used, size: file.size}
	}
	last := used - room.used
	room.used = used
	if last > roomPagesSmall*pageBytes || room.size >= roomMax || room.size-used > roomLeast {
		return
	}
	size, err := extendLog(b.path+"-wal", b.instance.sides.log, roomStep)
	if err != nil {
		size = roomMax // until the log starts again
	}
	room.size = size
}
