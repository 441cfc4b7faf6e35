// Watcher: a client with one watch that it keeps over restarts of the server, and what it was told.
//
// Invariants, checked against the log at the end: from where it began it was told of every change exactly once, in order, as its
//   selector has it; a bookmark was never ahead of an event; when the server could not go on it said 410.
// Threads: the driver's.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/server.hpp"

namespace keelson::simulation {

/// What makes two states of an object differ for a watcher.
std::string shown(const store::Object& object);

class Watcher final : public watch::WatchSink {
 public:
  Watcher(std::string kind, std::string labels) : kind_(std::move(kind)), labels_(std::move(labels)) {}
  void open(Server& server, const verbs::Context& caller);
  /// The connection is gone; open() goes on from what was seen.
  void close() { watch_.reset(); }
  /// Takes what is there. A watch that has ended is opened anew.
  void take(Server& server, const verbs::Context& caller);
  void ask_bookmark() { if (watch_) watch_->ask_bookmark(); }
  void wake() override {}
  /// `log`: all changes. Broken where it was told something else.
  void check(const std::vector<store::Change>& log, store::Revision head) const;
  std::size_t events() const;

 private:
  struct Heard {
    char type = 'b';          // a, m, d, b (bookmark)
    store::Revision revision = 0;
    std::string what;         // name and state
  };
  /// One stretch without a 410.
  struct Stretch {
    store::Revision after = 0, upto = 0;
    std::vector<Heard> heard;
  };
  std::vector<Heard> expected(const std::vector<store::Change>& log, const Stretch& stretch, store::Revision head) const;
  void note(const std::string& bytes);

  const std::string kind_, labels_;
  store::Atom resource_;
  watch::Selector selector_;
  std::vector<Stretch> stretches_;
  std::unique_ptr<watch::Watch> watch_;
};

}  // namespace keelson::simulation
