// Calls: what a plugin is doing right now, so that it can be cancelled, waited for and called stuck.
//
// Invariants: a call that begin() answered is listed until end(); after close() none begins. One lock guards what an instance is
//   doing and, in its controllers' queues, what it has to do: who ends one run and begins the next takes it once.
// Threads: any. Ownership: shared, because the plugin may still ask about a call that is just ending.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/runtime.hpp"
#include "core/plugins/hook_call.hpp"
#include "core/store/object.hpp"

namespace keelson::plugins {

class CallTable;

struct Call {
  std::uint64_t id = 0;                      ///< 0: not under way
  const CallTable* table = nullptr;          // that it is listed in
  std::size_t place = 0;                     // of the table; 0: none
  std::string what;                          ///< "reconcile website", for messages
  std::string about;                         ///< " default/web"; empty: nothing more to say
  const std::string* run_of = nullptr;       ///< whose run it is, and which
  std::uint64_t run = 0;
  base::Monotonic started = 0;
  base::Monotonic deadline = base::kForever;
  store::Revision trigger = 0;               ///< the revision that led to it
  std::unique_ptr<HookScope> hook;           ///< set before the call runs, when it is one of a hook
  std::atomic<bool> cancelled{false};
  std::mutex mutex;                          // guards sleeper
  base::Waiter* sleeper = nullptr;           ///< set while it sleeps
  void cancel();
  std::string text() const { return what + about; }
  /// Of what it writes; empty: none of its own.
  std::string request_id() const { return run_of == nullptr ? std::string() : *run_of + '-' + std::to_string(run); }
};

inline constexpr long kCallHolders = 2;

class CallTable {
 public:
  using Lock = std::unique_lock<std::mutex>;
  explicit CallTable(base::Runtime& runtime);
  /// Shared: a timer of a queue may be the last that needs it.
  const std::shared_ptr<std::mutex>& mutex() const { return mutex_; }
  /// Null after close().
  std::shared_ptr<Call> begin(std::string what, base::Monotonic deadline = base::kForever, store::Revision trigger = 0);
  /// The same for a call that its owner has filled in. False after close().
  bool begin(const std::shared_ptr<Call>& call);
  void end(const Call& call);
  /// For who makes one call after the other, with the lock held: a call that was begun so keeps its place when it pauses. Only
  /// its owner and this table hold it then, if `use_count()` is kCallHolders.
  bool begin(const Lock& held, const std::shared_ptr<Call>& call);
  void pause(const Lock& held, Call& call);
  /// The next call of such a one, to be filled in for begin(): the last one in its place again, unless somebody still holds that.
  Call& renew(const Lock& held, std::shared_ptr<Call>& call);
  void end(const Lock& held, const Call& call);
  bool closed(const Lock&) const { return closed_; }
  /// A call that nobody cancels, asks after or limits, like a write that was submitted: it is only counted. False after close().
  bool enter(std::size_t calls = 1);
  void leave(std::size_t calls);
  std::shared_ptr<Call> find(std::uint64_t id) const;
  /// While one of these lives its thread finds that call without asking anybody: what a plugin does in a call mostly comes from there.
  class Here {
   public:
    explicit Here(const std::shared_ptr<Call>& call);
    Here(const Here&) = delete;
    Here& operator=(const Here&) = delete;
    ~Here();

   private:
    const std::shared_ptr<Call>* const before_;
  };
  /// False: cancelled before the time was over. `call` may be null.
  bool sleep(Call* call, std::int64_t ns);
  bool cancelled(const Call* call) const;

  /// No new calls; those under way are cancelled.
  void close();
  /// True: no call is under way.
  bool wait_empty(base::Monotonic deadline);
  std::size_t size() const;
  /// A call that is `grace_ns` past its deadline (or past close()), if there is one.
  std::optional<std::string> overdue(std::int64_t grace_ns) const;
  /// How many such calls are of that kind.
  int count_overdue(std::string_view what, std::int64_t grace_ns) const;
  /// When overdue() may have something new to say; never now.
  std::optional<base::Monotonic> next_overdue(std::int64_t grace_ns) const;

 private:
  base::Runtime& runtime_;
  const std::shared_ptr<std::mutex> mutex_ = std::make_shared<std::mutex>();   // guards what follows
  static constexpr std::uint64_t kSlotBits = 24;   // of an id: the slot and one; what is above counts its users
  template <class Visit>
  void each(Visit&& visit) const {
    for (const auto& call : slots_)
      if (call && call->id != 0) visit(*call);
  }
  std::vector<std::shared_ptr<Call>> slots_;       // empty: free
  std::vector<std::size_t> free_;
  std::unique_ptr<base::Waiter> emptied_;
  std::uint64_t begun_ = 0;
  std::size_t under_way_ = 0;
  bool closed_ = false;
};

/// A call for the length of a scope.
class CallScope {
 public:
  CallScope(CallTable& table, std::shared_ptr<Call> call) : table_(table), call_(std::move(call)) {}
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;
  ~CallScope() { if (call_) table_.end(*call_); }
  explicit operator bool() const { return call_ != nullptr; }
  std::uint64_t id() const { return call_->id; }
  Call& call() const { return *call_; }

 private:
  CallTable& table_;
  std::shared_ptr<Call> call_;
};

/// The same for who makes one call after the other: `kept` is what they are made of.
class NextCall {
 public:
  NextCall(CallTable& table, std::shared_ptr<Call>& kept, const char* what, std::string_view about, base::Monotonic deadline, store::Revision trigger);
  NextCall(const NextCall&) = delete;
  NextCall& operator=(const NextCall&) = delete;
  ~NextCall();
  explicit operator bool() const { return begun_; }
  std::uint64_t id() const { return call_->id; }

 private:
  CallTable& table_;
  std::shared_ptr<Call>& call_;
  bool begun_ = false;
};

/// Starts something that answers by callback and waits for the answer. A scheduling point.
template <class T>
T await(base::Runtime& runtime, const std::function<void(std::function<void(T)>)>& start) {
  struct State {
    std::mutex mutex;
    std::optional<T> answer;
    std::unique_ptr<base::Waiter> waiter;
  };
  const auto state = std::make_shared<State>();   // shared: the callback may outlive a spurious wake-up
  state->waiter = runtime.waiter();
  start([state](T answer) {
    const std::lock_guard lock(state->mutex);
    state->answer.emplace(std::move(answer));
    state->waiter->notify();
  });
  for (;;) {
    {
      const std::lock_guard lock(state->mutex);
      if (state->answer) return std::move(*state->answer);
    }
    state->waiter->wait_until(base::kForever);
  }
}

}  // namespace keelson::plugins
