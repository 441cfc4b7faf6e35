// Arena: the memory of one evaluation or one compilation; freed as a whole.
//
// Invariants: never holds more than its limit; what lies in it is trivially destructible, or the caller destroys it.
// Threads: one at a time. Ownership: everything handed out lives as long as the arena.
// Errors: above the limit it throws Stopped, which never leaves this module.
#pragma once
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace keelson::cel {

/// Ends an evaluation at once: cost, memory or cancellation. Caught by Program::evaluate.
struct Stopped {
  const char* why;
};

inline constexpr char kCostExceeded[] = "operation cancelled: actual cost limit exceeded";
inline constexpr char kInterrupted[] = "operation interrupted";

/// How many values one evaluation may look at inside single calls (comparing, searching), whatever the cost says.
inline constexpr std::size_t kArenaStepsMax = 50'000'000;
/// What one evaluation may hold, in bytes.
inline constexpr std::size_t kArenaBytesMax = 64u << 20;

class Arena {
 public:
  explicit Arena(std::size_t limit_bytes = kArenaBytesMax) : limit_(limit_bytes), pool_(buffer_, sizeof buffer_) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* allocate(std::size_t bytes, std::size_t align) {
    if (bytes > limit_ - used_) throw Stopped{kCostExceeded};
    used_ += bytes;
    return pool_.allocate(bytes, align);
  }
  template <class T, class... Args>
  T* make(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>);
    return new (allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }
  template <class T>
  T* array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (count > limit_ / sizeof(T)) throw Stopped{kCostExceeded};
    return static_cast<T*>(allocate(count * sizeof(T), alignof(T)));
  }
  std::string_view keep(std::string_view text);
  /// Counts work that costs do not see.
  void step() {
    if (++steps_ > kArenaStepsMax) throw Stopped{kCostExceeded};
  }

 private:
  std::size_t steps_ = 0;
  std::size_t limit_;
  std::size_t used_ = 0;
  alignas(std::max_align_t) char buffer_[1024];
  std::pmr::monotonic_buffer_resource pool_;
};

}  // namespace keelson::cel
