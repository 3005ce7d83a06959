/* The parts of the test program. */
#ifndef TESTS_H
#define TESTS_H

#include "client.h"

void scenario_tests(const char *testdata);
void vector_tests(const char *testdata);
void argument_tests(void);
void logging_tests(void);
void store_tests(void);
void postgres_tests(void);
void opening_tests(void);
void request_tests(void);
void stream_tests(void);
void durable_stream_tests(void);
void pending_delivery_tests(void);
void pulled_stream_tests(void);
void closing_tests(void);
void thread_tests(void);
void turn_tests(void);
void wait_tests(void);
void fork_tests(void);
void signal_tests(void);
void status_tests(void);

/* Parts of tests that need a process of their own. */
void open_forbidden(const char *path);
void open_by_second_copy(const char *library, const char *path);
/* Returns the exit status. */
int signal_part(const char *part, const char *argument);

/*
 * Takes SQLite's write lock of a log in WAL mode, as another program would, until the gate is
 * closed. Runs in a child without the library.
 */
_Noreturn void hold_write_lock(const char *path, int ready, int gate);
/* The file that the library was loaded from. */
const char *library_path(void);
void copy_file(const char *from, const char *to);

#endif
