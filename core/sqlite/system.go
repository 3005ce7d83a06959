package sqlite

// What the store asks of the system
//
// All that differs between systems is in the files system_SYSTEM.go, and locks in package oslock;
// no other file looks at the system's name. Each has
//
//	stateOf, stateOfDescriptor   identity, size, times, links and kind of a file
//	identityOf                   the same without times, for files that are written to all the time
//	localPath, realPath          refuse what is no local file; the one path of a file
//	realFolder, placeName        the same of a folder, of the spelling of a name
//	uriPath, uriOptions          the path as SQLite wants it
//	readIndexHeader              read the index beside SQLite's locks on it
//	closingDropsLocks            whether a guard is kept (lock_descriptor.go)
//	checkOwned                   refuse a folder into which others can write
//	mayWrite                     whether a file may be written, or files be made in a folder
//	isMountPoint, isReadOnly, isLocal, isLayered   what is known of the file system
//	nameNow                      where an open file is by now
//	processKey, makeNote, notesOfOthers, findLibrary   two copies of the library in a process
//	descriptorsOf              what a forked child must close
//	allDescriptors               whether closing one may drop the locks of another (index_descriptor.go)
//	renameNew, syncFolder        give a file a name that nothing has; make that durable
//	startTimers                  descriptors that Go's runtime opens later (timers_unix.go)
//	mark, setMark and so on      texts beside a file's content (xattr_marks_unix.go)
//	failures                     which errors mean what
//
// How they differ, as far as a user can notice:
//
//	                              Linux          macOS            Windows
//	file identity                 device, inode  device, inode    volume, file index
//	waiting for another process   in the kernel  in the kernel    asks every 0.5 ms
//	names                         as written     case ignored     case ignored
//	open files moved or replaced  noticed        noticed          the system refuses it
//	a backup copied onto an open  noticed        not noticed      the system refuses most copies
//	marks after a crash           yes            yes              no
//	forked children               close files    close files      there are none

// fileID identifies a file, whatever path leads to it.
type fileID struct{ device, inode uint64 }

// fileState is what the store compares of a file.
type fileState struct {
	fileID
	size    int64
	changed int64 // time of the last change of its content, in nanoseconds
	links   uint64
	kind    fileKind
}

// failures are the errors of the system that one of this library's errors stands for.
type failures struct {
	readOnly, descriptors, missing, full, tooLong, inUse []error
}
