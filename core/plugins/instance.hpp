// Instance: one plugin that runs inside the core: its library, its event thread, its controllers, tasks and streams.
//
// Invariants: the plugin's start() is the first thing that its event thread does; maps, predicates, observers and
//   completions run only there, in revision order; workers and tasks start when all existing objects were shown. After
//   stop() answered true nothing of the plugin runs and it holds nothing of the core.
// Threads: start() and stop() by the host's thread; the rest by any. Ownership: shared, because routes and health checks
//   hold it weakly; an instance that is stuck is never destroyed.
#pragma once
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/log.hpp"
#include "core/plugins/calls.hpp"
#include "core/plugins/controller.hpp"
#include "core/plugins/core.hpp"
#include "core/plugins/crash_marker.hpp"
#include "core/plugins/declaration.hpp"
#include "core/plugins/feed.hpp"
#include "core/plugins/hook_workers.hpp"
#include "core/plugins/hooks.hpp"
#include "core/plugins/library.hpp"
#include "core/plugins/readiness.hpp"
#include "core/plugins/route.hpp"
#include "core/plugins/usage.hpp"

namespace keelson::plugins {

inline constexpr std::int64_t kStartDeadline_ms = 30'000;
inline constexpr std::size_t kSubmitsInFlightMax = 65'536;
inline constexpr std::size_t kStreamsMax = 512;
inline constexpr std::int64_t kTaskRestart_ms = 1'000;
/// Calls of a process that was killed come back within this.
inline constexpr std::int64_t kKillDeadline_ms = 5'000;
inline constexpr std::size_t kEventThreadStackBytes = 1024 * 1024;

struct Settings {
  std::map<std::string, std::string> config;
  bool paused = false;
  int workers = 0;                               ///< 0: as declared
  std::optional<base::LogLevel> log_level;   ///< none: the server's
  std::string host;                              ///< "Core", "Process"; empty: the server chooses
  bool quarantined = false;
};

struct Statistics {
  std::uint64_t reconciles = 0, errors = 0;
  std::size_t queue_length = 0;
  std::string last_error;
  std::int64_t p99_ns = 0;                       ///< of its reconciles; 0: there were none
  Usage usage;
};

/// What the next instance of a plugin needs, so that nothing is forgotten on the way.
struct Handover {
  store::Revision seen = 0;                       ///< changes up to here were taken in
  std::map<std::string, std::vector<std::pair<std::string, base::Monotonic>>> keys;   ///< by controller: see WorkQueue::leftovers
};

/// How a submitted write ended; code 0: well.
struct Completion {
  std::uint64_t token = 0;
  int code = 0;
  std::string status_json;
};

class Instance : public std::enable_shared_from_this<Instance> {
 public:
  /// `changed`: statistics or state changed; any thread, must not wait.
  Instance(Core core, std::unique_ptr<Library> library, Settings settings, std::function<void()> changed);
  ~Instance();

  /// Before start(): goes on where another instance ended.
  void take_over(Handover handover) { handover_ = std::move(handover); }
  /// After stop() answered true.
  Handover hand_over() const;
  /// Waits for the plugin's start(). A refused instance is stopped already.
  std::optional<Refusal> start();
  /// After start(), once others find its hooks: its controllers may need them.
  void begin_work();
  /// False: something did not end by the deadline; the instance has to be kept for ever.
  bool stop(base::Monotonic deadline);

  const std::string& name() const { return name_; }
  const Library& library() const { return *library_; }
  /// `tell` runs when the plugin's process, if it has one, ends without being asked to.
  void on_death(std::function<void()> tell) { library_->on_death(std::move(tell)); }
  const Declaration& declaration() const { return declaration_; }
  /// What it may do.
  const auth::Identity& identity() const { return identity_; }
  /// Storage keys of the kinds that it declared.
  const std::vector<base::Atom>& kinds() const { return kinds_; }
  Statistics statistics() const;
  bool synced() const { return synced_.load(); }
  bool fell_behind() const { return behind_.load(); }
  bool busy() const;
  /// What it has not returned from long after its deadline.
  std::optional<std::string> stuck() const { return calls_.overdue(kCallGrace_ms * base::kNanosPerMs); }
  std::optional<base::Monotonic> next_stuck_check() const { return calls_.next_overdue(kCallGrace_ms * base::kNanosPerMs); }
  /// Workers that do not come back are replaced by others; their keys stay fenced.
  void replace_stuck_workers();
  void set_paused(bool paused);
  void set_workers(int workers);
  void set_log_level(std::optional<base::LogLevel> level) { log_level_.store(level); }
  /// Empty: ready.
  std::string check();
  /// Serves a stream on a thread of its own; fails it when it cannot.
  void serve(std::uint32_t route, RouteRequest request, std::shared_ptr<RouteStream> stream);

