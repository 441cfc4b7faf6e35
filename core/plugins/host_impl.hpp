// The host's own side: one thread that owns the records of all plugins. Not for other modules.
//
// Threads: everything marked "host thread" only there; records are read by others under mutex_.
#pragma once
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <variant>

#include "core/plugins/directories.hpp"
#include "core/plugins/events.hpp"
#include "core/plugins/feed.hpp"
#include "core/plugins/hooks.hpp"
#include "core/plugins/host.hpp"
#include "core/plugins/instance.hpp"
#include "core/plugins/known_files.hpp"
#include "core/plugins/saved_kinds.hpp"

namespace keelson::plugins {

/// How long a plugin may take to end before it counts as stuck.
inline constexpr std::int64_t kStopDeadline_ms = 10'000;
/// So many copies of files that run no more are kept, for when they come back.
inline constexpr std::size_t kSpareCopies = 4;
/// Changed counters are written this long after the first change, and again only this much later.
inline constexpr std::int64_t kCountersFirst_ms = 1'000;
/// After the last of what was asked for, what it needed is given back to the system.
inline constexpr std::int64_t kGiveBack_ms = 1'000;
inline constexpr std::int64_t kCountersAgain_ms = 5'000;
/// A plugin that ran this long without a crash is trusted again.
inline constexpr std::int64_t kCrashForgotten_ms = 10 * 60 * 1000;

/// A process that crashes kCrashesMax times within this is quarantined.
inline constexpr std::int64_t kCrashWindow_ms = 60'000;
/// After its first crash a plugin starts again after the first, then after twice as long each time, up to the second.
inline constexpr std::int64_t kCrashBackoffFirst_ms = 500;
inline constexpr std::int64_t kCrashBackoffMax_ms = 5 * 60 * 1000;

/// One plugin, from its file to its object.
struct Record {
  PluginFile file;
  PluginInfo info;
  std::shared_ptr<Instance> instance;              // shared with routes and checks that are just running
  Settings settings;
  std::vector<base::Atom> kinds;                   // those that it has, or left behind
  std::optional<Handover> handover;                // of the instance before
  bool left = false;                               // its file is gone, its kinds are not
  std::shared_ptr<void> check;
  const Instance* checked = nullptr;               // that it asks; null: nobody runs
  base::Monotonic running_since = 0;
  std::string published;                           // status without the count of errors, as last written
  std::int64_t published_errors = 0;
  base::Monotonic published_at = 0;
  std::string published_role;                      // its rules, as last written
  std::string since;                               // RFC 3339: of the state
  std::deque<base::Monotonic> crashes;             // of its process, within kCrashWindow_ms
  int failures = 0;                                // crashes since it last ran well
  base::Monotonic again_at = base::kForever;       // when it is started again
};

class PluginRoute;   // routes.cc

/// What plugins serve; those of earlier runs below `data_dir` ("": none) are known, and answered 503, from the start.
class Routes final : public RouteTable {
 public:
  using Live = std::function<store::ObjectRef(const store::ObjectRef&)>;
  /// `live`: of Plugin objects.
  Routes(const std::string& data_dir, Live live);
  std::shared_ptr<RouteHandler> find(base::Atom storage_key, std::string_view subresource) const override;
  std::shared_ptr<RouteHandler> find_path(std::string_view path) const override;
  std::shared_ptr<const std::vector<ServedRoute>> served() const override;
  Live live(base::Atom storage_key) const override;
  /// Replaces what that plugin served.
  void add(const std::shared_ptr<Instance>& instance);
  /// The plugins whose files are there; what others served is known no more.
  void keep(const std::set<std::string>& plugins);

 private:
  struct Entry {
    std::string plugin;
    ServedRoute route;
    std::shared_ptr<PluginRoute> handler;          // shared: requests hold it
  };
  template <class Fits> std::shared_ptr<RouteHandler> newest(Fits fits) const;
  void publish();

  const SavedKinds saved_;                         // JSON texts by plugin
  const Live live_;
  mutable std::mutex mutex_;                       // guards what follows
  std::vector<Entry> entries_;                     // in the order in which they came
  std::shared_ptr<const std::vector<ServedRoute>> served_;
};

class Host final : public PluginHost {
 public:
  Host(HostParts parts, HostOptions options);
  ~Host() override;
  void start() override;
  void load(const std::string& file) override;
  void unload(const std::string& name) override;
  void begin_stop(base::Monotonic deadline) override;
  void stop(base::Monotonic deadline) override;
  void lose_watches() override { feed_.lose(); }
  RouteTable& routes() override { return routes_; }
  std::vector<PluginInfo> plugins() const override;
  bool settled() const override;
  bool idle() const override;

