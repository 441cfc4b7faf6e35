// Agent: brings the containers of this node's pods to what their specs say. Level-based: each reconcile lists what the runtime
// has for one pod name and acts on the difference; everything needed after a restart is in the runtime's labels and on disk.
//
// Threads: reconcile() of one key by one thread at a time, different keys at once. Long operations (stopping, hooks, pulls) run
//   in the runtime client and wake the key through `wake` when they end.
// Errors: none escapes; they become events, waiting reasons and a delay until the next attempt.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "backoff.hpp"
#include "cluster.hpp"
#include "configs.hpp"
#include "cri.hpp"
#include "images.hpp"
#include "net_loop.hpp"
#include "plan.hpp"
#include "prober.hpp"
#include "resize.hpp"
#include "status.hpp"
#include "volumes.hpp"

namespace keelson::node {

inline constexpr std::int64_t kRetryTransientNs = kSecondNs;         ///< the network or the runtime is not ready
inline constexpr std::int64_t kRetryErrorNs = 10 * kSecondNs;
inline constexpr std::int64_t kExitSettleNs = 20'000'000;            ///< until the runtime's state shows an exit that its events told
inline constexpr int kExitSettleTries = 100;
inline constexpr int kStatusWriteTries = 5;

/// When a key wants to be looked at again; -1: only when something happens.
struct Next {
  std::int64_t delay_ns = -1;
  void within(std::int64_t ns) {
    if (ns < 0) ns = 0;
    if (delay_ns < 0 || ns < delay_ns) delay_ns = ns;
  }
  void merge(const Next& other) {
    if (other.delay_ns >= 0) within(other.delay_ns);
  }
};

/// What the agent remembers of a pod between reconciles; losing it costs at most a repeated call or an earlier retry.
struct PodRecord {
  struct Stop {
    bool running = false, done = false;
    std::int64_t grace_s = 0;
    std::string error;
  };
  struct Hook {
    bool running = false;
    std::string error;
  };
  std::string uid;
  std::mutex mutex;                                   ///< guards stops and hooks, which completions write
  std::map<std::string, Stop> stops;                  ///< by container id
  std::map<std::string, Hook> hooks;                  ///< postStart, by container id
  // The rest belongs to the key's worker:
  std::map<std::string, RunContainer> ended;          ///< final reports by container id
  std::map<std::string, std::string> messages;        ///< termination messages by container id
  std::map<std::string, Waiting> waiting;
  std::map<std::string, int> settle_tries;
  std::set<std::string> stopped_sandboxes;
  std::string ip_sandbox;
  std::vector<std::string> ips;
  TokenCache tokens;
  ResourcesByName allocated;                          ///< by container name
  ResourcesByName in_force;                           ///< by container id
  Resize resize;
  std::string failure_reason, failure_message;
  std::int64_t sandbox_retry_ns = 0;
  int sandbox_failures = 0;
  bool admitted = false;
  bool removal_sent = false;
};
using RecordPtr = std::shared_ptr<PodRecord>;

class Agent {
 public:
  struct Parts {
    Cri& cri;
    NetLoop& loop;
    Prober& prober;
    ImagePuller& images;
    Volumes& volumes;
    NodeSettings settings;
    std::function<void(const Key&, std::int64_t delay_ns)> wake;
    std::function<std::int64_t()> unix_ns;
  };
  explicit Agent(Parts parts) : parts_(std::move(parts)) {}

  Next reconcile(Cluster& api, const Key& key);
  /// From the runtime's event stream: looks up whose it was and wakes that pod.
  void container_exited(const std::string& container_id);
  /// Every pod that the runtime or the disk knows; called when the event stream (re)starts.
  std::vector<Key> relist(Cluster& api);
  /// Called every now and then.
  void rotate_logs();
  /// Keys of pods of this node that read this ConfigMap or Secret.
  std::vector<Key> readers_of(const std::string& ns, const std::string& kind, const std::string& name) const;

 private:
  struct Sync {   // one reconcile of one pod
    Cluster& api;
    Key key;
    std::shared_ptr<const Pod> pod;
    PodView view;
    RecordPtr record;
    Next next;
    bool sandbox_ready = false;
  };

