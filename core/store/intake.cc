#include "core/store/intake.hpp"

#include <algorithm>
#include <iterator>

namespace keelson::store {
namespace {

constexpr std::string_view kPluginActor = "plugin:";

/// All users are one writer: who of them comes before whom was settled before (core/fairness).
std::string_view writer_of(const Commit& commit) {
  const std::string_view actor = commit.cause ? commit.cause->actor : std::string_view();
  return actor.starts_with(kPluginActor) ? actor : std::string_view();
}

}  // namespace

Pending pending_of(Commit commit, OnLogged done) {
  const std::size_t operations = std::max<std::size_t>(commit.writes.size(), 1);
  std::size_t bytes = 0;
  for (const Write& write : commit.writes) bytes += write.draft ? write.draft->body().size() : 0;
  return {std::move(commit), std::move(done), operations, bytes};
}

Intake::Lane& Intake::lane_of(std::string_view writer) {
  const auto found = std::find_if(lanes_.begin(), lanes_.end(), [&](const Lane& lane) { return lane.writer == writer; });
  if (found != lanes_.end()) return *found;
  // A writer that has nothing left makes room for another one.
  const auto idle = std::find_if(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.queue.empty(); });
  Lane& lane = idle != lanes_.end() ? *idle : lanes_.emplace_back();
  lane.writer = writer;
  return lane;
}

bool Intake::push(Pending& pending) {
  const std::size_t free_operations = kQueuedOperationsMax - operations_, free_bytes = kQueuedBytesMax - bytes_;
  if (pending.operations > free_operations || pending.bytes > free_bytes) return false;
  if (!pending.commit.again) {
    Lane& lane = lane_of(writer_of(pending.commit));
    if (lane.operations + pending.operations > free_operations || lane.bytes + pending.bytes > free_bytes) return false;
    lane.operations += pending.operations;
    lane.bytes += pending.bytes;
    operations_ += pending.operations;
    bytes_ += pending.bytes;
    lane.queue.push_back(std::move(pending));
    return true;
  }
  operations_ += pending.operations;
  bytes_ += pending.bytes;
  again_.push_back(std::move(pending));
  return true;
}

// Null: there is none.
Intake::Lane* Intake::next() {
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (Lane& lane = lanes_[(turn_ + i) % lanes_.size()]; !lane.queue.empty()) {
      turn_ = (turn_ + i) % lanes_.size();
      return &lane;
    }
  return nullptr;
}

std::vector<Pending> Intake::take(std::size_t operations_max, std::size_t bytes_max) {
  std::vector<Pending> taken;
  taken.reserve(std::min(operations_, operations_max));
  std::size_t operations = 0, bytes = 0;
  while (operations_ > 0) {
    Lane* const lane = again_.empty() ? next() : nullptr;
    auto& queue = lane ? lane->queue : again_;
    Pending& first = queue.front();
    if (!taken.empty() && (operations + first.operations > operations_max || bytes + first.bytes > bytes_max)) break;
    operations += first.operations;
    bytes += first.bytes;
    if (lane) {
      lane->operations -= first.operations;
      lane->bytes -= first.bytes;
      ++turn_;
    }
    operations_ -= first.operations;
    bytes_ -= first.bytes;
    taken.push_back(std::move(first));
    queue.pop_front();
  }
  return taken;
}

}  // namespace keelson::store
