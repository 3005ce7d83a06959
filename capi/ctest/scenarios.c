/* Goes through the scenarios, on each kind of stores. */
#include "scenarios.h"

#include <sys/wait.h>
#include <unistd.h>

static const char *testdata;

static void open_store(player *player) {
  expect_ok(player->kind->open(player->place, NULL, &player->store));
}

/* A store that is not to open leaves the one that is. */
static void play_reopen(player *player, const cJSON *step) {
  const cJSON *how = item(step, "reopen"), *fails = item(step, "fails");
  char *options = cJSON_IsTrue(how) ? NULL : json_text(how);
  factstr_store store;
  if (fails == NULL) {
    close_store(player->store);
  }
  answer opened = player->kind->open(player->place, options, &store);
  free(options);
  if (fails != NULL) {
    compare_failure(opened.status, opened.json, fails);
    drop(opened);
    return;
  }
  expect_ok(opened);
  player->store = store;
}

static void run_sql(const char *kind, const char *place, const char *sql) {
  char program[4096];
  snprintf(program, sizeof program, "%s/run_sql.py", testdata);
  pid_t process = fork();
  if (process == 0) {
    execlp("python3", "python3", program, kind, place, sql, (char *)NULL);
    _exit(101);
  }
  int status;
  CHECK(waitpid(process, &status, 0) == process);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A store that is not to open stays closed. */
static void play_sql(player *player, const cJSON *step) {
  const char *sql = json_string(item(step, "sql"), player->kind->name);
  const cJSON *fails = item(step, "fails");
  CHECK(sql != NULL);
  if (player->store != 0) {
    close_store(player->store);
    player->store = 0;
  }
  player->kind->run_sql(player->place, sql);
  answer opened = player->kind->open(player->place, NULL, &player->store);
  if (fails == NULL) {
    expect_ok(opened);
    return;
  }
  CHECK(opened.status >= 10);
  compare_failure(opened.status, opened.json, fails);
  drop(opened);
}

static const step_kind store_steps[] = {{"reopen", play_reopen}, {"sql", play_sql}, {NULL, NULL}};

static void play_step(player *player, const cJSON *step) {
  const step_kind *const all[] = {call_steps, stream_steps, store_steps};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    for (const step_kind *kind = all[i]; kind->field != NULL; kind++) {
      if (item(step, kind->field) != NULL) {
        kind->play(player, step);
        return;
      }
    }
  }
  FAIL("a step that this player does not know: %s", json_text(step));
}

typedef struct performance {
  const cJSON *scenario;
  const store_kind *kind;
} performance;

static void play(const void *data) {
  const performance *performance = data;
  player player = {.kind = performance->kind};
  begin_log();
  player.kind->choose(player.place, sizeof player.place);
  open_store(&player);
  const cJSON *step;
  int number = 0;
  cJSON_ArrayForEach(step, item(performance->scenario, "steps")) {
    number++;
    play_step(&player, step);
  }
  CHECK(number > 0);
  close_store(player.store);
  release_streams(&player);
  end_log();
}

static void choose_nothing(char *place, size_t size) { snprintf(place, size, "%s", ""); }
static void choose_file(char *place, size_t size) {
  snprintf(place, size, "%s", fresh_path("scenario.db"));
}
static void choose_schema(char *place, size_t size) { snprintf(place, size, "%s", fresh_name()); }

static answer open_in_memory(const char *nothing, const char *options, factstr_store *store) {
  factstr_buffer error;
  (void)nothing;
  return take(factstr_memory_open(options, options == NULL ? 0 : strlen(options), store, &error),
              &error);
}

static answer open_file(const char *path, const char *options, factstr_store *store) {
  factstr_buffer error;
  return take(
      factstr_sqlite_open(path, options, options == NULL ? 0 : strlen(options), store, &error),
      &error);
}

/* The schema is one more option. */
static answer open_schema(const char *schema, const char *options, factstr_store *store) {
  cJSON *all = options == NULL ? cJSON_CreateObject() : json_parse(options, strlen(options));
  cJSON_AddStringToObject(all, "schema", schema);
  char *text = json_text(all);
  factstr_buffer error;
  answer opened = take(factstr_postgres_open(database_url(), JSON(text), store, &error), &error);
  free(text), cJSON_Delete(all);
  return opened;
}

static void run_nowhere(const char *nothing, const char *sql) {
  (void)nothing;
  FAIL("the memory store has no database for %s", sql);
}

static void run_in_file(const char *path, const char *sql) { run_sql("sqlite", path, sql); }

static void run_in_schema(const char *schema, const char *sql) {
  char script[4096];
  int len = snprintf(script, sizeof script, "SET search_path TO %s; %s", schema, sql);
  CHECK(len > 0 && (size_t)len < sizeof script);
  run_sql("postgres", database_url(), script);
}

static const store_kind kinds[] = {
    {"memory", "scenario on memory: ", choose_nothing, open_in_memory, run_nowhere},
    {"sqlite", "scenario on sqlite: ", choose_file, open_file, run_in_file},
    {"postgres", "scenario on postgres: ", choose_schema, open_schema, run_in_schema},
};

static int is_for(const cJSON *scenario, const char *store) {
  const cJSON *stores = item(scenario, "stores"), *name;
  if (stores == NULL) {
    return 1;
  }
  cJSON_ArrayForEach(name, stores) {
    if (strcmp(name->valuestring, store) == 0) {
      return 1;
    }
  }
  return 0;
}

static void play_file(const char *path) {
  size_t len;
  char *text = read_file(path, &len);
  cJSON *scenario = json_parse(text, len);
  free(text);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (is_for(scenario, kinds[i].name)) {
      performance performance = {scenario, &kinds[i]};
      run_case(kinds[i].group, json_string(scenario, "name"), play, &performance);
    }
  }
  cJSON_Delete(scenario);
}

void scenario_tests(const char *folder_of_testdata) {
  char folder[4096];
  testdata = folder_of_testdata;
  snprintf(folder, sizeof folder, "%s/scenarios", testdata);
  each_json_file(folder, play_file);
}
