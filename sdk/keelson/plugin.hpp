// Setup: what a plugin adds, said once in KEELSON_PLUGIN.
//
// Invariants: nothing runs before the body of KEELSON_PLUGIN has returned; what it declared does not change afterwards.
// Threads: Setup and Controller belong to the body's thread, but for trigger() and the metric handles. Ownership: the
// plugin owns its reconcilers and functions; all of them are gone when it is destroyed.
#pragma once
#include <concepts>
#include <deque>
#include <map>
#include <type_traits>

#include <abi/keelson_note.h>
#include <keelson/admission.hpp>
#include <keelson/authorization.hpp>
#include <keelson/context.hpp>
#include <keelson/conversion.hpp>
#include <keelson/fields.hpp>
#include <keelson/hooks.hpp>
#include <keelson/node.hpp>
#include <keelson/scheduling.hpp>

namespace keelson {

/// As a rule of a role: `groups` "" is the core's, `resources` "pods", "pods/log" or "*"; `names` makes it narrower. Or of paths.
struct Right { std::vector<std::string> verbs, groups, resources, names = {}, paths = {}; };

enum Scope { Namespaced, Cluster };
struct KindOptions {
  Scope scope = Namespaced;
  std::vector<std::string> short_names = {};
  std::vector<std::string> categories = {};
  struct Column { std::string name, type, json_path; int priority = 0; };
  std::vector<Column> columns = {};
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

namespace detail {
using MapFunction = std::function<std::vector<Key>(const ObjectHandle&)>;
using PredicateFunction = std::function<bool(const ObjectHandle&, const ObjectHandle&)>;
using ObserveFunction = std::function<void(int what, const ObjectHandle& now, const ObjectHandle& before)>;
using ObjectFunction = std::function<Result(Context&, const ObjectHandle&)>;
struct ControllerState;
}  // namespace detail

class Setup;
class Controller {
 public:
  /// Changes of objects whose controller owner is of this controller's kind enqueue that owner.
  template <class T> Controller& owns() { return add_owned(T::gvk); }
  /// Changes of T enqueue what `map` answers: a function of const T& or const Ref<T>&. Also called with the previous state,
  /// so that both sides are woken.
  template <class T, class Map> Controller& watches(Map map) { return watches<T>({}, std::move(map)); }
  /// The same for objects of one name only, in any namespace: the core does not even wake the plugin for others.
  template <class T, class Map> Controller& watches(std::string name, Map map) {
    return add_watch(T::gvk, std::move(name), [map = std::move(map)](const ObjectHandle& object) -> std::vector<Key> {
      if constexpr (std::is_invocable_v<const Map&, const Ref<T>&>) return map(Ref<T>(object));
      else return map(decode<T>(object.body()));
    });
  }
  /// Only changes for which this holds enqueue (null old: added, null new: deleted).
  template <class T> Controller& when(std::function<bool(const Ref<T>& old_state, const Ref<T>& new_state)> predicate) {
    return add_predicate(T::gvk, [predicate = std::move(predicate)](const ObjectHandle& before, const ObjectHandle& now) {
      return predicate(Ref<T>(before), Ref<T>(now));
    });
  }
  Controller& finalizer(std::string name);
  Controller& workers(int count);        ///< default 1
  Controller& name(std::string name);    ///< for metrics; default: the kind in lower case
  /// After this long a call counts as cancelled, and some time later as stuck. Default 5 minutes.
  Controller& deadline(std::chrono::nanoseconds duration);
  /// Enqueues from any thread (a task, a completion).
  void trigger(const Key& key, std::chrono::nanoseconds delay = {});
  std::function<void(const Key&)> trigger_handle();