 private:
  // host.cc
  void command(std::function<void()> work);
  void run();
  bool run_commands();
  void end_all();
  void look_at_changes();
  base::Monotonic next_wake() const;
  void give_back_memory(bool worked);
  void changed();
  Core core();
  // records.cc (host thread)
  void scan();
  void try_taken_again();
  void drop_old_copies();
  void forget_routes();
  bool disabled(const std::string& file_name, const std::string& plugin) const;
  void load_file(const std::string& name, const PluginFile& file);
  void take_new_file(Record& record, const PluginFile& file);
  void replace_file(Record& record, const PluginFile& file);
  void remove_record(const std::string& key);
  std::optional<Refusal> run_library(Record& record, std::unique_ptr<Library> library);
  void withdraw_unused(const std::vector<base::Atom>& kinds, const std::vector<base::Atom>& before);
  void stop_instance(Record& record);
  void refuse(Record& record, const Refusal& refusal);
  void audit_refusal(const Record& record, const Refusal& refusal, const char* what) const;
  void set_state(Record& record, std::string state, std::string reason, std::string message);
  void renew_check(Record& record);
  void leave_kinds(Record& record, bool gone);
  std::string left_message(const Record& record) const;
  void lift_required(const std::string& plugin);
  void take_over_left(const Record& by);
  void look_after_left_kinds();
  void restore_left();
  void restart(Record& record, const std::string& why);
  void start_record(Record& record);
  using Opened = std::variant<std::unique_ptr<Library>, Refusal>;
  std::optional<Refusal> refused_in_safe_mode(const std::string& file) const;
  Opened open_library(const std::string& file);
  Opened open_checked(const std::string& file, const CheckedFile& checked, const std::string& plugin, bool in_child);
  bool in_child(const std::string& plugin, const std::string& sha256);
  // crashes.cc (host thread)
  int core_crashes(const std::string& plugin) const;
  void look_for_crash(Record& record);
  void look_for_shortage(Record& record);
  void quarantine(Record& record, const std::string& why);
  void set_quarantined(const std::string& plugin, bool quarantined);
  bool start_is_due() const;
  void restart_due();
  void report(const Record& record, bool warning, const std::string& reason, const std::string& note);
  void supervise();
  Settings settings_for(const std::string& plugin);
  // objects.cc (host thread)
  void publish_all();
  bool publish(Record& record);
  store::ObjectRef live_object(const store::ObjectRef& object) const;
  void make_object(const std::string& name);
  void delete_object(const std::string& name);
  void apply_spec(Record& record);
  store::ObjectRef plugin_object(const std::string& name) const;
  void listen();
  // roles.cc (host thread)
  bool publish_role(Record& record);
  void delete_role(const std::string& plugin);
  base::Outcome<void> apply_as_host(std::string_view resource, const std::string& name, std::string body);

  const HostParts parts_;
  const HostOptions options_;
  std::string private_directory_;
  const SavedKinds saved_;
  KnownFiles known_;                               // host thread
  const std::shared_ptr<base::Waiter> waiter_;     // shared with inboxes
  Feed feed_;
  EventRecorder events_;
  const std::shared_ptr<Hooks> hooks_;
  Routes routes_;
  std::shared_ptr<Inbox> inbox_;                   // host thread: Plugin objects and kinds left behind
  std::set<std::string> extra_files_;              // host thread
  std::deque<std::string> spare_copies_;           // host thread: SHA-256 of what was stopped last
  std::vector<std::shared_ptr<Instance>> stuck_;   // host thread; leaked in the end
  std::set<std::string> untouched_;                // host thread: plugin names whose object has to be looked at
  base::Monotonic flush_at_ = base::kForever, give_back_at_ = base::kForever;      // host thread

  mutable std::mutex mutex_;                       // guards what follows
  std::deque<std::function<void()>> commands_;
  std::map<std::string, Record> records_;          // by file name without .so; changed on the host thread only
  base::Monotonic stop_deadline_ = base::kForever;
  std::atomic<bool> changed_{false}, stopping_{false}, working_{false};
  std::unique_ptr<DirectoryWatch> watch_;
  std::unique_ptr<base::Thread> thread_;
};

/// A DNS label made of a file's or plugin's name.
std::string object_name(std::string_view name);

}  // namespace keelson::plugins
