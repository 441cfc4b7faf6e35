// ChildLibrary: a plugin whose code runs in a process of its own. To the core it is a Library like any other: a table of
// functions, each of which asks the child over a lane and answers what the child asks meanwhile.
//
// Invariants: a call returns when the child answered, when it is gone, or a little after the call's deadline, when it is
//   killed; so nothing in the core ever hangs on a child. What the child sends is checked like a client's request: it acts
//   through the same host functions, under the plugin's identity.
// Threads: calls from any; one lane each. A thread of its own notices the child's end and serves requests that belong to
//   no call. Ownership: the destructor ends the child.
// Errors: a call to a child that is gone answers 503.
#pragma once
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/runtime.hpp"
#include "core/plugins/child/cgroup.hpp"
#include "core/plugins/child/lane.hpp"
#include "core/plugins/child/operations.hpp"
#include "core/plugins/child/process.hpp"
#include "core/plugins/controller.hpp"
#include "core/plugins/library.hpp"
#include "core/kinds/kind.hpp"
#include "core/store/object.hpp"

namespace keelson::plugins {

/// A call in a child that has not returned this long after its deadline ends the child.
inline constexpr std::int64_t kChildGrace_ms = 2'000;
/// Of calls that have no deadline of their own but are short: predicates, checks.
inline constexpr std::int64_t kShortCall_ms = 10'000;
inline constexpr std::int64_t kHello_ms = 20'000;
/// Threads of a child, unless it is configured otherwise: one a lane and some of its own.
inline constexpr std::uint64_t kChildTasks = 1'280;
/// A child that was told to end and has not is killed.
inline constexpr std::int64_t kChildExit_ms = 2'000;
/// Lanes without a call that are kept open.
inline constexpr std::size_t kIdleLanesMax = 8;
inline constexpr std::size_t kLanesMax = 1024;
/// What is sent ahead of the answer to a call is less, so that it never waits for the child to take it.
inline constexpr std::size_t kAheadBytesMax = 32 * 1024;
/// Of a call without its object's body, about.
inline constexpr std::size_t kFrameBytesTypical = 1024;
/// A reconcile whose last write meets a conflict is asked so often in all before it counts as failed.
inline constexpr int kLastWriteTries = 4;
/// One that has closed a lane is given this long to end by itself, so that it is known how.
inline constexpr std::int64_t kChildEnds_ms = 500;
/// From this share on of its memory or its descriptors it is told that it has nearly used them up.
inline constexpr std::int64_t kShortage_percent = 90;
/// So many of the calls that were under way when it died are named.
inline constexpr std::size_t kLostNamed = 3;

class ChildLibrary final : public Library {
 public:
  ~ChildLibrary() override;
  keelson_status start(Instance& instance, keelson_sink out, void** self) override;
  bool in_core() const override { return false; }
  bool has_network() const override { return network_; }
  std::size_t batch_max() const override { return kBatchMax; }
  void reconcile_all(std::uint32_t controller, std::span<Batched> all, const std::function<void(Batched&)>& done) override;
  void give_back() override;
  void cancel_calls() override;
  bool kill(const std::string& why) override;
  std::optional<Usage> usage() const override { return process_ ? usage_of_process(process_->pid()) : std::nullopt; }
  std::string shortage() const override;
  std::optional<std::string> died() const override;
  void on_death(std::function<void()> tell) override;

  /// What a call of the table is about; see wire.capnp.
  struct Asked {
    CallOp op;
    keelson_call id = 0;
    base::Monotonic give_up = base::kForever;
    bool on_event_lane = false;
    std::string what;                        ///< for the reason when it is killed; empty: as the call is named
    const keelson_stream* stream = nullptr;  ///< of serve
    std::function<void(std::uint64_t id)> given_back;   ///< where calls are sent ahead: told of those that never begin, this one among them, perhaps
  };
  using Fill = std::function<void(wire::Call::Builder)>;
  using Take = std::function<void(wire::Answer::Reader)>;
  keelson_status ask(const Asked& asked, const Fill& fill, const Take& take);
  base::Monotonic now() const { return runtime_.monotonic_ns(); }
  Instance& instance() const { return *instance_; }
  base::Monotonic in_ms(std::int64_t ms) const;
  /// When a call is given up: its deadline and some grace.
  base::Monotonic give_up(keelson_call call) const;
  base::Monotonic give_up(const Call& call) const;
  std::string name_of(const Asked& asked) const;

 private:
  friend struct ChildLoader;
  explicit ChildLibrary(base::Runtime& runtime) : runtime_(runtime) {}
  std::size_t send_ahead(Lane& lane, std::uint32_t controller, std::span<Batched> all, std::size_t from);
  /// False: it is gone.
  bool hear_next(Lane& lane, std::uint32_t controller, Batched& one, const std::function<void(std::uint64_t)>& given_back);
  std::unique_ptr<Lane> take_lane();
  void give_back(std::unique_ptr<Lane> lane);
  /// Reconciles alone: their threads are the controllers' own. Who asks a hook or a route goes on to other work, and must not stay bound.
  static bool meets(const Asked& asked) { return asked.op == CallOp::reconcile; }
  void put(Lane& lane, const Asked& asked, const Fill& fill);
  keelson_status talk(Lane& lane, const Asked& asked, const Take& take);
  void note_lost(const Asked& asked);
  void watch();
  bool serve_outside();
  void note_death();

  base::Runtime& runtime_;
  Instance* instance_ = nullptr;
  std::uint64_t memory_bytes_max_ = 0;
  bool network_ = false;
  std::string name_, version_;               // texts of its table
  keelson_plugin_v1 own_table_{};
  std::unique_ptr<ChildGroup> group_;        // before the process: removed after its end
  std::unique_ptr<ChildProcess> process_;
  int control_ = -1;
  std::unique_ptr<Lane> event_lane_, outside_;
  std::atomic<bool> ending_{false}, closed_its_end_{false};
  std::atomic<int> asking_{0};               // calls under way
  mutable std::mutex mutex_;                 // guards what follows
  std::vector<std::unique_ptr<Lane>> idle_;
  std::size_t lanes_ = 0;
  std::string killed_for_;
  std::optional<std::string> death_;
  std::vector<std::string> lost_;            // calls that it never answered
  std::function<void()> on_death_;
  std::unique_ptr<base::Thread> watcher_;    // last: joins before the rest goes
};

struct ChildOptions {
  std::string program;                       ///< runs `<program> plugin-host --child`
  std::uint64_t memory_bytes_max = 0;        ///< 0: kChildMemoryBytes
  std::uint64_t tasks_max = 0;               ///< threads; 0: kChildTasks
  bool network = false;
};

/// As load_checked(), but none of the file's code runs in this process.
std::variant<std::unique_ptr<Library>, Refusal> load_in_child(const std::string& file, const CheckedFile& checked, const ChildOptions& child, base::Runtime& runtime);

/// Answers one request of a child by the core's host functions. child_requests.cc.
void answer_request(Instance& instance, Lane& lane, wire::Request::Reader request, const keelson_stream* stream);
keelson_write write_of(wire::Write::Reader from);
/// What a child knows of an object.
void encode_object(wire::Object::Builder to, const store::Object& object, const kinds::Kind* kind);
void encode_handle(wire::Object::Builder to, Instance& instance, keelson_object object);

}  // namespace keelson::plugins