 private:
  friend class Setup;
  friend struct detail::ControllerState;
  explicit Controller(detail::ControllerState& state) : state_(&state) {}
  Controller& add_owned(const Gvk& gvk);
  Controller& add_watch(const Gvk& gvk, std::string name, detail::MapFunction map);
  Controller& add_predicate(const Gvk& gvk, detail::PredicateFunction predicate);
  detail::ControllerState* state_;
};

template <class T>
struct Observed {
  enum class What { added, modified, deleted, synced } what;   ///< synced: all existing objects were shown
  Ref<T> now, before;
};

/// A request to what this plugin serves: a subresource (pods/log, pods/exec), a resource or a path.
struct Request {
  std::string method, path, query, ns, name, subresource;
  std::vector<std::pair<std::string, std::string>> headers;
  bool upgrade = false;
  std::string user;
  std::string verb = {};                               ///< get, list, watch, create ...; of a path the method in lower case
  std::string body = {};
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

namespace detail {
/// A number in the host's registry; copies name the same metric.
struct MetricHandle {
  const keelson_host_v1* table = nullptr;
  void* host = nullptr;
  std::uint64_t id = 0;
  void record(double value) { if (id != 0) table->record(host, id, value); }
};
}  // namespace detail

class Counter {
 public:
  Counter() = default;
  explicit Counter(detail::MetricHandle metric) : metric_(metric) {}
  void inc(double n = 1) { metric_.record(n); }
 private:
  detail::MetricHandle metric_;
};
class Gauge {
 public:
  Gauge() = default;
  explicit Gauge(detail::MetricHandle metric) : metric_(metric) {}
  void set(double value) { metric_.record(value); }
 private:
  detail::MetricHandle metric_;
};
class Histogram {
 public:
  Histogram() = default;
  explicit Histogram(detail::MetricHandle metric) : metric_(metric) {}
  void observe(double value) { metric_.record(value); }
 private:
  detail::MetricHandle metric_;
};

using MetricLabels = std::map<std::string, std::string>;   ///< the values have to be bounded

class Setup {
 public:
  explicit Setup(detail::PluginState& state) : state_(&state) {}
  Setup(const Setup&) = delete;
  Setup& operator=(const Setup&) = delete;

  /// By the struct; a T made by kindc of a CRD is declared by that CRD, and `options` are its own.
  template <class T> void kind(const KindOptions& options = {}) {
    if constexpr (requires { T::crd; }) kind_from_crd(T::crd);
    else add_kind(T::gvk, options, openapi_schema<T>());
  }
  /// A CustomResourceDefinition as YAML or JSON.
  void kind_from_crd(std::string_view crd);
  template <class T, std::derived_from<Reconciler<T>> R> Controller& controller(std::unique_ptr<R> reconciler) {
    const std::shared_ptr<Reconciler<T>> shared = std::move(reconciler);   // shared: by the two functions below
    return add_controller(T::gvk, [shared](Context& ctx, const ObjectHandle& object) { return shared->reconcile(ctx, decode<T>(object.body())); },
                          [shared](Context& ctx, const ObjectHandle& object) { return shared->finalize(ctx, decode<T>(object.body())); });
  }
  Controller& keyed_controller(std::string name, std::unique_ptr<KeyReconciler> reconciler);
  /// Called in revision order, first for every existing object, on the plugin's one event thread; must be quick.
  template <class T> void observe(std::function<void(const Observed<T>&)> changed) {
    add_observer(T::gvk, [changed = std::move(changed)](int what, const ObjectHandle& now, const ObjectHandle& before) {
      changed(Observed<T>{static_cast<typename Observed<T>::What>(what), Ref<T>(now), Ref<T>(before)});
    });
  }
  /// The same for every kind there is, untyped: "added", "modified", "deleted" or "synced" (once for all kinds, with an
  /// empty KindInfo), handle of the new and of the previous state.
  void observe_all(std::function<void(std::string_view what, const KindInfo& kind, const ObjectHandle& now, const ObjectHandle& before)> changed);
  /// The same, but plain objects, which have no owners and are not being deleted, are shown only of these kinds, and when they are
  /// gone: for whoever is about what hangs together, in a cluster where most objects do not. `whole`: storage keys.
  void observe_linked(std::vector<std::string> whole, std::function<void(std::string_view what, const KindInfo& kind, const ObjectHandle& now, const ObjectHandle& before)> changed);
  /// Only what goes away, of any kind; nothing is shown at the start.
  void observe_deletions(std::function<void(const KindInfo& kind, const ObjectHandle& before)> deleted);
  /// Runs on a host thread from start to drain; poll ctx.cancelled(), wait by ctx.sleep().
  void task(std::string name, std::function<void(Context&)> body);
  void serve(const Gvk& gvk, std::string_view subresource, std::function<void(Context&, const Request&, Stream&)> handler);

