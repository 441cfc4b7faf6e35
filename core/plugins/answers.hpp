// Answers: of transactions that a plugin has committed together (transact_each).
//
// Threads: put() on any; `done` on that of the last. Ownership: shared by whoever answers. Errors: none.
#pragma once
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "core/verbs/verbs.hpp"

namespace keelson::plugins {

using Transacted = base::Outcome<std::vector<verbs::Written>>;

/// What becomes of several transactions; whoever began them takes it all and gives back what they were made with.
class Answers {
 public:
  using All = std::vector<std::optional<Transacted>>;
  Answers(std::size_t count, std::function<void(All)> done) : left_(count), all_(count), done_(std::move(done)) {}
  void put(std::size_t place, Transacted answer) {
    {
      const std::lock_guard lock(mutex_);
      all_[place] = std::move(answer);
      if (--left_ > 0) return;
    }
    done_(std::move(all_));
  }

 private:
  std::mutex mutex_;
  std::size_t left_;
  All all_;
  const std::function<void(All)> done_;
};

}  // namespace keelson::plugins