  // agent.cc: what is there, and pods that should not be
  RecordPtr record_of(const std::string& uid);
  void forget(const std::string& uid);
  std::map<std::string, PodView> by_uid(PodView all) const;
  bool load(Sync& sync);
  bool load_container(Sync& sync, RunContainer& container);
  bool load_addresses(Sync& sync);
  Next tear_down(const std::string& uid, const Key& key, PodView& view);
  Outcome<void> stop_sandboxes(PodRecord& record, const PodView& view);
  /// The same for a pod that is still an object: others are told before.
  Outcome<void> detach_and_stop(Sync& sync);
  /// False: the pod may not run here, or nobody can say yet.
  bool admitted(Sync& sync);
  Outcome<void> remove_all(const std::string& uid, const Key& key, const PodView& view);
  void remember_readers(const Pod& pod);
  void forget_reader(const Key& key);
  void exit_settle(Sync& sync, RunContainer& container);

  // pod_run.cc: pods that should run
  void run(Sync& sync);
  bool prepare_sandbox(Sync& sync, const Plan& plan);
  bool create_sandbox(Sync& sync, std::uint32_t attempt);
  void kill_failed_hooks(Sync& sync);
  bool network_ready(Sync& sync);
  bool setup_volumes(Sync& sync, std::map<std::string, std::string>& paths);
  void wake_for_deadlines(Sync& sync);
  void collect_dead(Sync& sync);
  bool write_status(Sync& sync, bool terminal);

  // pod_resize.cc: more or less of what a pod has
  void settle_resources(Sync& sync);
  void put_in_force(Sync& sync);
  Resize reserve(Sync& sync, const Demand& wanted);
  Outcome<void> resize_container(Sync& sync, const Container& container, const RunContainer& running);
  const ResourceRequirements& in_force(Sync& sync, const Container& container, const RunContainer& running);
  /// Wakes the pods whose resize waits for room.
  void room_freed();

  // pod_start.cc: one container
  enum class Started { yes, waiting, failed };
  void start_all(Sync& sync, const Plan& plan, const std::map<std::string, std::string>& volume_paths);
  Started start(Sync& sync, const PlannedStart& start, const std::string& sandbox_id, const std::map<std::string, std::string>& volume_paths);
  bool backing_off(Sync& sync, const PlannedStart& start);
  std::optional<ImageInfo> ensure_image(Sync& sync, const Container& container);
  Outcome<std::vector<HostMount>> mounts_for(Sync& sync, const PlannedStart& start, const Environment& environment,
                                             const std::map<std::string, std::string>& volume_paths);
  EnvSource env_source(Sync& sync);
  Started launch(Sync& sync, const PlannedStart& start, const std::string& sandbox_id, const ImageInfo& image, Environment environment,
                 std::vector<HostMount> mounts);
  void run_post_start(Sync& sync, const Container& container, const std::string& id);
  bool hooks_done(Sync& sync);

  // pod_stop.cc: ending containers and pods
  void begin_stop(const Sync& sync, const RunContainer& container, std::int64_t grace_s);
  void stop_now(const RecordPtr& record, const Key& key, const std::string& id, std::int64_t grace_s);
  void kill(Sync& sync, const PlannedKill& kill);
  void terminate(Sync& sync);
  bool stop_containers(Sync& sync, std::int64_t grace_s);
  void finish_deletion(Sync& sync);
  void run_hook(const RecordPtr& record, const Container& container, const core_v1::LifecycleHandler& handler, const std::string& id,
                std::int64_t timeout_s, std::function<void(const std::string& error)> done);
  std::string termination_message(const std::string& pod_dir, const RunContainer& container) const;

  /// `container`: of which it tells, "" for the pod as a whole.
  void event(Sync& sync, const std::string& container, bool warning, std::string_view reason, const std::string& note);
  std::int64_t now() const { return parts_.unix_ns(); }

  Parts parts_;
  mutable std::mutex mutex_;                                   // guards the maps below
  std::map<std::string, RecordPtr> records_;                   // by uid
  std::map<std::string, Key> owners_;                          // by container id
  std::set<std::string> exits_seen_;                           // container ids whose end an event told
  std::map<std::string, std::set<Key>> readers_;               // "<ns>/ConfigMap/<name>" -> pods
  std::map<std::string, Demand> demands_;                      // by uid: what the pod was allocated
  std::set<Key> deferred_;                                     // pods whose resize waits for room
  Backoff restarts_;
};

/// "spec.containers{web}" or "spec.initContainers{setup}"; "" when the pod has none of this name.
std::string field_path(const Pod& pod, const std::string& container);
/// The last lines of a CRI log, for FallbackToLogsOnError.
std::string log_tail(const std::string& path);

}  // namespace keelson::node