  // --- hooks (instance_hooks.cc) ---
  /// False: loading, paused or stopping.
  bool answers_hooks() const;
  bool paused() const { return paused_.load(); }
  HookAnswer answer_hook(const HookDeclaration& hook, const HookQuestion& question);
  void answer_hook_later(const HookDeclaration& hook, HookQuestion question, std::function<void(HookAnswer)> done);
  void hook_changed(std::uint32_t hook);

  // --- for the host table (host_table.cc) ---
  Core& core() { return core_; }
  CallTable& calls() { return calls_; }
  verbs::Context verbs_context(keelson_call call) const;
  const std::string& component() const { return declaration_.component.empty() ? name_ : declaration_.component; }
  const Settings& settings() const { return settings_; }
  /// What a reconcile of that key would be given now.
  base::Outcome<store::ObjectRef> find_for(std::uint32_t controller, const keelson_key& key);
  void hold(const store::Object& object);
  void let_go(const store::Object& object);
  void enqueue(std::uint32_t controller, const std::string& key, std::int64_t delay_ns);
  void note_failure(keelson_status status, const std::string& what, const std::string& error_json);
  void log(base::LogLevel level, std::string_view message) const;
  std::atomic<std::size_t>& submits_in_flight() { return submits_; }
  /// The event thread tells the plugin, then the submit is no call any more. What it was made with (null: nothing that is worth it) is
  /// taken down by whoever submits next, so that memory goes back to the thread that will ask for it again; when nothing is under
  /// way, by the event thread.
  void complete(Completion completion, std::shared_ptr<void> made_by);
  void take_spent();
  std::uint64_t add_metric(std::function<void(double)> record);
  void record(std::uint64_t metric, double value);

 private:
  struct Job {
    std::unique_ptr<base::Thread> thread;
    std::shared_ptr<std::atomic<bool>> ended;
  };
  // instance.cc
  void events();
  std::optional<Refusal> begin();
  std::optional<Refusal> missing_capabilities() const;
  std::optional<Refusal> install_kinds();
  void make_controllers();
  void want_source(Controller& controller, const SourceDeclaration& source);
  void tell_completions();
  void look_after_threads();
  void start_tasks();
  void run_task(std::uint32_t index);
  void spawn_job(std::string name, std::function<void()> body);
  bool end_start(base::Monotonic deadline);
  bool end_calls(base::Monotonic deadline);
  void join_all();
  void finish_plugin(base::Monotonic deadline);
  store::ObjectRef find_object(base::Atom resource, const std::string& key);
  base::Outcome<store::ObjectRef> as_declared(const KindId& kind, store::ObjectRef object);
  /// The object as the controller wants to see it. False: it cannot be, and `result` says so.
  bool show(std::uint32_t controller, const store::ObjectRef& object, store::ObjectRef& shown, Reconciled& result);
  Reconciled reconcile(std::uint32_t controller, const std::string& key, const Call& call, const store::ObjectRef& object);
  void reconcile_all(std::uint32_t controller, std::span<KeyJob> jobs, const std::function<void(KeyJob&)>& done);
  // instance_hooks.cc
  HookAnswer stopping_answer() const;
  std::shared_ptr<Call> begin_hook(const HookDeclaration& hook, base::Monotonic deadline);
  HookAnswer run_hook(const HookDeclaration& hook, const HookQuestion& question, const std::shared_ptr<Call>& call);
  // instance_outside.cc
  std::string ask_readiness();
  // dispatch.cc: changes to controllers and observers
  void sync();
  void take_over_deletions(store::Revision upto);
  void take_over_keys();
  void catch_up();
  void show_missed();
  void sync_resource(const store::Snapshot& snapshot, base::Atom resource);
  void process(const store::Change& change);
  void observe(const store::Change& change);
  void route_all(const store::Change& change);
  bool at_once(base::Atom resource, const SourceDeclaration& source) const;
  void route(std::uint32_t controller, std::uint32_t source, const store::ObjectRef& before, const store::ObjectRef& now);
  void map(std::uint32_t controller, std::uint32_t source, const store::ObjectRef& object);
  void enqueue_owner(std::uint32_t controller, const SourceDeclaration& source, const store::ObjectRef& object);
  bool cluster_scoped(std::uint32_t controller) const;
  bool lets_through(std::uint32_t controller, std::uint32_t source, const store::Object* before, const store::Object* now);
  void show(std::uint32_t observer, std::int32_t what, const store::ObjectRef& now, const store::ObjectRef& before);
  const std::string& kind_json(base::Atom resource);

