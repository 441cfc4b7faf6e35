// QuotaTurns: one at a time changes the quotas of a namespace, from the check to the end of its commit, so that nobody's check is
// outdated when it commits.
//
// Invariants: first come, first served. A turn ends with its guard. Whoever has a turn elsewhere does not wait: it goes on
//   without one, and the commit's expectations decide.
// Threads: any; `go` runs on the caller's thread or on that of whoever had the turn before, under no lock.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace keelson::admission {

class QuotaTurns : public std::enable_shared_from_this<QuotaTurns> {
 public:
  using Guard = std::shared_ptr<void>;
  /// `owner`: what all of one commit have in common. `go` gets a null guard when the owner has the turn, or goes without.
  void take(const std::string& ns, const void* owner, std::function<void(Guard)> go);

 private:
  struct Waiting {
    const void* owner;
    std::function<void(Guard)> go;
  };
  struct Line {
    std::deque<Waiting> waiting;
    const void* owner = nullptr;   // who has the turn
    bool calling = false;          // somebody is in call()
  };
  void end(const std::string& ns);
  void call(const std::string& ns, std::unique_lock<std::mutex>& lock);
  Guard guard(const std::string& ns);
  bool busy_elsewhere(const void* owner) const;

  std::mutex mutex_;
  std::map<std::string, Line> lines_;
};

}  // namespace keelson::admission
