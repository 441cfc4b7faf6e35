// Published: the one atomic pointer by which readers get the current state. Readers never block the writer or each
// other.
//
// Invariants: the word holds the box's address above a count of readers that are between reading the address and
//   counting themselves in the box (split reference counting: std::atomic<std::shared_ptr> of g++ 12 is a spin lock
//   that thread sanitizers reject).
// Threads: read() any; replace() one thread at a time. Ownership: shares T with its readers.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>

namespace keelson::store {

template <class T>
class Published {
 public:
  explicit Published(std::shared_ptr<T> value) : word_(word_of(new Box(std::move(value)))) {}
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;
  ~Published() { retire(word_.load(std::memory_order_acquire)); }

  std::shared_ptr<T> read() const {
    const std::uint64_t word = word_.fetch_add(1, std::memory_order_acquire);
    Box* box = box_of(word);
    std::shared_ptr<T> value = box->value;
    // Give the borrowed count back to the word, or, when the box was replaced meanwhile, to the box.
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    while (box_of(seen) == box)
      if (word_.compare_exchange_weak(seen, seen - 1, std::memory_order_release, std::memory_order_relaxed)) return value;
    release(box, 1);
    return value;
  }

  void replace(std::shared_ptr<T> value) { retire(word_.exchange(word_of(new Box(std::move(value))), std::memory_order_acq_rel)); }

 private:
  static constexpr int kCountBits = 16;   // addresses have 48 bits
  static constexpr std::uint64_t kCountMask = (1u << kCountBits) - 1;

  struct Box {
    explicit Box(std::shared_ptr<T> v) : value(std::move(v)) {}
    const std::shared_ptr<T> value;
    std::atomic<std::int64_t> owed{0};   // readers that left after the replacement, less those it found
  };
  static std::uint64_t word_of(Box* box) { return reinterpret_cast<std::uint64_t>(box) << kCountBits; }
  static Box* box_of(std::uint64_t word) { return reinterpret_cast<Box*>(word >> kCountBits); }

  // The sum reaches `kRetired` exactly when the box is replaced and every reader it had is gone.
  static constexpr std::int64_t kRetired = std::int64_t{1} << 40;
  static void release(Box* box, std::int64_t by) {
    if (box->owed.fetch_add(by, std::memory_order_acq_rel) + by == kRetired) delete box;
  }
  static void retire(std::uint64_t word) {
    release(box_of(word), kRetired - static_cast<std::int64_t>(word & kCountMask));
  }

  mutable std::atomic<std::uint64_t> word_;
};

}  // namespace keelson::store
