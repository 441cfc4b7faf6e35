// Every byte of a small store changed, every file cut at every length; see README.md.
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <vector>

#include "core/store/unreadable.hpp"
#include "tests/crash/opened.hpp"
#include "tests/crash/workload.hpp"

namespace keelson::store::crash {
namespace {

namespace fs = std::filesystem;
constexpr int kCommits = 24;
constexpr std::size_t kChangesPerWord = 10'000;   // of progress


/// Without room reserved ahead, which in memory costs more than all else.
class UnreservedFs final : public rocksdb::FileSystemWrapper {
 public:
  UnreservedFs() : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "UnreservedFs"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options, std::unique_ptr<rocksdb::FSWritableFile>* result, rocksdb::IODebugContext* debug) override {
    const auto status = target()->NewWritableFile(name, options, result, debug);
    if (status.ok()) *result = std::make_unique<Unreserved>(std::move(*result));
    return status;
  }

 private:
  struct Unreserved final : rocksdb::FSWritableFileOwnerWrapper {
    using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;
    void PrepareWrite(std::size_t, std::size_t, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {}
  };
};

char position[512];   // for the handler: what was being tried when the process died

void say_position(int signal) {
  const auto ignored = ::write(STDERR_FILENO, position, std::strlen(position));
  (void)ignored;
  ::raise(signal);   // SA_RESETHAND
}

void say_position_when_dying() {
  struct sigaction action {};
  action.sa_handler = say_position;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigaction(signal, &action, nullptr);
}

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct File {
  std::string name, bytes;
};

/// A store at rest, and what it holds.
struct Kept {
  std::vector<File> files;
  Model state;
  std::size_t bytes = 0;
};

/// `orderly`: stopped, all in tables; else as a kill leaves it, all in the write-ahead log.
Kept made(base::Runtime& runtime, bool orderly) {
  const TemporaryDirectory directory(runtime), copy(runtime);
  Kept kept;
  {
    const Opened on(directory.path, nullptr, runtime);
    std::mt19937_64 random(7);
    for (int i = 0; i < kCommits; ++i) {
      const auto answered = runtime.waiter();
      on.store->commit(next_commit(*on.store, i % kWriters, random, 40), [&](const CommitOutcome& outcome) {
        if (!outcome.committed) give_up("the beginning failed");
        answered->notify();
      });
      answered->wait_until(base::kForever);
    }
    kept.state = state_of(*on.store);
    if (!orderly) fs::copy(directory.path, copy.path, fs::copy_options::recursive);
    on.store->stop();
  }
  for (const auto& entry : fs::directory_iterator(orderly ? directory.path : copy.path)) {
    const auto name = entry.path().filename().string();
    if (entry.is_regular_file() && name != "LOCK" && !name.starts_with("LOG")) kept.files.push_back({name, bytes_of(entry.path())});
  }
  std::sort(kept.files.begin(), kept.files.end(), [](const File& a, const File& b) { return a.name < b.name; });
  for (const auto& file : kept.files) kept.bytes += file.bytes.size();
  return kept;
}

struct Trials {
  base::Runtime& runtime;
  const Kept& kept;
  std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(std::make_shared<UnreservedFs>());
  std::size_t refused = 0, unreadable = 0, unchanged = 0;

  void one(const File& changed, std::string bytes, const std::string& where) {
    std::snprintf(position, sizeof position, "while trying: %s\n", where.c_str());
    const TemporaryDirectory directory(runtime);
    fs::create_directories(directory.path);
    for (const auto& file : kept.files) std::ofstream(directory.path / file.name, std::ios::binary) << (&file == &changed ? bytes : file.bytes);
    const auto metrics = base::make_metrics();
    const auto store = open_store(directory.path, env.get(), runtime, *metrics);
    if (!store) return judge_refusal(store.error().message, directory.path, where);
    judge(**store, where);
    (*store)->stop();
  }

  void judge_refusal(const std::string& message, const fs::path& directory, const std::string& where) {
    ++refused;
    if (message.find(directory.string()) == std::string::npos) give_up(where + ": refused, but no file is named: " + message);
  }

  void judge(const Store& store, const std::string& where) {
    bool whole = true;
    std::size_t seen = 0;
    const auto snapshot = store.snapshot();
    for (const auto resource : snapshot.resources())
      snapshot.scan(resource, "", nullptr, [&](const ObjectRef& object) {
        ++seen;
        if (is_unreadable(*object)) return whole = false, true;
        judge_object(*object, where);
        return true;
      });
    if (seen != kept.state.size()) give_up(where + ": " + std::to_string(seen) + " objects of " + std::to_string(kept.state.size()));
    ++(whole ? unchanged : unreadable);
  }

  void judge_object(const Object& object, const std::string& where) {
    const auto found = kept.state.find(object.key().name);
    if (found == kept.state.end()) give_up(where + ": there is an object " + object.key().name + " that never was");
    if (found->second.revision != object.revision()) give_up(where + ": another revision of " + object.key().name);
    if (object.body().find("\"" + found->second.text + "\"") == std::string_view::npos) give_up(where + ": WRONG VALUE of " + object.key().name);
  }
};

}  // namespace

int run_corruption(std::uint64_t seed, int seconds, std::size_t from) {
  const auto runtime = base::real_runtime();
  say_position_when_dying();
  std::mt19937_64 random(seed);
  const auto end = seconds == 0 ? base::kForever : runtime->in_ms(seconds * 1000);
  std::size_t changes = 0, refused = 0, unreadable = 0;
  for (const bool orderly : {true, false}) {
    const Kept kept = made(*runtime, orderly);
    Trials trials{*runtime, kept};
    const auto half = seconds == 0 || !orderly ? end : runtime->in_ms(seconds * 500);
    const auto try_at = [&](const File& file, std::size_t at) {
      changes += 2;
      if (changes <= from) return;
      const std::string where = std::string(orderly ? "stopped" : "killed") + ", " + file.name + " byte " + std::to_string(at) + " of " + std::to_string(file.bytes.size());
      std::string bytes = file.bytes;
      bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1 + random() % 255));
      trials.one(file, bytes, where + " changed to " + std::to_string(static_cast<unsigned char>(bytes[at])));
      trials.one(file, file.bytes.substr(0, at), where + " and after cut off");
      if (changes % kChangesPerWord == 0) std::fprintf(stderr, "%zu changes, at %s\n", changes, where.c_str());
    };
    if (seconds == 0) {
      std::fprintf(stderr, "%s: %zu changes to try\n", orderly ? "stopped" : "killed", 2 * kept.bytes);
      for (const auto& file : kept.files)
        for (std::size_t at = 0; at < file.bytes.size(); ++at) try_at(file, at);
    }
    while (seconds != 0 && runtime->monotonic_ns() < half) {
      const auto& file = kept.files[random() % kept.files.size()];
      if (!file.bytes.empty()) try_at(file, random() % file.bytes.size());
    }
    refused += trials.refused;
    unreadable += trials.unreadable;
  }
  std::printf("corruption: %zu changes, %zu refused with the file named, %zu with an unreadable object, no wrong value\n", changes - std::min(from, changes), refused, unreadable);
  return 0;
}

}  // namespace keelson::store::crash
