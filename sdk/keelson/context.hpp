// Context: what a plugin may do during a call. All reads are of the host's shared state and at least as new as the
// plugin's own last write; all writes go through the one write path under the plugin's identity.
//
// Threads: a Context belongs to its call and thread. Ownership: references from list() and get() are counted and may be
// kept for the length of the call, not longer.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <keelson/abi.hpp>
#include <keelson/kinds.hpp>
#include <keelson/object.hpp>
#include <keelson/result.hpp>

namespace keelson {

/// A counted reference to the host's own immutable object; decodes to T on first use, at most once.
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(ObjectHandle handle) : handle_(std::move(handle)) {}
  explicit operator bool() const { return static_cast<bool>(handle_); }
  const T& operator*() const { return typed(); }
  const T* operator->() const { return &typed(); }
  // Header columns, without decoding:
  std::string_view name() const { return handle_.name(); }
  std::string_view ns() const { return handle_.ns(); }
  std::string_view uid() const { return handle_.uid(); }
  std::uint64_t revision() const { return handle_.revision(); }
  bool deleting() const { return handle_.deleting(); }
  std::string_view label(std::string_view key) const { return handle_.label(key); }     ///< "" when absent
  std::string_view controller_uid() const { return handle_.controller_uid(); }          ///< "" when there is none
  std::string_view field(std::string_view path) const { return handle_.field(path); }   ///< a selectable field: "spec.nodeName"
  std::string_view body() const { return handle_.body(); }
  Key key() const { return {std::string(ns()), std::string(name())}; }

 private:
  const T& typed() const {
    if (!typed_) typed_ = std::make_shared<const T>(decode<T>(handle_.body()));
    return *typed_;
  }
  ObjectHandle handle_;
  mutable std::shared_ptr<const T> typed_;
};

/// Which objects a list is about. Every member narrows.
struct Query {
  std::string ns;               ///< "" = all namespaces
  std::string labels;           ///< label selector text: "app=web,tier!=db"
  std::string fields;           ///< field selector text: "spec.nodeName=n1"
  std::string owner_uid;        ///< only objects whose controller is this one (indexed)
};

struct RemoveOptions {
  std::string uid;                                     ///< precondition, "" = none
  std::optional<std::int64_t> grace_period_s;
  std::string propagation;                             ///< "", Foreground, Background, Orphan
};

enum class EventType { Normal, Warning };
inline constexpr EventType Normal = EventType::Normal;
inline constexpr EventType Warning = EventType::Warning;

/// Several writes, all or nothing.
class Transaction {
 public:
  template <class T> Transaction& create(const T& object);
  template <class T> Transaction& modify(const T& from, const T& to, std::string_view subresource = "");
  template <class T> Transaction& remove(const Key& key, const RemoveOptions& options = {});
  const std::string& json() const { return steps_; }

 private:
  void add(std::string_view op, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body);
  std::string steps_;
};

class Context {
 public:
  explicit Context(HostCall call) : call_(call) {}

  // --- reads -------------------------------------------------------------------------------------------------------
  template <class T> Outcome<Ref<T>> get(const Key& key);             ///< 404 when absent
  template <class T> Ref<T> find(const Key& key);                     ///< empty when absent
  template <class T> std::vector<Ref<T>> list(const Query& query = {});

  // --- writes (all answer the object as stored) --------------------------------------------------------------------
  template <class T> Outcome<T> create(const T& object);
  /// Server-side apply as field manager "<plugin>", forced.
  template <class T> Outcome<T> apply(const T& object);
  /// Sends what differs between `from` (as read) and `to` as a merge patch, under from's resourceVersion: 409 when somebody
  /// else wrote in between; fields that T does not know survive. Nothing differs: no call.
  template <class T> Outcome<T> modify(const T& from, const T& to, std::string_view subresource = "");
  template <class T> Outcome<T> modify_status(const T& from, const T& to) { return modify(from, to, "status"); }
  template <class T> Outcome<T> patch(const Key& key, std::string_view merge_patch_json, std::string_view subresource = "");
  template <class T> Outcome<void> remove(const Key& key, const RemoveOptions& options = {});
  /// Replaces the status of `object`, if it differs.
  template <class T, class S> Outcome<T> set_status(const T& object, const S& status);
  Outcome<void> commit(const Transaction& transaction);
  /// POST of `body_json` to a subresource ("binding", "token", "eviction"); answers the response object's JSON.
  Outcome<std::string> post(const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body_json);

  /// Starts a write without waiting; `completed` runs on the plugin's event thread with the Status, empty on success.
  void submit_post(const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body_json, std::function<void(const Error*)> completed);
  void submit_patch(const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view merge_patch_json, std::function<void(const Error*)> completed);

  // --- untyped (any kind by group, version, resource) --------------------------------------------------------------
  Outcome<ObjectHandle> get_raw(const Gvk& gvk, const Key& key);
  Outcome<std::vector<ObjectHandle>> list_raw(const Gvk& gvk, const Query& query);
  Outcome<std::string> write_raw(std::string_view op, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body_json, std::string_view options_json = {});
  /// All kinds that are served, for those that work on any (garbage collection, namespace deletion).
  std::vector<KindInfo> kinds();

  // --- the rest ----------------------------------------------------------------------------------------------------
  /// Recorded as core/v1 Event (repeats counted in one object), asynchronously, never failing the call.
  template <class T> void event(const T& about, EventType type, std::string_view reason, std::string_view note) {
    record_event(reference_json(about), type, reason, note);
  }
  std::chrono::sys_seconds now() const;
  std::int64_t unix_ns() const;
  void log(std::string_view level, std::string_view message);
  std::uint64_t random();
  /// True once the host wants this call to end (shutdown, unload, deadline).
  bool cancelled() const;
  /// Waits up to `duration`; false when cancelled. A scheduling point of the simulator.
  bool sleep(std::chrono::nanoseconds duration);

 private:
  void record_event(std::string_view reference_json, EventType type, std::string_view reason, std::string_view note);
  HostCall call_;
};

}  // namespace keelson
