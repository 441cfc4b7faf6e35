#include "core/store/change_ring.hpp"
#include "core/store/storage.hpp"

namespace keelson::store {
namespace {

constexpr std::size_t kMemoryChangesMax = 1'000'000;
constexpr std::uint64_t kMemoryBytesMax = 64ull << 20;

// History is in the ring; state is only what the feed installed. Nothing is ever synced.
class MemoryStorage final : public Storage {
 public:
  MemoryStorage(base::Runtime& runtime, const StoreOptions& options)
      : runtime_(runtime), limits_{std::min(options.history_max_bytes, kMemoryBytesMax), kMemoryChangesMax, options.history_max_age_ms}, ring_(limits_) {}

  base::Outcome<Recovered> recover() override { return Recovered{}; }
  base::Outcome<void> append(std::span<const Change> changes, std::span<const Durability>, bool) override {
    const base::Monotonic now = runtime_.monotonic_ns();
    for (const Change& change : changes) ring_.append(change, now);
    return {};
  }
  base::Outcome<void> sync() override { return {}; }
  base::Outcome<void> raise_ceiling(Revision) override { return {}; }
  base::Outcome<HistoryPage> history(Atom resource, Revision after, const Snapshot& installed, std::size_t changes_max) const override {
    const Revision upto = installed.revision();
    HistoryPage page = ring_.history(resource, after, upto, changes_max);
    // Asked after reading: what was dropped meanwhile is missing from the page.
    if (after < ring_.compacted(resource)) return base::expired("too old resource version: " + std::to_string(after) + " (" + std::to_string(upto) + ")");
    return page;
  }
  base::Outcome<ObjectRef> get_at(const Key& key, Revision revision, const Snapshot& installed) const override {
    Change next = ring_.first_after(key, revision);
    if (revision < ring_.compacted(key.resource)) return base::expired("The resourceVersion for the provided list is too old.");
    return next.object ? next.previous : installed.get(key);
  }
  Revision compacted(Atom resource) const override { return ring_.compacted(resource); }
  bool compact(bool) override {
    ring_.trim(runtime_.monotonic_ns(), limits_);
    return !ring_.empty();
  }
  base::Outcome<void> close(Revision) override { return {}; }

 private:
  base::Runtime& runtime_;
  const RingLimits limits_;
  ChangeRing ring_;
};

}  // namespace

std::unique_ptr<Storage> make_memory_storage(base::Runtime& runtime, StoreOptions options) {
  return std::make_unique<MemoryStorage>(runtime, options);
}

}  // namespace keelson::store
