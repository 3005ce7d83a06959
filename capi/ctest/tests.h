/* The parts of the test program. */
#ifndef TESTS_H
#define TESTS_H

#include "client.h"

void scenario_tests(const char *testdata);
void vector_tests(const char *testdata);
void argument_tests(void);
void store_tests(void);
void request_tests(void);
void stream_tests(void);
void closing_tests(void);
void thread_tests(void);
void fork_tests(void);

#endif