  // --- hooks: answers in somebody else's work (sdk/README.md names the points) ---
  /// See admission.hpp.
  template <class T, std::derived_from<Admission<T>> R> void admission(std::unique_ptr<R> admission, const HookOptions& options = {}) {
    const std::shared_ptr<Admission<T>> shared = std::move(admission);   // shared: by the two functions below
    const auto asked = detail::admission_hook(options, T::gvk);
    if constexpr (detail::mutates<R, Admission<T>>) hook("admission.mutate", asked, detail::mutate_hook(detail::typed_mutate<T>(shared)));
    if constexpr (detail::validates<R, Admission<T>>) hook("admission.validate", asked, detail::validate_hook(detail::typed_validate<T>(shared)));
  }
  template <std::derived_from<AnyAdmission> R> void admission_of_any(std::unique_ptr<R> admission, const HookOptions& options) {
    const std::shared_ptr<AnyAdmission> shared = std::move(admission);
    if constexpr (detail::mutates<R, AnyAdmission>)
      hook("admission.mutate", options, detail::mutate_hook([shared](Context& ctx, Review& review, std::string& object) { return shared->mutate(ctx, review, object); }));
    if constexpr (detail::validates<R, AnyAdmission>)
      hook("admission.validate", options, detail::validate_hook([shared](Context& ctx, Review& review, std::string_view object) { return shared->validate(ctx, review, object); }));
  }
  /// See authorization.hpp. The handle's changed() makes all verdicts given so far void.
  HookHandle authorizer(std::unique_ptr<Authorizer> authorizer, const AuthorizerOptions& options = {});
  /// See scheduling.hpp; what R overrides is asked.
  template <std::derived_from<SchedulerExtension> R> void scheduler(std::unique_ptr<R> extension, const HookOptions& options = {}) {
    const std::shared_ptr<R> e = std::move(extension);
    using Base = SchedulerExtension;
    const auto overrides = [](auto own, auto base) { return !std::is_same_v<decltype(own), decltype(base)>; };
    if (overrides(&R::filter, &Base::filter)) hook("scheduler.filter", options, detail::nodes_hook([e](auto&... in) { return e->filter(in...); }));
    if (overrides(&R::score, &Base::score)) hook("scheduler.score", options, detail::nodes_hook([e](auto&... in) { return e->score(in...); }));
    if (overrides(&R::reserve, &Base::reserve)) hook("scheduler.reserve", options, detail::place_hook([e](auto&... in) { return e->reserve(in...); }));
    if (overrides(&R::unreserve, &Base::unreserve)) hook("scheduler.unreserve", options, detail::place_hook([e](auto&... in) { return e->unreserve(in...); }));
    if (overrides(&R::bind, &Base::bind)) hook("scheduler.bind", options, detail::bind_hook([e](auto&... in) { return e->bind(in...); }));
  }
  /// See node.hpp.
  void node_runtime(std::unique_ptr<NodeRuntime> runtime, const HookOptions& options = {});
  void network(std::unique_ptr<Network> network, const HookOptions& options = {});
  /// Fills what is missing, before any other hook sees the object.
  template <class T> void defaulter(std::function<void(T&)> fill, HookOptions options = {}) {
    if (options.name.empty()) options.name = "defaults";
    options.order = kDefaulterOrder;
    hook("admission.mutate", detail::admission_hook(std::move(options), T::gvk), detail::mutate_hook(detail::filling<T>(std::move(fill))));
  }
  /// `check(const T& object, const T* old, FieldErrors& errors)`; old null: created.
  template <class T, class Check> void validator(Check check, HookOptions options = {}) {
    if (options.name.empty()) options.name = "rules";
    hook("admission.validate", detail::admission_hook(std::move(options), T::gvk), detail::validate_hook(detail::checking<T>(std::move(check))));
  }
  /// A gauge whose values are read when somebody scrapes; inline: must be quick.
  void metrics_source(std::string name, std::function<void(MetricValues&)> collect);
  /// A subresource of T, served by this plugin; see serve().
  template <class T> void route(std::string_view subresource, std::function<void(Context&, const Request&, Stream&)> handler) { serve(T::gvk, subresource, std::move(handler)); }
  /// A path below /plugins/<plugin's name>/, with '/' at its end also all below it. Clients need the right to the whole path
  /// (nonResourceURLs), with the method in lower case as verb; who the client is stands in Request::user.
  void serve_path(std::string_view path, std::function<void(Context&, const Request&, Stream&)> handler);
  /// A resource that is stored nowhere: each request to it, by one of these verbs (get, list, watch, create, update, patch,
  /// delete), is answered by `handler`, with a JSON object or list as Kubernetes has them. It is discovered and authorized as
  /// any other; /apis/GROUP/VERSION/[namespaces/NS/]RESOURCE[/NAME]. Only for clients: ctx.get and ctx.list do not find it.
  void resource(const Gvk& gvk, const KindOptions& options, const std::vector<std::string>& verbs, std::function<void(Context&, const Request&, Stream&)> handler);

