/*
 * Sales of a CSV file as facts: csv_tool DATABASE import FILE | report | last | follow
 *
 * DATABASE is the path of a SQLite file or a PostgreSQL URL. A line of FILE is ID,CATEGORY,CENTS.
 */
#include <factstr.hpp>

#include <cjson/cJSON.h>

#include <charconv>
#include <csignal>
#include <fstream>
#include <iostream>
#include <map>

namespace {

using json = std::unique_ptr<cJSON, decltype(&cJSON_Delete)>;

json parsed(std::string_view text) {
  json value(cJSON_ParseWithLength(text.data(), text.size()), &cJSON_Delete);
  return value ? std::move(value) : throw std::runtime_error("no JSON");
}

std::string written(const cJSON *value) {
  const std::unique_ptr<char, decltype(&cJSON_free)> text(cJSON_PrintUnformatted(value),
                                                          &cJSON_free);
  return text.get();
}

std::string quoted(const std::string &text) {
  return written(json(cJSON_CreateString(text.c_str()), &cJSON_Delete).get());
}

const cJSON *in(const cJSON *object, const char *name) {
  return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* cJSON keeps numbers as doubles: exact up to 2^53. Beyond, ask for "sequence_numbers": "string". */
std::uint64_t number(const cJSON *value) {
  return cJSON_IsNumber(value) ? static_cast<std::uint64_t>(value->valuedouble) : 0;
}

volatile std::sig_atomic_t stopped;

/* The fact of a line, as JSON. */
std::string sale(const std::string &line, std::uint64_t at) {
  const std::size_t first = line.find(','), second = line.find(',', first + 1);
  long cents = 0;
  const char *end = line.data() + line.size();
  if (second == std::string::npos ||
      std::from_chars(line.data() + second + 1, end, cents).ptr != end)
    throw std::invalid_argument("line " + std::to_string(at) + " is not ID,CATEGORY,CENTS");
  return R"({"event_type":"Sold","payload":{"id":)" + quoted(line.substr(0, first)) +
         R"(,"category":)" + quoted(line.substr(first + 1, second - first - 1)) + R"(,"cents":)" +
         std::to_string(cents) + "}}";
}

/*
 * Appends the lines that are not in yet, in batches. The last fact of a batch says how far the file
 * is in, and a batch is appended only if that is still what was read: so neither a program that was
 * killed nor two at once import a line twice.
 */
void import(factstr::store &store, const std::string &path) {
  const std::string how_far =
      R"({"filters":[{"event_types":["Imported"],"payload_predicates":[{"file":)" + quoted(path) +
      R"(}]}],"backwards":true,"limit":1})";
  std::uint64_t imported = 0;
  for (bool again = true; again;) {
    const json seen = parsed(store.query(how_far));
    std::optional<std::uint64_t> version;
    std::uint64_t through = 0;
    if (const cJSON *last = cJSON_GetArrayItem(in(seen.get(), "event_records"), 0)) {
      version = number(in(seen.get(), "current_context_version"));
      through = number(in(in(last, "payload"), "lines"));
    }
    std::ifstream file(path);
    if (!file)
      throw std::invalid_argument("cannot read " + path);
    std::string line;
    std::uint64_t at = 0;
    while (at < through && std::getline(file, line))
      at++;
    try {
      for (again = false; !stopped;) {
        std::string batch = "[";
        const std::uint64_t begin = at;
        while (at < begin + 5000 && std::getline(file, line))
          batch += sale(line, ++at) + ",";
        if (at == begin)
          break;
        batch += R"({"event_type":"Imported","payload":{"file":)" + quoted(path) + R"(,"lines":)" +
                 std::to_string(at) + "}}]";
        const json appended = parsed(store.append_if(batch, how_far, version));
        version = number(in(appended.get(), "last_sequence_number"));
        imported += at - begin;
      }
    } catch (const factstr::conflict &) { // another one imports the file, too: look how far it is
      again = true;
    }
  }
  std::cout << "imported " << imported << "\n";
}

/* Sums by category, in memory that does not grow with the log. */
void report(factstr::store &store) {
  std::map<std::string, std::pair<long, double>> sums;
  factstr::reading sales = store.read(R"({"filters":[{"event_types":["Sold"]}]})");
  while (const auto text = sales.next()) {
    const json page = parsed(*text);
    const cJSON *record = nullptr;
    cJSON_ArrayForEach(record, in(page.get(), "event_records")) {
      auto &[count, cents] = sums[in(in(record, "payload"), "category")->valuestring];
      count++;
      cents += in(in(record, "payload"), "cents")->valuedouble;
    }
  }
  for (const auto &[category, sum] : sums)
    std::cout << category << ": " << sum.first << " sales, " << std::fixed << sum.second / 100
              << "\n";
}

void last(factstr::store &store) {
  const json newest = parsed(store.query(R"({"backwards":true,"limit":10})"));
  const cJSON *record = nullptr;
  cJSON_ArrayForEach(record, in(newest.get(), "event_records")) {
    std::cout << number(in(record, "sequence_number")) << " "
              << in(record, "event_type")->valuestring << " " << written(in(record, "payload"))
              << "\n";
  }
}

/* What comes, from where the last run stopped, until Ctrl-C. */
void follow(factstr::store &store) {
  factstr::stream sales = store.open_stream(
      R"({"durable":{"name":"csv-tool"},"query":{"filters":[{"event_types":["Sold"]}]}})");
  while (!stopped) {
    auto batch = sales.next(100); // so that Ctrl-C is seen soon
    if (!batch)
      continue;
    std::cout << "came: " << cJSON_GetArraySize(parsed(batch->text()).get()) << std::endl;
    batch->acknowledge(); // after a crash before this line the batch comes again
  }
}

/* What the caller of the program can do about an error; the codes are those of sysexits.h. */
int advice(const factstr::error &error) {
  std::cerr << error.what() << "\n";
  switch (error.status()) {
  case FACTSTR_BUSY: // nothing was written
  case FACTSTR_TIMEOUT:
  case FACTSTR_DURABLE_STREAM_ACTIVE: // another one follows
  case FACTSTR_COMMIT_UNKNOWN:        // run again, import looks how far the file is in
    return 75;
  case FACTSTR_BACKEND_FAILURE: // the disk or the server; "reason" says more
    return 74;
  case FACTSTR_READ_ONLY:
    return 77;
  case FACTSTR_CORRUPT: // restore a backup; store::verify says more
  case FACTSTR_LOG_TRUNCATED:
  case FACTSTR_UNSUPPORTED_FORMAT:
    return 65;
  default: // a defect of this program, or of the library
    return 70;
  }
}

} // namespace

int main(int argc, char **argv) try {
  const std::string database = argc > 2 ? argv[1] : "", command = argc > 2 ? argv[2] : "";
  if (argc == 4 ? command != "import"
                : command != "report" && command != "last" && command != "follow") {
    std::cerr << "csv_tool DATABASE import FILE | report | last | follow\n";
    return 64;
  }
  for (const int signal : {SIGINT, SIGTERM})
    std::signal(signal, [](int) { stopped = 1; });
  factstr::store store = database.rfind("postgres", 0) == 0 ? factstr::store::postgres(database)
                                                            : factstr::store::sqlite(database);
  if (command == "import")
    import(store, argv[3]);
  else if (command == "report")
    report(store);
  else if (command == "last")
    last(store);
  else
    follow(store);
  store.close(); // the destructor closes as well, and tells nobody of a failure
  return 0;
} catch (const factstr::error &error) {
  return advice(error);
} catch (const std::exception &error) {
  std::cerr << error.what() << "\n";
  return 65;
}
