// CollectionRemoval: deletecollection: each listed object deleted by itself, a few at a time.
//
// Invariants: what went away by itself meanwhile is no error; any other error ends it, with what was deleted before gone.
// Threads: completions of the store. Ownership: keeps itself alive until it is done.
#pragma once
#include <mutex>

#include "core/verbs/transaction.hpp"

namespace keelson::verbs {

/// Deletes under way at once.
inline constexpr std::size_t kCollectionInFlightMax = 32;

class CollectionRemoval : public std::enable_shared_from_this<CollectionRemoval> {
 public:
  CollectionRemoval(const Core& core, Context context, Target target, DeleteOptions options, std::function<void(base::Outcome<Listed>)> done)
      : core_(core), context_(std::move(context)), target_(std::move(target)), options_(std::move(options)), done_(std::move(done)) {}

  void run(base::Outcome<Listed> listed);

 private:
  void pump();
  void start(std::size_t index);
  void finished(std::size_t index, base::Outcome<std::vector<Written>> outcome);
  void conclude();

  const Core& core_;
  const Context context_;
  const Target target_;
  const DeleteOptions options_;
  std::function<void(base::Outcome<Listed>)> done_;

  std::mutex mutex_;
  Listed listed_;
  std::optional<base::Error> error_;
  std::size_t next_ = 0, under_way_ = 0;
  bool pumping_ = false;
};

}  // namespace keelson::verbs