  /// See conversion.hpp: `forth` makes New of Old, `back` Old of New. When this plugin declares New by its struct, Old is served
  /// beside it; a definition elsewhere names the plugin by its conversion's clientConfig, url https://NAME.plugins.keelson.dev.
  template <class Old, class New, class Forth, class Back> void converts(Forth forth, Back back) {
    static_assert(Old::gvk.group == New::gvk.group && Old::gvk.resource == New::gvk.resource && Old::gvk.version != New::gvk.version, "two versions of one kind");
    if constexpr (!requires { Old::crd; }) add_version(Old::gvk, openapi_schema<Old>());
    add_conversion(Old::gvk, New::gvk, detail::typed_conversion<Old, New>(std::move(forth)));
    add_conversion(New::gvk, Old::gvk, detail::typed_conversion<New, Old>(std::move(back)));
  }
  /// One direction, by JSON.
  void converter(const Gvk& from, const Gvk& to, ConvertJson convert);
  /// Any point, by its name and contract.
  HookHandle hook(std::string_view point, HookOptions options, HookFunction function);
  /// A point of this plugin's own, at which others may answer: ask() of hooks.hpp.
  void point(std::string_view name);

  /// What the plugin does beside what follows from the rest: it may do everything with its own kinds, read what it reconciles,
  /// watches or observes, change and finish what it reconciles, write what it owns, and tell events. All else is refused (403).
  void may(Right right);
  template <class T> void may(std::vector<std::string> verbs, std::string_view subresource = "") {
    may({std::move(verbs), {std::string(T::gvk.group)}, {std::string(T::gvk.resource) + (subresource.empty() ? "" : "/") + std::string(subresource)}});
  }

  /// A check shown by /readyz/plugin-NAME: empty text = ready. Called on any thread; must be quick.
  void ready_when(std::function<std::string()> check);
  /// Runs once before the plugin is destroyed, after the last call has ended.
  void on_stop(std::function<void()> stop);
  Counter counter(std::string_view name, std::string_view help = "", const MetricLabels& labels = {});
  Gauge gauge(std::string_view name, std::string_view help = "", const MetricLabels& labels = {});
  Histogram histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds, const MetricLabels& labels = {});
  /// A key of the plugin's configuration (spec.config of its Plugin object; the server adds dataDir, nodeName, ...).
  std::string config(std::string_view key, std::string_view fallback = "") const;
  /// What this plugin cannot do without and not every host has; hooks and routes are known to be needed by being there:
  /// "transact" (commit() of several objects), "cause", "exact". A host without it refuses the plugin and says what is missing.
  void needs(std::string_view capability);
  /// The name that its events are reported by, e.g. "deployment-controller". Default: the plugin's.
  void component(std::string name);
  std::string_view plugin_name() const;
  /// For completions and helpers outside of a call (no deadline, no cause).
  Context context() const;