  MeteredRuntime metered_;
  Core core_;                                     // with that runtime
  std::unique_ptr<Library> library_;
  const std::string name_;
  auth::Identity identity_;                       // complete before anything but start() runs
  Settings settings_;
  const std::function<void()> changed_;
  Declaration declaration_;
  void* self_ = nullptr;
  std::vector<base::Atom> kinds_;
  std::vector<std::unique_ptr<Controller>> controllers_;
  std::vector<std::vector<bool>> at_once_;        // by controller and source: whoever delivers a change queues its key
  CallTable calls_;
  HookWorkers hook_workers_;
  Readiness readiness_;
  std::shared_ptr<Inbox> inbox_;
  store::Revision seen_ = 0;                      // event thread
  store::Revision routed_after_ = store::Revision(-1);   // event thread; later changes were queued as they came, where at_once()
  std::vector<Changes> taken_;                    // event thread
  std::shared_ptr<Call> observing_, mapping_;     // event thread: what its calls are made of
  std::optional<Handover> handover_;              // event thread, once it runs
  std::map<base::Atom, std::pair<std::uint64_t, std::string>> kind_jsons_;   // event thread: by catalog epoch
  std::unique_ptr<base::Thread> thread_;

  std::atomic<bool> stopping_{false}, ending_{false}, synced_{false}, behind_{false}, spawn_wanted_{false}, at_work_{false}, paused_{false};
  std::atomic<std::optional<base::LogLevel>> log_level_;
  std::atomic<std::uint64_t> errors_{0};          // of all but reconciles
  std::int64_t mapped_bytes_ = 0;                 // before anything but start() runs
  std::atomic<std::int64_t> handles_{0};
  std::atomic<std::size_t> submits_{0};
  mutable std::mutex mutex_;                      // guards what follows
  std::vector<Completion> completions_;           // that the plugin has not been told
  std::vector<std::shared_ptr<void>> spent_;
  std::vector<Job> jobs_;
  std::string last_error_;
  std::vector<std::function<void(double)>> metrics_;
  bool started_ = false;
  std::optional<Refusal> refusal_;
  std::unique_ptr<base::Waiter> start_waiter_;
};

/// In-core handles are the objects themselves.
inline keelson_object handle_of(const store::Object* object) { return reinterpret_cast<keelson_object>(object); }
inline const store::Object* object_of(keelson_object handle) { return reinterpret_cast<const store::Object*>(handle); }
inline std::string_view text_of(keelson_bytes bytes) { return bytes.size == 0 ? std::string_view() : std::string_view(bytes.data, bytes.size); }
inline keelson_bytes bytes_of(std::string_view text) { return {text.data(), text.size()}; }

/// A sink that appends to a string.
inline keelson_sink sink_to(std::string& text) {
  return {&text, [](void* to, keelson_bytes bytes) { static_cast<std::string*>(to)->append(bytes.data, bytes.size); }};
}

/// Calls into a plugin: what it throws through the C border (its SDK should not let it) becomes a Status that names it.
template <class F>
keelson_status guarded_call(const std::string& plugin, std::string& error_json, F&& call) {
  const CrashScope crash(plugin);
  std::string what;
  try {
    return call();
  } catch (const std::exception& thrown) {
    what = thrown.what();
  } catch (...) {   // anything else: the border is C
    what = "unknown exception";
  }
  const auto error = base::internal("plugin " + plugin + " threw: " + what);
  error_json = base::to_status_json(error);
  return error.code;
}

/// host_table.cc: the functions that a plugin in the core calls; its `host` is the Instance.
const keelson_host_v1& core_host_table();
/// One entry of keelson_host_v1.kinds.
std::string kind_entry_json(const kinds::Kind& kind);
/// The message of a Status, or the text itself.
std::string message_of(const std::string& status_json);

}  // namespace keelson::plugins
