// Setup: what a plugin adds, said once in KEELSON_PLUGIN.
#pragma once
#include <keelson/context.hpp>

namespace keelson {

enum Scope { Namespaced, Cluster };
struct KindOptions {
  Scope scope = Namespaced;
  std::vector<std::string> short_names;
  std::vector<std::string> categories;
  struct Column { std::string name, type, json_path; int priority = 0; };
  std::vector<Column> columns;
};

/// Level-based: gets what is, never what happened. One worker per key at a time.
template <class T>
class Reconciler {
 public:
  virtual ~Reconciler() = default;
  virtual Result reconcile(Context& ctx, const T& object) = 0;
  /// Runs while the object is being deleted and holds the controller's finalizer; done() removes the finalizer.
  virtual Result finalize(Context& ctx, const T& object) { (void)ctx; (void)object; return done(); }
};
/// For controllers whose keys are not objects of one kind, or which act on absence.
class KeyReconciler {
 public:
  virtual ~KeyReconciler() = default;
  virtual Result reconcile(Context& ctx, const Key& key) = 0;
};

class Setup;
class Controller {
 public:
  /// Changes of objects whose controller owner is of this controller's kind enqueue that owner.
  template <class T> Controller& owns();
  /// Changes of T enqueue what `map` answers. Also called with the previous state, so that both sides are woken.
  template <class T> Controller& watches(std::function<std::vector<Key>(const Ref<T>&)> map);
  /// Only changes for which this holds enqueue (null old: added, null new: deleted).
  template <class T> Controller& when(std::function<bool(const Ref<T>& old_state, const Ref<T>& new_state)> predicate);
  Controller& finalizer(std::string name);
  Controller& workers(int count);        ///< default 1
  Controller& name(std::string name);    ///< for metrics; default: the kind in lower case
  /// Enqueues from any thread (a task, a completion).
  void trigger(const Key& key, std::chrono::nanoseconds delay = {});
  std::function<void(const Key&)> trigger_handle();
};

template <class T>
struct Observed {
  enum class What { added, modified, deleted, synced } what;   ///< synced: all existing objects were shown
  Ref<T> now, before;
};

/// A streaming subresource or HTTP route that this plugin serves (pods/log, pods/exec).
struct Request {
  std::string method, path, query, ns, name, subresource;
  std::vector<std::pair<std::string, std::string>> headers;
  bool upgrade = false;
  std::string user;
};
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void respond(int code, std::string_view content_type) = 0;
  virtual bool write(std::string_view bytes) = 0;      ///< waits when the client is slow; false: client gone
  virtual void fail(const Error& error) = 0;
  /// Hands the connection to http://address/path as it is (upgrades: bytes both ways).
  virtual void forward(std::string_view host_port, std::string_view path_and_query) = 0;
  virtual bool closed() const = 0;
};

class Counter { public: void inc(double n = 1); };
class Gauge { public: void set(double value); };
class Histogram { public: void observe(double value); };

class Setup {
 public:
  template <class T> void kind(const KindOptions& options = {});
  void kind_from_crd(std::string_view crd_yaml);
  template <class T> Controller& controller(std::unique_ptr<Reconciler<T>> reconciler);
  Controller& keyed_controller(std::string name, std::unique_ptr<KeyReconciler> reconciler);
  /// Called in revision order, first for every existing object, on the plugin's one event thread; must be quick.
  template <class T> void observe(std::function<void(const Observed<T>&)> changed);
  /// The same for every kind there is, untyped: type, handle of the new and of the previous state.
  void observe_all(std::function<void(std::string_view what, const KindInfo& kind, const ObjectHandle& now, const ObjectHandle& before)> changed);
  /// Runs on a host thread from start to drain; poll ctx.cancelled(), wait by ctx.sleep().
  void task(std::string name, std::function<void(Context&)> body);
  void serve(const Gvk& gvk, std::string_view subresource, std::function<void(Context&, const Request&, Stream&)> handler);
  /// A check shown by /readyz/plugin-<name>: empty text = ready.
  void ready_when(std::function<std::string()> check);
  Counter counter(std::string_view name, std::string_view help = "");
  Gauge gauge(std::string_view name, std::string_view help = "");
  Histogram histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds);
  /// A key of the plugin's configuration (spec.config of its Plugin object; the server adds dataDir, nodeName, ...).
  std::string config(std::string_view key, std::string_view fallback = "") const;
  std::string_view plugin_name() const;
};

}  // namespace keelson

/// Defines the plugin's one exported symbol. The body gets `setup`.
#define KEELSON_PLUGIN(name, version, setup) KEELSON_PLUGIN_IMPLEMENTATION(name, version, setup)