 private:
  void add_kind(const Gvk& gvk, const KindOptions& options, std::string schema_json);
  Controller& add_controller(const Gvk& gvk, detail::ObjectFunction reconcile, detail::ObjectFunction finalize);
  void add_observer(const Gvk& gvk, detail::ObserveFunction changed);
  void add_version(const Gvk& gvk, std::string schema_json);
  void add_conversion(const Gvk& from, const Gvk& to, ConvertJson convert);
  detail::MetricHandle metric(std::uint32_t type, std::string_view name, std::string_view help, const std::vector<double>& bounds, const MetricLabels& labels) const;
  detail::PluginState* state_;
};

namespace detail {
using PluginBody = void (*)(Setup&);
/// The functions behind the table; `start` differs by plugin.
keelson_status start_plugin(const char* name, const char* version, PluginBody body, const keelson_host_v1* table, void* host, keelson_sink out, void** self);
keelson_status reconcile(void*, keelson_call, std::uint32_t, const keelson_key*, keelson_object, keelson_next*, keelson_sink);
keelson_status map(void*, keelson_call, std::uint32_t, std::uint32_t, keelson_object, keelson_sink);
std::int32_t predicate(void*, std::uint32_t, std::uint32_t, keelson_object, keelson_object);
keelson_status observe(void*, keelson_call, std::uint32_t, std::int32_t, keelson_bytes, keelson_object, keelson_object);
keelson_status task(void*, keelson_call, std::uint32_t, keelson_sink);
keelson_status serve(void*, keelson_call, std::uint32_t, keelson_bytes, const keelson_stream*);
void completion(void*, std::uint64_t, keelson_status, keelson_bytes);
keelson_status check(void*, keelson_sink);
keelson_status drain(void*, std::int64_t);
void destroy(void*);
keelson_status hook(void*, keelson_call, std::uint32_t, const keelson_hook_request*, keelson_hook_answer*, keelson_sink);
}  // namespace detail

}  // namespace keelson

/// Defines the plugin's one exported symbol. The body gets `setup`.
#define KEELSON_PLUGIN(name, version, setup) KEELSON_PLUGIN_IMPLEMENTATION(name, version, setup)
#define KEELSON_PLUGIN_IMPLEMENTATION(name_, version_, setup_)                                                         \
  KEELSON_PLUGIN_NOTE(name_, version_);                                                                                \
  static void keelson_plugin_body(::keelson::Setup& setup_);                                                          \
  static keelson_status keelson_plugin_start(const keelson_host_v1* table, void* host, keelson_sink out, void** self) { \
    return ::keelson::detail::start_plugin(name_, version_, keelson_plugin_body, table, host, out, self);              \
  }                                                                                                                    \
  static constexpr keelson_plugin_v1 keelson_plugin_table = {                                                          \
      sizeof(keelson_plugin_v1), KEELSON_ABI_MINOR, name_, version_, keelson_plugin_start,                             \
      ::keelson::detail::reconcile, ::keelson::detail::map, ::keelson::detail::predicate, ::keelson::detail::observe,  \
      ::keelson::detail::task, ::keelson::detail::serve, ::keelson::detail::completion, ::keelson::detail::check,      \
      ::keelson::detail::drain, ::keelson::detail::destroy, ::keelson::detail::hook};                                 \
  extern "C" __attribute__((visibility("default"))) const keelson_plugin_v1* keelson_plugin_entry_v1(void) {           \
    return &keelson_plugin_table;                                                                                      \
  }                                                                                                                    \
  static void keelson_plugin_body([[maybe_unused]] ::keelson::Setup& setup_)
