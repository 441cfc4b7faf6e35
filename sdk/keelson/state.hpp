// What a plugin declared and what runs it: the SDK's own side of the border. Not for plugin authors.
//
// Threads: written by start_plugin only, read by all; pending completions under their mutex.
#pragma once
#include <atomic>
#include <list>
#include <mutex>
#include <unordered_map>

#include <keelson/plugin.hpp>

namespace keelson::detail {

/// A Gvk that owns its texts.
struct KindName {
  std::string group, version, kind, resource;
  KindName() = default;
  explicit KindName(const Gvk& gvk) : group(gvk.group), version(gvk.version), kind(gvk.kind), resource(gvk.resource) {}
  bool is(const Gvk& gvk) const { return group == gvk.group && resource == gvk.resource; }
  Gvk gvk() const { return {group, version, kind, resource}; }
};

/// The object that a reconcile is about, for owner references of what it makes.
struct Scope {
  const ControllerState* controller = nullptr;
  ObjectHandle object;
  mutable std::shared_ptr<Waiting> waiting = nullptr;   ///< the last write, while nobody has asked about it
};
/// How a reconcile ends: what it returned, after the write that still waits.
Result finish(const HostCall& call, Result result);

struct SourceState {
  enum class Via { self, owner, map } via = Via::self;
  KindName kind;
  std::string name = {};            ///< only objects of this name
  MapFunction map = {};
  PredicateFunction predicate = {};
};

struct ControllerState {
  PluginState* plugin = nullptr;
  std::uint32_t index = 0;
  std::string name, finalizer;
  bool keyed = false;
  KindName kind;
  int workers = 1;
  std::chrono::nanoseconds deadline{0};
  ObjectFunction reconcile, finalize;
  std::unique_ptr<KeyReconciler> key_reconciler;
  std::vector<SourceState> sources;
  Controller face{*this};
  bool owns(const Gvk& gvk) const;
};

struct RouteState {
  KindName kind;
  std::string subresource, path;   // of a path the kind is empty
  std::function<void(Context&, const Request&, Stream&)> handler;
};
struct ObserverState {
  KindName kind = {};
  bool all = false, deletions = false, linked = false;
  std::vector<std::string> whole = {};   // storage keys
  ObserveFunction one = {};
  std::function<void(std::string_view, const KindInfo&, const ObjectHandle&, const ObjectHandle&)> every = {};
};
struct TaskState {
  std::string name;
  std::function<void(Context&)> body;
};

struct ConversionState {
  std::string group, kind, from, to;
  ConvertJson convert;
};
/// A version that a kind of this plugin's own has beside its stored one.
struct VersionState {
  KindName kind;
  std::string version, schema_json;
};

struct HookState {
  std::string point;
  HookOptions options;
  HookFunction function;
};

struct PluginState {
  const keelson_host_v1* table = nullptr;
  void* host = nullptr;
  std::string name, version, component;
  std::vector<std::string> kinds;                        // CRDs, JSON or YAML
  std::list<ControllerState> controllers;                // list: Controller& are handed out
  std::vector<ControllerState*> by_index;
  std::vector<ObserverState> observers;
  std::vector<TaskState> tasks;
  std::vector<RouteState> routes;
  std::vector<HookState> hooks;
  std::vector<ConversionState> conversions;
  std::vector<VersionState> versions;
  std::vector<std::string> points;
  std::vector<std::string> needed;                       // capabilities, by name
  std::vector<Right> rights;
  std::function<std::string()> check;
  std::function<void()> stop;

  std::mutex mutex;                                      // guards pending
  std::unordered_map<std::uint64_t, std::function<void(const Error*)>> pending;
  std::uint64_t next_token = 1;

  std::unordered_map<std::string, KindInfo> seen_kinds;  // event thread only: parsed once each
  const std::pair<const std::string, KindInfo>* last_seen = nullptr;   // of these

  HostCall call(keelson_call id, const Scope* scope = nullptr) { return {table, host, id, scope, this}; }
  ObjectHandle borrow(keelson_object object) const { return ObjectHandle::borrow(table, host, object); }
  std::string declaration() const;
  std::uint64_t expect_completion(std::function<void(const Error*)> completed);
  /// The token of the first; those of the others follow it.
  std::uint64_t expect_completions(std::vector<std::function<void(const Error*)>> completed);
};

/// KEELSON_CREATE ... by the names of Context::write_raw; 0: none of them.
std::uint32_t operation_number(std::string_view name);

// json.cc
std::string crd_json(const Gvk& gvk, const KindOptions& options, std::string_view schema_json);
/// With owner reference and namespace as Context::create() promises.
std::string owned_body(const Scope* scope, const Gvk& gvk, std::string body);
/// modification() by values instead of texts.
std::string modification_of_values(std::string_view from_json, std::string_view to_json);
/// The merge patch alone, {} when nothing differs.
std::string difference_of_values(std::string_view from_json, std::string_view to_json);
/// merge patch that takes (or adds) one finalizer, under the object's resourceVersion.
std::string finalizers_patch(const ObjectHandle& object, std::string_view name, bool present);
/// The merge patch that gives an object whose stored status is `stored_json` ("": it has none) the one that is wanted. What changed in
/// the type's view of it is taken over, conditions by their type; what is only in `stored_json` is kept. Compared with what is stored, not with what the type sees
/// of it: a status that is still absent differs from one that is all defaults. Empty: nothing differs.
std::string status_patch(std::string_view stored_json, const StatusChange& change);
std::vector<KindInfo> parse_kinds(std::string_view json);
KindInfo parse_kind(std::string_view json);
Request parse_request(std::string_view json);

// modification.cc
/// `patch` with the revision (quotes included) that it starts from.
std::string under_revision(std::string patch, std::string_view revision);
/// Appends the merge patch of two values as text, or the second where one is no object. False: they are the same.
bool raw_modification(std::string& out, std::string_view from, std::string_view to);
/// The same of a whole stored object, under its revision.
std::string status_modification(std::string_view object_json, const StatusChange& change);

// conversion.cc
/// A definition with the older versions that the plugin has of it.
std::string with_versions(const PluginState& plugin, const std::string& crd);
/// A definition of what is stored nowhere.
std::string served_crd(std::string_view crd, const std::vector<std::string>& verbs);

/// A sink that collects into a string.
struct Collect {
  std::string text;
  keelson_sink sink() {
    return {this, [](void* to, keelson_bytes bytes) { static_cast<Collect*>(to)->text.append(bytes.data, bytes.size); }};
  }
};
inline void put(keelson_sink sink, std::string_view text) { sink.put(sink.to, bytes_of(text)); }
inline keelson_kind kind_of(const Gvk& gvk) { return {bytes_of(gvk.group), bytes_of(gvk.version), bytes_of(gvk.resource)}; }
inline keelson_key abi_key(const Key& key) { return {bytes_of(key.ns), bytes_of(key.name)}; }

/// Runs `body`, which answers a Result; whatever it throws becomes a failed one that names the plugin.
Result run_guarded(const PluginState& plugin, std::string_view what, const std::function<Result()>& body);
template <class Body>
Result guarded(const PluginState& plugin, std::string_view what, Body&& body) {
  return run_guarded(plugin, what, std::ref(body));   // a reference: nothing to allocate
}

}  // namespace keelson::detail
