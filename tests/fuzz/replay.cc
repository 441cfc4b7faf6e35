// fuzz_replay: every target over its corpus and over deterministic mutations of it.
//
// usage: fuzz_replay CORPUS_DIR [--seed N] [--mutations N] [--only FILE] [TARGET...]
// A failure names the input, which is kept in the directory for temporary files: `--only FILE TARGET` runs it alone.
#include <time.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "core/base/log.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace keelson::fuzz {
namespace {

namespace fs = std::filesystem;

// Of the processor's time for one input. Sanitizers and builds without optimisation are several times slower.
#if defined(NDEBUG) || (defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__))
constexpr double kSecondsMax = 1;
#else
constexpr double kSecondsMax = 15;
#endif
constexpr std::size_t kInputBytesMax = 4096;   // of a mutation

struct Options {
  fs::path corpus, only;
  std::uint64_t seed = 1;
  int mutations = 1000;
  std::vector<std::string> names;
};

const char* running = "";
std::string input;

/// Keeps the input and lets the signal end the process.
void on_abort(int signal) {
  char path[256];
  const char* directory = std::getenv("TMPDIR");
  std::snprintf(path, sizeof path, "%s/keelson-fuzz-%s", directory == nullptr ? "/tmp" : directory, running);
  if (auto* file = std::fopen(path, "wb")) {
    std::fwrite(input.data(), 1, input.size(), file);
    std::fclose(file);
  }
  std::fprintf(stderr, "fuzz target %s failed with the input in %s (%zu bytes)\n", running, path, input.size());
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void run_one(const Target& target, std::string bytes) {
  running = target.name;
  input = std::move(bytes);
  const double before = cpu_seconds();
  target.run(input);
  must(cpu_seconds() - before < kSecondsMax, "the input took longer than it may");
}

std::string content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> corpus_of(const fs::path& directory) {
  std::vector<fs::path> files;
  if (fs::exists(directory))
    for (const auto& entry : fs::directory_iterator(directory)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> all;
  for (const auto& file : files) all.push_back(content_of(file));
  return all;
}

class Mutator {
 public:
  Mutator(const std::vector<std::string>& corpus, std::uint64_t seed) : corpus_(corpus), random_(seed) {}

  std::string next() {
    std::string text = corpus_[pick(corpus_.size())];
    for (std::size_t i = 0, n = 1 + pick(4); i < n; ++i) change(text);
    if (text.size() > kInputBytesMax) text.resize(kInputBytesMax);
    return text;
  }

 private:
  std::size_t pick(std::size_t n) { return static_cast<std::size_t>(random_() % std::max<std::size_t>(n, 1)); }

  void change(std::string& text) {
    static constexpr std::string_view kPieces[] = {"null", "{}", "[]", "\"\"", "-1", "1e308", "99999999999999999999", "true", "[[[[", "\xff", "\\u0000", ":", ",", "%", "\n", "..", "0"};
    const std::size_t at = pick(text.size() + 1);
    switch (pick(7)) {
      case 0: if (at < text.size()) text[at] = static_cast<char>(random_()); break;
      case 1: if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << pick(8))); break;
      case 2: text.erase(at, 1 + pick(8)); break;
      case 3: text.insert(at, kPieces[pick(std::size(kPieces))]); break;
      case 4: text.insert(at, text.substr(pick(text.size()), pick(40))); break;
      case 5: text.resize(at); break;
      default: {
        const std::string& other = corpus_[pick(corpus_.size())];
        text = text.substr(0, at) + other.substr(pick(other.size()));
      }
    }
  }

  const std::vector<std::string>& corpus_;
  std::mt19937_64 random_;
};

void replay(const Target& target, const Options& options) {
  const auto corpus = corpus_of(options.corpus / target.name);
  must(!corpus.empty(), std::string("there is no corpus of ") + target.name);
  const double before = cpu_seconds();
  for (const auto& bytes : corpus) run_one(target, bytes);
  Mutator mutator(corpus, options.seed);
  for (int i = 0; i < options.mutations; ++i) run_one(target, mutator.next());
  std::printf("%-18s %3zu files, %d mutations, %.1f s\n", target.name, corpus.size(), options.mutations, cpu_seconds() - before);
  std::fflush(stdout);
}

Options options_of(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--seed" && i + 1 < count) options.seed = std::stoull(arguments[++i]);
    else if (argument == "--mutations" && i + 1 < count) options.mutations = std::stoi(arguments[++i]);
    else if (argument == "--only" && i + 1 < count) options.only = arguments[++i];
    else if (options.corpus.empty()) options.corpus = argument;
    else options.names.push_back(argument);
  }
  return options;
}

int run(int count, char** arguments) {
  const auto options = options_of(count, arguments);
  base::set_log_level(base::LogLevel::error);
  std::signal(SIGABRT, on_abort);
  std::signal(SIGSEGV, on_abort);
  std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
  for (const auto& name : options.names) must(find_target(name) != nullptr, "no such target: " + name);
  for (const auto& target : targets()) {
    if (!options.names.empty() && std::find(options.names.begin(), options.names.end(), target.name) == options.names.end()) continue;
    if (options.only.empty()) replay(target, options);
    else run_one(target, content_of(options.only));
  }
  return 0;
}

}  // namespace
}  // namespace keelson::fuzz

int main(int count, char** arguments) { return keelson::fuzz::run(count, arguments); }
